"""Tests: one folder per kind, listed in CONTRIBUTING.md; the modules here are their shared helpers."""
