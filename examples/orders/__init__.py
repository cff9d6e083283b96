"""A small shop whose orders are live on every screen."""
