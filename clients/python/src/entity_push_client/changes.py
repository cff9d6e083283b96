"""What a subscription gives to the application: `Reset` and `Update`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from entity_push_client.errors import InvalidMessageError

M = TypeVar("M")
S = TypeVar("S")

Frame = dict[str, Any]


class Update(Generic[M]):
    """One update of an entity or a channel, as the server pushed it. It can't be changed.

    Its fields are read from the frame when asked for: making one costs next to nothing.
    """

    __match_args__ = ("message",)
    __slots__ = ("_frame", "_replayed")

    def __init__(self, frame: Frame, replayed: bool = False):
        self._frame = frame
        self._replayed = replayed

    def parsed(self, parse: Callable[[Any], M]) -> "Update[M]":
        """Return the same update with a message that was looked at.

        Args:
            parse: takes the message, and returns what stands for it.

        Raises:
            InvalidMessageError: `parse` raised an exception.
        """
        if "message" not in self._frame:
            return self
        try:
            return _ParsedUpdate(self._frame, self._replayed, parse(self._frame["message"]))
        except Exception as error:
            about = self.entity_id or self._frame.get("type")
            sentence = f"A message of {about} is not as expected: {error}"
            raise InvalidMessageError(self._frame, sentence) from error

    @property
    def message(self) -> M:
        """The event's message; None if it had none, or if it is too large (`oversize`)."""
        return cast(M, self._frame.get("message"))

    @property
    def entity_id(self) -> str:
        """The entity; empty for the user's and everyone's channel."""
        return str(self._frame.get("entityId", ""))

    @property
    def sequence(self) -> int | None:
        """The update's number in its channel: 1, 2, 3 …; None if the deployment stores no updates."""
        return self._frame.get("sequence")

    @property
    def cursor(self) -> str | None:
        """What to give as `since`, to get everything after this update; None without a number."""
        return self._frame.get("cursor")

    @property
    def id(self) -> str:
        """The id of the event."""
        return str(self._frame.get("id", ""))

    @property
    def time(self) -> str:
        """When the event was put (UTC, whole seconds, RFC 3339)."""
        return str(self._frame.get("time", ""))

    @property
    def sender(self) -> str | None:
        """The user whose client published it (`from` in the protocol); None if a service put it."""
        return self._frame.get("from")

    @property
    def version(self) -> int | None:
        """The version of the entity's state that the event named; None if it named none."""
        return self._frame.get("version")

    @property
    def own_id(self) -> str | None:
        """The id that its sender gave it; None if it has none."""
        return self._frame.get("ownId")

    @property
    def rule(self) -> str | None:
        """The rule that made it from an own event; None for other events."""
        return self._frame.get("rule")

    @property
    def callback(self) -> Any:
        """The callback of a user's notification; None if there is none."""
        return self._frame.get("callback")

    @property
    def oversize(self) -> bool:
        """Whether the message was too large to come along."""
        return self._frame.get("oversize", False) is True

    @property
    def replayed(self) -> bool:
        """Whether it came with an answer, after a time without a connection."""
        return self._replayed

    @property
    def frame(self) -> Mapping[str, Any]:
        """The whole frame, with fields that this version of the client does not know."""
        return self._frame

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Update) and self._same() == other._same()

    def __hash__(self) -> int:
        return hash((self.entity_id, self.cursor, self.id))

    def _same(self) -> tuple[object, ...]:
        return self._frame, self.message, self._replayed

    def __repr__(self) -> str:
        return f"Update({self.entity_id or self._frame.get('type')}, {self.cursor}, {self.message!r})"


class _ParsedUpdate(Update[M]):
    """An update whose message was looked at."""

    __slots__ = ("_parsed",)

    def __init__(self, frame: Frame, replayed: bool, parsed: M):
        super().__init__(frame, replayed)
        self._parsed = parsed

    @property
    def message(self) -> M:
        """What stands for the event's message."""
        return self._parsed


@dataclass(frozen=True, slots=True)
class Reset(Generic[S, M]):
    """A new beginning: first of all, or when it can't be promised that no update was missed.

    What is shown so far is void. `state` takes its place, and updates after `cursor` follow.

    Attributes:
        state: what `get_state` returned; None without one.
        latest: the last update before, if the server told it.
        cursor: what to give as `since`, to get everything after; None without a history.
    """

    state: S
    latest: Update[M] | None
    cursor: str | None


Change = Reset[S, M] | Update[M]
