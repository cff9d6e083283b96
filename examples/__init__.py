"""Examples that run against a deployment."""
