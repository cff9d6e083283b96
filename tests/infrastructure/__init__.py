"""What is deployed: settings, bundle, template."""
