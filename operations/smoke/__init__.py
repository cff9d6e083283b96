"""A deployment on real AWS, checked where only real AWS has the answer, and removed: `make smoke`."""
