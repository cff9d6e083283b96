"""A soak: many clients come and go, and no update may be missing in the end."""
