"""What tests and benchmarks share: stand-ins that are measured against, and the meter of capacity units."""
