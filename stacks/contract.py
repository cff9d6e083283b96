"""What the stack states and the commands in `operations/` rely on.

Nothing of the CDK is imported here: it takes a second, and the commands have no use for it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Self

DEFAULT_STACK_NAME = "EntityPush"

DEFAULT_CONSTRUCT = "Default"
"""A construct with this id adds nothing to logical ids (AWS CDK Developer Guide, "Identifiers")."""

SECRET_CHARACTERS = 64
"""Characters of the secret, about 380 bits: more than HS256's 256 (RFC 7518, section 3.2)."""


@dataclass(frozen=True)
class ClaimNames:
    """Which claims of a token name its user, and what the user may do.

    Attributes:
        user: the claim with the user's id.
        subscribe: the claim with the patterns of what the user may subscribe to.
        publish: the claim with the patterns of what the user may publish to.
    """

    user: str = "sub"
    subscribe: str = "subscribe"
    publish: str = "publish"

    def to_output(self) -> str:
        """Return the text of the output `TokenClaims`."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_output(cls, text: str) -> Self:
        """Read the output `TokenClaims`, also of a stack from before it was JSON."""
        try:
            names = json.loads(text)
        except ValueError:
            return cls(*text.split())
        return cls(names["user"], names["subscribe"], names["publish"])


def name_prefix(construct_ids: Iterable[str]) -> str:
    """Return what the names of a construct's outputs and resources begin with.

    Args:
        construct_ids: the ids from below the stack down to the construct.
    """
    ids = (name for name in construct_ids if name != DEFAULT_CONSTRUCT)
    return "".join(re.sub(r"[^A-Za-z0-9]", "", name) for name in ids)
