"""`make release`: what a version is made of, and the packages that it publishes."""
