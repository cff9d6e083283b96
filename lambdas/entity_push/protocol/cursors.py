"""Cursors: how far a client has got in a channel.

A cursor is `<epoch>.<sequence>`. The epoch is made together with the channel's head; when the head is
lost (its life is over, somebody emptied the table), numbers begin anew in another epoch, and no old cursor
can be taken for a new one. Clients treat cursors as opaque.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Self

_CURSOR = re.compile(r"([a-z0-9]{1,32})\.(0|[1-9][0-9]{0,15})")


class InvalidCursorError(ValueError):
    """The value was never a cursor of ours."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a channel: after the update with this number.

    Attributes:
        epoch: which life of the channel's head.
        sequence: the number of the last update seen; 0 is before the first.
    """

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.sequence}"

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read what a client sent as `since`.

        Raises:
            InvalidCursorError: it is not of the form of a cursor.
        """
        match = _CURSOR.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise InvalidCursorError
        return cls(match[1], int(match[2]))


def new_epoch() -> str:
    """Return an epoch that no head has had."""
    return secrets.token_hex(6)
