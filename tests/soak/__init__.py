"""A soak: many clients that come and go, and nothing may be missing in the end."""
