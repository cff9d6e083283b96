"""The contract in asyncapi.yaml, and what is made from it: JSON Schemas, TypeScript types, a page."""
