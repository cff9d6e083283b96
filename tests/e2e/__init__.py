"""The deployed app on the local AWS, used by real clients."""
