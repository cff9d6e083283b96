"""Shared by tests and benchmarks: a stand-in endpoint, the table's schema, variables, and a meter."""
