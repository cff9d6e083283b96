"""The short forms of frames in scenarios, and the frames that they stand for.

`e.5` is the update with this cursor: number 5 in the life `e`. A name without a dot and a number, such as
`x1`, is the id of an update without a number. `{at: e.5, from: alice}` gives an update more fields. `(user)`
and `(everyone)` stand for the two channels.
"""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

CHANNELS = {"(user)": "user", "(everyone)": "everyone"}
PUSHED = {"(user)": "User Push Notification", "(everyone)": "Broadcast"}
TIME = "2026-11-22T18:43:48Z"


@dataclass(frozen=True)
class Update:
    """An update in a scenario.

    Attributes:
        at: the cursor; empty for an update without a number.
        id: the event's id.
        fields: further fields of the frame.
    """

    at: str
    id: str
    fields: Json = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What scenarios call it: the cursor, or else the id."""
        return self.at or self.id


def update(told: str, fields: Json | None = None) -> Update:
    """Return the update that a short form names."""
    fields = fields or {}
    at = told if is_cursor(told) else ""
    return Update(at, str(fields.get("id") or (f"ev-{at}" if at else told)), fields)


def is_cursor(told: str) -> bool:
    """Tell whether a text is a cursor: a life, a dot, a number."""
    life, _, number = told.rpartition(".")
    return bool(life) and number.isdigit()


def is_pattern(name: str) -> bool:
    """Tell whether a name stands for many entities."""
    return name == "*" or name.endswith("/*")


def about(name: str) -> Json:
    """Return the field that says what a frame of a client, or its answer, is about."""
    return {"channel": CHANNELS[name]} if name in CHANNELS else {"entityId": name}


def name_of(frame: Json) -> str:
    """Return the name that a frame is about; empty if it is about none."""
    for name, channel in CHANNELS.items():
        if frame.get("channel") == channel:
            return name
    return str(frame.get("entityId", ""))


def pushed(name: str, told: Update) -> Json:
    """Return the frame that pushes an update."""
    frame: Json = {"type": PUSHED.get(name, "Entity Updated")}
    if name not in CHANNELS:
        frame["entityId"] = name
    frame |= {"message": f"at {told.key}", "id": told.id, "time": TIME}
    if told.at:
        frame |= {"sequence": int(told.at.rpartition(".")[2]), "cursor": told.at}
    frame |= told.fields
    if told.fields.get("oversize"):
        frame.pop("message")
    return frame


def answer(name: str, question: Json, told: Json, updates: list[Json], latest: Json | None) -> Json:
    """Return the answer to a `subscribe` or `unsubscribe` about one name.

    Args:
        name: the entity, pattern or channel.
        question: the client's frame.
        told: what the scenario says of the answer.
        updates: the frames that it has.
        latest: the frame that it has as `latest`.
    """
    if "error" in told:
        frame = {"type": "error", "code": told["error"], "message": f"The scenario says {told['error']}."}
        return frame | about(name)
    if question["action"] == "unsubscribe":
        return {"type": "unsubscribed", **about(name), "wasSubscribed": told.get("wasSubscribed", True)}
    since = since_of(question, name)
    cursor = told.get("cursor", updates[-1]["cursor"] if updates else since)
    return {
        "type": "subscribed",
        **about(name),
        "alreadySubscribed": told.get("alreadySubscribed", False),
        "cursor": None if cursor == "none" else cursor,
        "recovered": told["recovered"],
        "updates": updates,
        "more": told.get("more", False),
        "latest": latest,
        **told.get("also", {}),
    }


def names_in(question: Json) -> list[str]:
    """Return the names that a client's frame asks about, in its order."""
    return list(question["entityIds"]) if "entityIds" in question else [name_of(question)]


def since_of(question: Json, name: str) -> str | None:
    """Return the cursor that a client's frame has for a name."""
    since = question.get("since")
    if "entityIds" in question:
        return since.get(name) if isinstance(since, dict) else None
    return since if isinstance(since, str) else None
