"""Breaks each defence that SECURITY.md lists, and sees the test that it names go red."""
