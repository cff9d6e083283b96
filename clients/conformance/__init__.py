"""Conformance of clients: scenarios, a scripted server, and a runner that drives clients through adapters."""
