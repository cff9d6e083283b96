"""The JavaScript client where it lives: in a browser, Deno and Bun, against the deployed app."""
