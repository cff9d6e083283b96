"""What an application may name, and how frames name it."""

from enum import Enum

from entity_push_client.changes import Frame


class Channel(Enum):
    """What is sent to no entity.

    Attributes:
        USER: what is sent to the token's user.
        EVERYONE: what is sent to everyone.
    """

    USER = "user"
    EVERYONE = "everyone"

    def __str__(self) -> str:
        return f"#{self.value}"


Name = str | Channel
"""An entity id (`orders/42`), a pattern (`orders/*`), a room (`rooms/r1`), or a channel."""


def is_pattern(name: Name) -> bool:
    """Tell whether a name stands for all entities below something."""
    return isinstance(name, str) and (name == "*" or name.endswith("/*"))


def in_frame(name: Name) -> Frame:
    """Return the field of a frame that names it."""
    return {"channel": name.value} if isinstance(name, Channel) else {"entityId": name}
