"""In which order a batch's updates go to each connection."""

from collections import defaultdict
from collections.abc import Iterator

import pytest
from entity_push.posting.posts import NOT_YET, NotYet, Outcome, Post, Result
from entity_push.protocol.events import Update
from entity_push.push.delivery import Delivery
from entity_push.push.messages import Chunk
from entity_push.push.sequencer import Sequencer
from hypothesis import given
from hypothesis import strategies as st

ENDS = 2**40


def delivery(number: int, *connection_ids: str, channel: str = "entity/e1", frame: str = "") -> Delivery:
    update = Update(channel, f"id-{number}", (frame or str(number)).encode(), 7, number)
    return Delivery(f"r{number}", Chunk(update, dict.fromkeys(connection_ids, ENDS)))


class Desk:
    """Draws posts and notes results, one by one."""

    def __init__(self, *deliveries: Delivery) -> None:
        self.sequencer = Sequencer(deliveries)
        self.posts: Iterator[Post | NotYet] = iter(self.sequencer)

    def draw(self) -> list[Post]:
        """Draw what is due now."""
        drawn = []
        while (post := next(self.posts, NOT_YET)) is not NOT_YET:
            drawn.append(post)
        return drawn

    def note(self, post: Post, outcome: Outcome = Outcome.DELIVERED) -> None:
        self.sequencer.note(Result(post.connection_id, outcome, None, "", tag=post.tag))


def named(posts: list[Post]) -> list[tuple[str, str]]:
    return [(post.connection_id, post.frame.decode()) for post in posts]


def test_who_has_the_first_update_gets_the_second_whatever_becomes_of_the_others() -> None:
    desk = Desk(delivery(2, "x", "y"), delivery(1, "x", "y"))
    x1, y1 = desk.draw()
    assert named([x1, y1]) == [("x", "1"), ("y", "1")]
    assert desk.draw() == [], "nothing is due before another result"
    desk.note(y1)
    (y2,) = desk.draw()
    assert named([y2]) == [("y", "2")], "x, which has not answered, held y up"
    desk.note(y2)
    desk.note(x1)
    (x2,) = desk.draw()
    desk.note(x2)
    assert next(desk.posts, "the end") == "the end"


def test_whose_turn_it_is_does_not_wait_for_all_who_have_yet_to_begin() -> None:
    many = delivery(1, *(f"m{number}" for number in range(9)), channel="entity/many")
    desk = Desk(delivery(1, "x"), delivery(2, "x"), many)
    x1 = next(desk.posts)
    assert x1 is not NOT_YET
    desk.note(x1)
    assert named(desk.draw())[0] == ("x", "2")


def test_channels_do_not_wait_for_each_other() -> None:
    desk = Desk(delivery(1, "x"), delivery(2, "x", channel="entity/e2"))
    assert named(desk.draw()) == [("x", "1"), ("x", "2")]


@pytest.mark.parametrize(
    ("outcome", "where"), [(Outcome.RETRY, "retry"), (Outcome.UNSENT, "unsent"), (Outcome.GONE, "gone")]
)
def test_what_failed_holds_back_every_later_update_for_that_connection(outcome: Outcome, where: str) -> None:
    first, other, third = delivery(1, "x", "y"), delivery(2, "y"), delivery(3, "x", "y")
    desk = Desk(first, other, third)
    x1, y1 = desk.draw()
    desk.note(x1, outcome)
    desk.note(y1)
    (y2,) = desk.draw()
    desk.note(y2)
    (y3,) = desk.draw()
    desk.note(y3)
    assert getattr(first, where) == getattr(third, where) == ["x"]
    assert third.retry + third.unsent + third.gone == ["x"]
    assert (first.found_gone, third.found_gone) == (int(outcome is Outcome.GONE), 0)
    assert all(each.is_settled for each in (first, other, third))


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.EXPIRED])
def test_what_no_attempt_can_help_holds_back_nothing(outcome: Outcome) -> None:
    desk = Desk(delivery(1, "x"), delivery(2, "x"))
    (x1,) = desk.draw()
    desk.note(x1, outcome)
    assert named(desk.draw()) == [("x", "2")]


def test_updates_without_numbers_go_as_they_came() -> None:
    desk = Desk(*(delivery(0, "x", frame=frame) for frame in "abc"))
    came = []
    while posts := desk.draw():
        came += named(posts)
        desk.note(posts[0])
    assert came == [("x", "a"), ("x", "b"), ("x", "c")]


def test_a_post_has_the_end_of_its_connections_right() -> None:
    (post,) = Desk(delivery(1, "x")).draw()
    assert post.expires == ENDS


def test_it_knows_how_many_posts_there_may_be() -> None:
    sequencer = Sequencer([delivery(1, "x", "y"), delivery(2, "y"), delivery(3, "z", channel="everyone")])
    assert sequencer.__length_hint__() == 4


DELIVERIES = st.lists(
    st.builds(
        lambda channel, number, names: (channel, number, sorted(names)),
        st.sampled_from(("entity/e1", "entity/e2")),
        st.integers(1, 4),
        st.sets(st.sampled_from("uvwxyz")),
    ),
    max_size=8,
)


@given(given_deliveries=DELIVERIES, data=st.data())
def test_whatever_the_outcomes_and_their_order(
    given_deliveries: list[tuple[str, int, list[str]]], data: st.DataObject
) -> None:
    deliveries = [delivery(number, *names, channel=channel) for channel, number, names in given_deliveries]
    sequencer = Sequencer(deliveries)
    posts = iter(sequencer)
    under_way: list[Post] = []
    failed: set[tuple[str, str]] = set()
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    ended = False
    while not ended or under_way:
        if not ended and (not under_way or data.draw(st.booleans())):
            try:
                post = next(posts)
            except StopIteration:
                ended = True
                continue
            if post is not NOT_YET:
                update = post.tag.update  # type: ignore[attr-defined]
                who = update.channel, post.connection_id
                assert who not in failed, "it overtook one that failed"
                assert who not in {
                    (other.tag.update.channel, other.connection_id)  # type: ignore[attr-defined]
                    for other in under_way
                }, "two at once"
                numbers[who].append(update.sequence)
                under_way.append(post)
                continue
            assert under_way, "nothing is due, and nothing under way"
        post = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        outcome = data.draw(st.sampled_from(Outcome))
        if outcome in (Outcome.RETRY, Outcome.UNSENT, Outcome.GONE):
            failed.add((post.tag.update.channel, post.connection_id))  # type: ignore[attr-defined]
        sequencer.note(Result(post.connection_id, outcome, None, "", tag=post.tag))
    assert all(each.is_settled for each in deliveries)
    assert all(order == sorted(order) for order in numbers.values())
