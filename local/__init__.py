"""The whole app on one machine: an AWS emulator, the real CDK CLI, real clients."""
