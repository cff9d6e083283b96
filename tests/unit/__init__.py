"""One module each; AWS is moto."""
