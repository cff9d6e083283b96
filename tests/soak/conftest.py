"""The app in a local AWS, as the end-to-end tests have it."""

from tests.e2e.conftest import app, as_local, connect

__all__ = ["app", "as_local", "connect"]
