"""Tests: unit (one module each), infrastructure (the template), local (the local AWS), e2e (everything)."""
