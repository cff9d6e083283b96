"""A team's own events, as EventBridge hands them on: whole, with the name of their rule."""

from typing import Any

from hypothesis import strategies as st

from tests.fuzz.bodies import ENTITY_IDS, OWN_IDS, WRONG_ENTITY_IDS
from tests.fuzz.texts import ANY, Pair, mutated, quoted, seldom, written

_PATTERN = {"source": ["shop"]}

RULES: list[dict[str, Any]] = [
    {"name": "any", "pattern": _PATTERN, "entityId": "{+$.detail.id}", "message": "$.detail.message"},
    {
        "name": "below",
        "pattern": _PATTERN,
        "entityId": "orders/{$.detail.id}/lines",
        "message": {"what": "$.detail.message", "kind": "$.detail-type", "first": "$.resources[0]"},
    },
    {"name": "listed", "pattern": _PATTERN, "entityIds": "$.detail.ids", "message": "$.detail"},
    {"name": "both", "pattern": _PATTERN, "entityIds": ["a/{+$.detail.id}", "b/{+$.detail.id}"]},
    {"name": "user", "pattern": _PATTERN, "userId": "{+$.detail.user}", "message": "$.detail.message"},
    {"name": "flat", "pattern": _PATTERN, "userId": "{$.detail.user}", "message": "$.detail.message"},
    {"name": "all", "pattern": _PATTERN, "broadcast": True, "message": "$"},
    {
        "name": "row",
        "pattern": _PATTERN,
        "entityId": "rows/{+$.detail.id}",
        "version": "$.detail.row",
        "id": "$.detail.ref",
    },
    {"name": "once", "pattern": _PATTERN, "entityId": "rows/{+$.detail.id}", "id": "$.detail.ref"},
]
"""The rules of the fuzzed deployment: each audience, each kind of template and message, versions and ids."""

NAMES = tuple(rule["name"] for rule in RULES)

FORGED = (
    '7","message":{"state":"paid"}},"zz":{"a":"',
    '"}}}},{"chunk":{"subscribers":{"all=":9007199254740992}}}',
    "<aws.events.event.json>",
    "{$.detail.user}",
    "\\",
)
"""Texts that would be more than a value if any program read them again."""

VERSIONS = st.sampled_from(
    (
        *("0", "1", "2", "7", "-0", "9007199254740991"),
        *("9007199254740992", "-1", "1.0", "1e3", '"7"', "null", "true", "[7]"),
    )
)
"""Versions, and values that are none."""

_FORGED = st.sampled_from(FORGED).map(quoted)
_IDS = st.one_of(ENTITY_IDS, ENTITY_IDS, WRONG_ENTITY_IDS, _FORGED, st.integers().map(str))
_USERS = st.one_of(st.just('"alice"'), st.just('"alice"'), _IDS)
_LISTS = st.lists(_IDS, max_size=4).map(lambda ids: f"[{','.join(ids)}]")


@st.composite
def own_events(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """Return the body of a message; `values` are those that a service may put anywhere."""
    detail: list[Pair] = [
        ("id", draw(_IDS)),
        ("ids", draw(_LISTS)),
        ("user", draw(_USERS)),
        ("message", draw(values)),
        ("row", draw(VERSIONS)),
        ("ref", draw(OWN_IDS)),
    ]
    event = [
        ("version", '"0"'),
        ("id", quoted(str(draw(st.uuids())))),
        ("detail-type", draw(_FORGED | st.just('"OrderPaid"'))),
        ("source", '"shop"'),
        ("account", '"111122223333"'),
        ("time", '"2026-11-22T18:43:48Z"'),
        ("region", '"us-east-1"'),
        ("resources", draw(_LISTS)),
        ("detail", written(draw(mutated(detail, values, most=2)))),
    ]
    body = [
        ("rule", quoted(draw(st.sampled_from(NAMES)))),
        ("event", written(draw(mutated(event, values, most=2 if draw(seldom(4)) else 0)))),
    ]
    if draw(seldom(8)):
        body.append(("entityId", draw(_IDS)))
    return written(draw(mutated(body, ANY, most=1 if draw(seldom(8)) else 0)))
