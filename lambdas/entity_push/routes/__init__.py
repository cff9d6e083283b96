"""A client's frame and its answer."""
