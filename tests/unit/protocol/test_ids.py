import re
import unicodedata

import pytest
from entity_push.protocol.ids import (
    InvalidEntityIdError,
    InvalidUserIdError,
    checked_entity_id,
    checked_pattern,
    checked_user_id,
    is_pattern,
)
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
def test_an_entity_id_is_returned_as_it_is(entity_id: str) -> None:
    assert checked_entity_id(entity_id) == entity_id


@pytest.mark.parametrize("entity_id", BAD, ids=repr)
def test_anything_else_is_refused_with_the_rule(entity_id: object) -> None:
    with pytest.raises(InvalidEntityIdError, match="1 to 256 characters"):
        checked_entity_id(entity_id)


@given(st.text(max_size=300))
def test_what_is_accepted_is_what_the_documentation_says(text: str) -> None:
    documented = (
        1 <= len(text) <= 256
        and all(segment for segment in text.split("/"))
        and re.sub(r"[A-Za-z0-9._~:@+=,/-]", "", text) == ""
    )
    try:
        checked_entity_id(text)
        accepted = True
    except InvalidEntityIdError:
        accepted = False
    assert accepted == documented


@pytest.mark.parametrize("pattern", ["*", "orders/*", "a/b/c/d/e/*", "user@example.com/*"])
def test_a_pattern_is_returned_as_it_is(pattern: str) -> None:
    assert is_pattern(pattern)
    assert checked_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "pattern", ["/*", "a//*", "**", "a*/*", "a/*/*", "a/b/c/d/e/f/*", " /*", "a" * 257 + "/*", "a", None, 7]
)
def test_what_is_no_pattern_is_refused_with_the_rule(pattern: object) -> None:
    with pytest.raises(InvalidEntityIdError, match="A pattern is"):
        checked_pattern(pattern)


@given(st.text(max_size=300))
def test_a_user_id_is_what_the_documentation_says(text: str) -> None:
    documented = 1 <= len(text) <= 256 and not any(unicodedata.category(c) in ("Cc", "Cs") for c in text)
    try:
        assert checked_user_id(text) == text
        accepted = True
    except InvalidUserIdError:
        accepted = False
    assert accepted == documented


@pytest.mark.parametrize(
    "value", [None, "", 7, True, ["alice"], {}, b"alice", "a" * 257, "a\nb", "\x00", "\x7f", "\x85", "\ud800"]
)
def test_what_is_no_user_id_is_refused_with_the_rule(value: object) -> None:
    with pytest.raises(InvalidUserIdError, match="1 to 256 characters"):
        checked_user_id(value)
