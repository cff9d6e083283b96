"""Commands for those who run a deployment; they work on AWS and on the local AWS alike."""
