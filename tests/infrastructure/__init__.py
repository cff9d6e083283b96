"""Tests of the deployed resources: settings, bundle, template, documents."""
