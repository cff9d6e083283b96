"""Messages in the push queue: events, own events, the push function's own messages, any other text."""

import re

from hypothesis import strategies as st

from tests.fuzz.bodies import ENTITY_IDS, OWN_IDS, WRONG_ENTITY_IDS
from tests.fuzz.own_events import VERSIONS, own_events
from tests.fuzz.texts import ANY, JSON, NASTY, Pair, damaged, mutated, quoted, written

_NOT_IN_SQS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that a message can't have (Amazon SQS API Reference, SendMessage)."""

_MOST_BYTES = 1_000_000  # a little below a message's 1 MB, since a dead letter has a reason, too

_LARGE = st.builds(
    lambda unit, kilobytes: quoted(unit * (kilobytes * 1024 // len(quoted(unit)[1:-1].encode()))),
    st.sampled_from(("a", "ü", "\x01", "\U0001f600")),
    st.sampled_from((16, 24, 100, 127, 128, 250)),
)
_MANY_IDS = st.one_of(
    st.lists(ENTITY_IDS | WRONG_ENTITY_IDS, max_size=5),
    st.integers(95, 103).map(lambda count: [quoted(f"orders/{number}") for number in range(count)]),
    st.just([quoted("orders/1")] * 3),
).map(lambda ids: f"[{','.join(ids)}]")
_USERS = st.sampled_from(("alice", "nobody", "", "a\nb", "a" * 256, "中" * 256, "a" * 257)).map(quoted)
_VALUES = st.one_of(ANY, NASTY, _LARGE, _LARGE, ENTITY_IDS, WRONG_ENTITY_IDS, _MANY_IDS, _USERS)
_DETAIL_TYPES = st.sampled_from(("Entity Updated", "Send User Push Notification", "Broadcast", "Other"))


@st.composite
def _details(draw: st.DrawFn) -> tuple[str, str]:
    """Return a detail-type, and a detail that goes with it."""
    kind = draw(_DETAIL_TYPES)
    whose: Pair = {
        "Entity Updated": ("entityId", draw(ENTITY_IDS)),
        "Send User Push Notification": ("userId", draw(_USERS)),
    }.get(kind, ("x", "1"))
    if kind == "Entity Updated" and draw(st.integers(0, 3)) == 0:
        whose = ("entityIds", draw(_MANY_IDS))
    pairs = [whose, ("message", draw(_VALUES))]
    if draw(st.integers(0, 3)) == 0:
        pairs.append((draw(st.sampled_from(("callback", "from", "connection"))), draw(_VALUES)))
    if draw(st.integers(0, 3)) == 0:
        pairs.append(("version", draw(VERSIONS)))
    if draw(st.integers(0, 3)) == 0:
        pairs.append(("id", draw(OWN_IDS)))
    return kind, written(draw(mutated(pairs, _VALUES, most=2)))


@st.composite
def _events(draw: st.DrawFn) -> str:
    """Return an EventBridge event. Fields that EventBridge itself writes are mutated rarely."""
    kind, detail = draw(_details())
    pairs = [
        ("version", '"0"'),
        ("id", quoted(str(draw(st.uuids())))),
        ("detail-type", quoted(kind)),
        ("source", draw(st.sampled_from(('"shop"', '"entity-push.client"')))),
        ("account", '"111122223333"'),
        ("time", '"2026-11-22T18:43:48Z"'),
        ("region", '"us-east-1"'),
        ("resources", "[]"),
        ("detail", detail),
    ]
    return written(draw(mutated(pairs, _VALUES, most=draw(st.sampled_from((0, 0, 0, 2))))))


@st.composite
def _internal(draw: st.DrawFn) -> str:
    """Return a chunk or a rest."""
    update = [
        ("channel", draw(st.sampled_from(('"entity/orders/1"', '"everyone"', '"user/alice"')))),
        ("eventId", quoted(str(draw(st.uuids())))),
        ("frame", quoted('{"type":"Broadcast"}')),
        ("sentAt", draw(st.sampled_from(("1800000000000", "1")))),
        ("sequence", draw(st.sampled_from(("0", "17")))),
    ]
    ends = st.sampled_from(("9007199254740992", "1")) | ANY
    subscribers = written(
        draw(st.lists(st.tuples(st.sampled_from(("c1=", "c2=")) | st.text(max_size=5), ends), max_size=3))
    )
    chunk = [("subscribers", subscribers), ("attempt", draw(st.sampled_from(("0", "7", "8", "99"))))]
    rest = [("after", '"all="'), ("before", "10000")]
    kind, own = draw(st.sampled_from((("chunk", chunk), ("rest", rest))))
    return written(
        draw(mutated([(kind, written(draw(mutated([*update, *own], _VALUES, most=2))))], _VALUES, most=1))
    )


def _as_in_sqs(body: str) -> str:
    text = _NOT_IN_SQS.sub("?", body) or "?"
    return text.encode()[:_MOST_BYTES].decode(errors="ignore")


_OWN = own_events(_VALUES)

BODIES = st.one_of(
    *[_events()] * 3,
    *[_OWN] * 3,
    _internal(),
    JSON,
    st.text(),
    damaged(_events()),
    damaged(_OWN),
    damaged(_internal()),
).map(_as_in_sqs)

BATCHES = st.tuples(st.lists(BODIES, min_size=1, max_size=3), st.integers(0, 3))
"""Bodies of messages, and the index before which a good event is put."""
