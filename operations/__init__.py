"""Commands for running a deployment. They work on AWS and on the local AWS alike."""
