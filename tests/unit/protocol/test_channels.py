import re

import pytest
from entity_push.auth.grants import covers
from entity_push.protocol.channels import (
    EVERYONE,
    InvalidEntityIdError,
    entity_channel,
    everyone_list,
    is_pattern,
    pattern_channel,
    subscriber_lists,
    user_channel,
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


@pytest.mark.parametrize("pattern", ["*", "orders/*", "a/b/c/d/e/*", "user@example.com/*"])
def test_a_pattern_becomes_a_channel(pattern: str) -> None:
    assert is_pattern(pattern)
    assert pattern_channel(pattern) == f"entity/{pattern}"


@pytest.mark.parametrize(
    "pattern", ["/*", "a//*", "**", "a*/*", "a/*/*", "a/b/c/d/e/f/*", " /*", "a" * 257 + "/*"]
)
def test_what_is_no_pattern_is_refused_with_the_rule(pattern: str) -> None:
    with pytest.raises(InvalidEntityIdError, match="A pattern is"):
        pattern_channel(pattern)


SEGMENTS = st.lists(st.sampled_from(["a", "b", "orders"]), min_size=1, max_size=8)
PATTERNS = st.just("*") | st.lists(st.sampled_from(["a", "b", "orders"]), min_size=1, max_size=5).map(
    lambda segments: "/".join([*segments, "*"])
)


@given(SEGMENTS.map("/".join), PATTERNS)
def test_a_push_reads_the_lists_of_exactly_the_patterns_that_cover_its_entity(
    entity_id: str, pattern: str
) -> None:
    lists = subscriber_lists(entity_channel(entity_id))
    assert (pattern_channel(pattern) in lists) == covers(pattern, entity_id)
    assert lists[0] == entity_channel(entity_id)
    assert len(lists) == len(set(lists)) <= 7


@given(st.text(min_size=1))
def test_everybody_is_in_one_of_everyones_lists(connection_id: str) -> None:
    assert everyone_list(connection_id) in subscriber_lists(EVERYONE)


def test_everyones_lists_are_equally_long() -> None:
    lists = [everyone_list(f"L0SM9cOFvHcCI{number:03}=") for number in range(1000)]
    assert all(200 < lists.count(name) < 300 for name in subscriber_lists(EVERYONE))


def test_a_user_and_an_entity_of_the_same_name_are_two_channels() -> None:
    assert subscriber_lists(user_channel("alice")) == ["user/alice"]
    names = {user_channel("*"), entity_channel("user"), pattern_channel("*"), EVERYONE}
    assert len({name for channel in names for name in subscriber_lists(channel)}) == 7
