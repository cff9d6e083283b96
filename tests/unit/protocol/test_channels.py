from entity_push.auth.grants import covers
from entity_push.protocol.channels import (
    EVERYONE,
    entity_channel,
    everyone_list,
    subscriber_lists,
    user_channel,
)
from hypothesis import given
from hypothesis import strategies as st

SEGMENTS = st.lists(st.sampled_from(["a", "b", "orders"]), min_size=1, max_size=8)
PATTERNS = st.just("*") | st.lists(st.sampled_from(["a", "b", "orders"]), min_size=1, max_size=5).map(
    lambda segments: "/".join([*segments, "*"])
)


@given(SEGMENTS.map("/".join), PATTERNS)
def test_a_push_reads_the_lists_of_exactly_the_patterns_that_cover_its_entity(
    entity_id: str, pattern: str
) -> None:
    lists = subscriber_lists(entity_channel(entity_id))
    assert (entity_channel(pattern) in lists) == covers(pattern, entity_id)
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
    names = {user_channel("*"), entity_channel("user"), entity_channel("*"), EVERYONE}
    assert len({name for channel in names for name in subscriber_lists(channel)}) == 7
