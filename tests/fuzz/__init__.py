"""Anything at all to every function: error frames and dead letters come of it, never a function error."""
