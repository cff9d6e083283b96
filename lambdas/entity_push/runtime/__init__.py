"""The process around the code: AWS clients, environment, logs and metrics, TLS."""
