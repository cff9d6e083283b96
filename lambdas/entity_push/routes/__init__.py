"""Routes: a client's frame in, its answer out."""
