import re

import pytest
from entity_push.channels import InvalidEntityIdError, entity_channel
from hypothesis import given
from hypothesis import strategies as st

GOOD = [
    "e1",
    "myTestEntityId",
    "orders/42",
    "a" * 256,
    "a/b/c/d",
    "user@example.com",
    "2026-11-22T10:00:00+01:00",
    "~_.-=,",
]
BAD: list[object] = [
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    "a" * 257,
    "a b",
    "a#b",
    "a*",
    "é",
    "a\n",
    "\ud800",
    None,
    7,
    True,
    ["e1"],
    {},
]


@pytest.mark.parametrize("entity_id", GOOD)
def test_an_entity_id_becomes_a_channel(entity_id: str) -> None:
    assert entity_channel(entity_id) == f"entity/{entity_id}"


@pytest.mark.parametrize("entity_id", BAD, ids=repr)
def test_anything_else_is_refused_with_the_rule(entity_id: object) -> None:
    with pytest.raises(InvalidEntityIdError, match="1 to 256 characters"):
        entity_channel(entity_id)


@given(st.text(max_size=300))
def test_what_is_accepted_is_what_the_documentation_says(text: str) -> None:
    documented = (
        1 <= len(text) <= 256
        and all(segment for segment in text.split("/"))
        and re.sub(r"[A-Za-z0-9._~:@+=,/-]", "", text) == ""
    )
    try:
        entity_channel(text)
        accepted = True
    except InvalidEntityIdError:
        accepted = False
    assert accepted == documented
