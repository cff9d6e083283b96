"""Clients' frames: valid ones, mutated ones, and texts that are no frames."""

from hypothesis import strategies as st

from tests.fuzz.texts import ANY, JSON, LONG, NASTY, Pair, damaged, mutated, quoted, seldom, written

EPOCH = "5f0c1d2e3a4b"
LARGE_ENTITIES = tuple(f"large/{number}" for number in range(8))

_IDS = (
    *("orders/1", "orders/eu/7", "rooms/7", "silent", "user@example.com", *LARGE_ENTITIES),
    *(
        "/",
        "/a",
        "a/",
        "a//b",
        "a b",
        "**",
        "a*",
        "*/a",
        "orders/*/lines",
        "a#b",
        "é",
        "e\u0301",
        "\u202e",
        "\u2028",
    ),
)
_PATTERNS = ("*", "orders/*", "orders/eu/*", "rooms/*", "/*", "a//*", "é/*", "a/b/c/d/e/*", "a/b/c/d/e/f/*")
_WRONG_IDS = (
    "",
    "#everyone",
    "/*/*",
    "a\n",
    "\0",
    "\x85",
    "\ud800",
    "\ufdd0",
    "\ufffe",
    "\U0010ffff",
    "訂" * 171,
)
_CURSORS = (
    *(f"{EPOCH}.{sequence}" for sequence in ("0", "1", "2", "3", "4", "9999999999999999", "01", "-1", "²")),
    "another.1",
    ".1",
    "1",
    "A.1",
    f"{EPOCH}.1\n",
)

_ANY_IDS = st.one_of(
    *[st.text(min_size=1, max_size=20)] * 3, st.text(st.characters(), min_size=1, max_size=20)
)
"""All of Unicode, also what no id may have."""

ENTITY_IDS = st.one_of(st.sampled_from((*_IDS, *_PATTERNS)), _ANY_IDS).map(quoted)
WRONG_ENTITY_IDS = st.one_of(st.sampled_from(_WRONG_IDS).map(quoted), LONG)
CURSORS = st.sampled_from(_CURSORS).map(quoted)
_SEVERAL = st.one_of(
    st.lists(st.one_of(ENTITY_IDS, ENTITY_IDS, ENTITY_IDS, WRONG_ENTITY_IDS, ANY), max_size=27),
    st.lists(st.just(quoted("é" * 7_000)), max_size=3).map(
        lambda wrong: [*map(quoted, LARGE_ENTITIES), *wrong]
    ),
).map(lambda ids: f"[{','.join(ids)}]")
_SINCE = st.lists(
    st.tuples(st.sampled_from((*_IDS, *_PATTERNS)), st.one_of(CURSORS, ANY)), max_size=len(_IDS)
)
_ALL_SINCE = st.sampled_from(
    [written([(name, quoted(f"{EPOCH}.{number}")) for name in LARGE_ENTITIES]) for number in range(2)]
)
SINCE = st.one_of(CURSORS, _ALL_SINCE, _SINCE.map(written))
CHANNELS = st.sampled_from(('"user"', '"everyone"', '"User"', '"everyone/0"'))
REQUEST_IDS = st.sampled_from(
    (
        '"r1"',
        '""',
        '"\\ud800"',
        f'"{"r" * 128}"',
        f'"{"r" * 129}"',
        "7",
        "-7",
        "1.0",
        "true",
        "9007199254740992",
    )
)
OWN_IDS = st.one_of(
    st.sampled_from(("order-7", "Order 7/é", "*", "#everyone", "user/alice", "x" * 128)).map(quoted),
    st.sampled_from(("", " ", "x" * 129, "a\n", "\u00a0", "\u202e", "\ud800", "\ufffe")).map(quoted),
    st.text(st.characters(), min_size=1, max_size=20).map(quoted),
)
"""Ids of one's own, and texts that are none."""

VALUES = st.one_of(ANY, OWN_IDS, ENTITY_IDS, WRONG_ENTITY_IDS, _SEVERAL, SINCE, CHANNELS, REQUEST_IDS)


_PUBLISHING = ("publish", "onMessage")


@st.composite
def _frame(draw: st.DrawFn, action: str, *members: tuple[str, st.SearchStrategy[str]]) -> str:
    pairs: list[Pair] = [("action", quoted(action))]
    pairs += [(name, draw(values)) for name, values in members]
    if draw(seldom(3)):
        pairs.append(("requestId", draw(REQUEST_IDS)))
    if action in _PUBLISHING and draw(st.booleans()):
        pairs.append(("id", draw(OWN_IDS)))
    return written(draw(mutated(pairs, VALUES, most=draw(st.sampled_from((0, 1, 1, 3))))))


def _frames(action: str) -> list[st.SearchStrategy[str]]:
    match action:
        case "subscribe" | "unsubscribe":
            return [
                _frame(action, ("entityId", ENTITY_IDS)),
                _frame(action, ("entityId", ENTITY_IDS), ("since", SINCE)),
                _frame(action, ("entityIds", _SEVERAL), ("since", SINCE)),
                _frame(action, ("channel", CHANNELS), ("since", CURSORS)),
            ]
        case "publish":
            return [
                _frame(
                    "publish",
                    ("entityId", (st.sampled_from(_IDS) | _ANY_IDS).map(quoted)),
                    ("message", NASTY | ANY),
                ),
                _frame("onMessage", ("message", NASTY | ANY)),
                _frame(
                    "onMessage",
                    ("roomId", st.sampled_from(('"7"', '"1"', '""')) | ANY),
                    ("message", NASTY | ANY),
                ),
            ]
    return [_frame("fly", ("to", JSON))]


def bodies(route: str) -> st.SearchStrategy[str | None]:
    """Return a strategy for the body of a route's event. Every route is tried with every kind of frame."""
    own = st.one_of(_frames(route))
    others = st.one_of(*_frames("subscribe"), *_frames("publish"), *_frames("default"))
    unstructured = st.one_of(st.none(), st.text(), st.text(st.characters()), ANY, damaged(own))
    return st.one_of(own, own, own, own, others, unstructured)
