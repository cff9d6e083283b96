"""What the stack tells a function through environment variables, read and checked once, at the start."""

import os
from collections.abc import Mapping


class MissingVariableError(RuntimeError):
    """The function was deployed without a variable that it needs."""


def variable(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the value of a variable that must be there.

    Raises:
        MissingVariableError: it is absent or empty.
    """
    value = environment.get(name)
    if not value:
        raise MissingVariableError(f"the environment variable {name} is not set")
    return value
