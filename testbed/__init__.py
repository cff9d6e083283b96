"""Shared by tests and benchmarks: a stand-in endpoint, the table's schema, variables, a meter, 0.1.0."""
