from typing import Any

import pytest
from entity_push.protocol.event_patterns import checked_pattern

GOOD: list[dict[str, Any]] = [
    {"source": ["shop"]},
    {"source": ["shop"], "replay-name": [{"exists": False}]},
    {"source": [{"prefix": "shop."}], "detail-type": ["A", "B"]},
    {"detail": {"order": {"total": [{"numeric": [">", 100]}], "state": [None, "paid", 7, True]}}},
    {"detail": {"x": [{"exists": False}], "y": [{"anything-but": {"prefix": "z"}}]}},
    {
        "detail": {
            "ip": [{"cidr": "10.0.0.0/24"}],
            "f": [{"wildcard": "*.pdf"}, {"suffix": {"equals-ignore-case": "X"}}],
        }
    },
    {"detail": {"$or": [{"a": ["1"]}, {"b": ["2"]}]}},
    {"$or": [{"source": ["a"]}, {"detail-type": ["b"]}], "resources": [{"prefix": "arn:"}]},
]
BAD: list[tuple[Any, str]] = [
    (None, "an object that is not empty"),
    ({}, "an object that is not empty"),
    ("shop", "an object that is not empty"),
    ({"source": "shop"}, "values stand in a list: ['shop']"),
    ({"detailType": ["X"]}, "names 'detailType'; an event has"),
    ({"detail": {"order": {"state": "paid"}}}, "detail.order.state"),
    ({"detail": {"order": 7}}, "detail.order"),
    ({"detail": ["x"]}, "it is an object"),
    ({"detail": {}}, "it is an object"),
    ({"source": []}, "values stand in a list"),
    ({"source": [{"startsWith": "x"}]}, "operators are"),
    ({"source": [{"prefix": "x", "suffix": "y"}]}, "operators are"),
    ({"source": [["shop"]]}, "a list in its list"),
    ({"account": ["123456789012"]}, "eventAccounts"),
    ({"$or": [{"source": ["a"]}]}, "two or more"),
]


@pytest.mark.parametrize("pattern", GOOD, ids=repr)
def test_a_pattern_is_returned_as_it_is(pattern: dict[str, Any]) -> None:
    assert checked_pattern(pattern) is pattern


@pytest.mark.parametrize(("pattern", "says"), BAD, ids=repr)
def test_what_eventbridge_would_refuse_is_a_sentence(pattern: Any, says: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - its text is looked at
        checked_pattern(pattern)
    assert says in str(raised.value)
