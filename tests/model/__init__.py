"""A model of everything that can happen between a service and a client, with the real code in it."""
