"""Tokens: the authorizer that checks them, and the grants in them."""
