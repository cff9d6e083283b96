"""`make trace`: what became of an event, by the lines that the push function really prints."""

import io
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from entity_push.posting.posts import Outcome
from entity_push.push import retries
from entity_push.runtime.telemetry import logger

from operations import deployment, trace
from operations.deployment import Deployment
from operations.forget import Histories
from tests.unit.conftest import TABLE_NAME
from tests.unit.operations.traced_account import Account
from tests.unit.push.bench import Bench, break_the_table, chunk, crowd, event
from tests.unit.push.test_event_ids_in_the_log import versioned


@pytest.fixture
def account(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Account:
    found = Account(bench)
    session: Any = found
    monkeypatch.setattr(
        deployment, "find", lambda _arguments: Deployment(found.outputs, session, stack="Shop")
    )
    return found


@pytest.fixture
def bench(dynamodb: Any) -> Bench:
    return Bench(dynamodb)


Traced = Callable[..., list[str]]


@pytest.fixture
def traced(account: Account, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Traced:
    """Return a function that traces an event by what was printed until now; it returns what it came to."""
    printed = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", printed)

    def run(event_id: str, *arguments: str, ago: float = 0, seen: bool = True) -> list[str]:
        now = time.time() - ago
        account.printed += [(now, line) for line in printed.getvalue().splitlines()]
        printed.seek(printed.truncate(0))
        capsys.readouterr()
        assert trace.main(["--event", event_id, *arguments]) == (0 if seen else 1)
        shown = capsys.readouterr()
        assert shown.err == ""
        run.shown = shown.out  # type: ignore[attr-defined]
        return [line[3:] for line in shown.out.splitlines() if line.startswith("=> ")]

    return run


def shown(traced: Traced) -> list[str]:
    """Return the lines of the log as they were shown, without their times."""
    text: str = traced.shown  # type: ignore[attr-defined]
    return [line.partition(" UTC  ")[2] for line in text.partition("\n\n")[0].splitlines()]


def test_a_pushed_update(bench: Bench, traced: Traced) -> None:
    bench.subscribe("entity/e1", "c1", "c2")
    bench.push(event("e1", 0), event("e1", 1))
    pushed, stored = traced("e1-1")
    assert pushed == "entity/e1: pushed as number 2 to 2 connections"
    assert stored.startswith("entity/e1: stored as number 2 at 20")
    assert "; replayed until 20" in stored
    assert shown(traced) == ["entity/e1: pushed as number 2 to 2 of 2 connections"]


def test_nobody_was_subscribed(bench: Bench, traced: Traced) -> None:
    bench.push(event("e1", 1))
    assert traced("e1-1")[0] == "entity/e1: pushed as number 1, but nobody was subscribed"
    assert shown(traced) == ["entity/e1: pushed as number 1; nobody was subscribed"]


def test_a_superseded_event_although_one_of_a_similar_id_was_pushed(bench: Bench, traced: Traced) -> None:
    bench.push(versioned(11))
    bench.push(versioned(1))
    (why,) = traced("e1-1")
    assert why.startswith(
        "entity/e1: superseded: not pushed, since an update with this version or a higher one"
    )
    pushed, stored = traced("e1-11")
    assert pushed == "entity/e1: pushed as number 1, but nobody was subscribed"
    assert ", with the version 11;" in stored


def test_a_repeated_event(bench: Bench, traced: Traced) -> None:
    bench.push(versioned(1, id="a"), versioned(2, id="a"))
    (why,) = traced("e1-2")
    assert why.startswith(
        "entity/e1: repeated: not pushed, since another update of its sender has the same own id"
    )


def test_a_dead_letter_with_its_reason_and_advice(bench: Bench, traced: Traced) -> None:
    for number in (1, 2):
        bench.push(json.dumps({**json.loads(event("x", number)), "detail": {"entityId": "*"}}))
    (end,) = traced("x-1")
    assert end == "dead letters of it that wait in the queues: 1; what to do stands above"
    (line,) = shown(traced)
    assert line.startswith("dead letter: invalid_entity_id: detail.entityId")
    assert "advice: Mend the service that puts the event" in traced.shown  # type: ignore[attr-defined]


def test_an_event_that_the_rules_refuse(bench: Bench, traced: Traced) -> None:
    bench.push(json.dumps({"rule": "state", "event": {**json.loads(event("x", 1)), "detail": {}}}))
    traced("x-1")
    (line,) = shown(traced)
    assert line.startswith("dead letter: unfit_event: ")
    assert "after deploying a corrected rule, redrive" in traced.shown  # type: ignore[attr-defined]


def test_a_dead_letter_that_was_redriven(bench: Bench, traced: Traced) -> None:
    bench.push(json.dumps({**json.loads(event("x", 1)), "detail": {"entityId": "*"}}))
    bench.sqs.dead.clear()
    bench.sqs.codes.clear()
    (end,) = traced("x-1")
    assert end.startswith("its dead letter is in the queues no more")


def test_a_dead_letter_that_sqs_wrote_without_a_line(bench: Bench, traced: Traced) -> None:
    """The function was ended from outside each time, so it printed nothing."""
    bench.sqs.dead.append((event("e1", 1), ""))
    bench.sqs.codes.append("failed_too_often")
    letters, earlier = traced("e1-1")
    assert letters.startswith("dead letters of it that wait in the queues: 1")
    assert "say --since with more" in earlier


def test_what_failed_as_a_whole_comes_back_and_then_is_pushed(
    bench: Bench, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.subscribe("entity/e1", "c1")
    with monkeypatch.context() as broken:
        break_the_table(bench, "entity/e1", broken)
        bench.push(event("e1", 1))
    (end,) = traced("e1-1")
    assert end.startswith("its message failed as a whole, and comes back")
    assert shown(traced) == [
        "comes back: the event could not be prepared: RuntimeError: DynamoDB is having a bad day"
    ]
    bench.push(event("e1", 1))
    pushed, _stored = traced("e1-1")
    assert pushed == "entity/e1: pushed as number 1 to 1 connection"


def next_round(bench: Bench) -> list[str]:
    """Push what was handed back to the queue."""
    bodies = [entry["MessageBody"] for entry in bench.sqs.queued]
    bench.sqs.queued.clear()
    return bench.push(*bodies)


def test_posts_that_failed_are_tried_again_until_they_arrive(bench: Bench, traced: Traced) -> None:
    bench.subscribe("entity/e1", "c1", "c2", "c3")
    bench.engine.verdict = lambda name: Outcome.DELIVERED if name == "c1" else Outcome.RETRY
    bench.push(event("e1", 1))
    assert traced("e1-1")[0] == (
        "entity/e1: pushed as number 1 to 1 connection; still under way to 2 connections"
    )
    assert shown(traced) == ["entity/e1: pushed as number 1 to 1 of 3 connections; 2 failed (scripted)"]
    bench.engine.verdict = lambda name: Outcome.GONE if name == "c2" else Outcome.DELIVERED
    next_round(bench)
    assert traced("e1-1")[0] == (
        "entity/e1: pushed as number 1 to 2 connections; "
        "1 connection had gone, or had no right to it any more"
    )
    assert shown(traced)[1] == "entity/e1: pushed as number 1 to 1 of 2 connections, round 2; 1 gone"


def test_a_connection_that_was_only_opening_did_not_miss_it(bench: Bench, traced: Traced) -> None:
    bench.subscribe("entity/e1", "young", age=0)
    bench.engine.verdict = lambda _name: Outcome.GONE
    bench.push(event("e1", 1))
    bench.engine.verdict = lambda _name: Outcome.DELIVERED
    next_round(bench)
    assert traced("e1-1")[0] == "entity/e1: pushed as number 1 to 1 connection"


def test_connections_that_were_given_up(bench: Bench, traced: Traced) -> None:
    bench.engine.verdict = lambda name: Outcome.REFUSED if name == "c4" else Outcome.RETRY
    bench.engine.closing = lambda name: Outcome.GONE if name == "c1" else Outcome.RETRY
    bench.push(chunk("c1", "c2", "c3", "c4", rounds=retries.MAX_ROUNDS))
    ends = traced("id-1")
    assert ends[0] == "entity/e1: 4 connections could not be reached, or refused it"
    assert "dead letters of it that wait in the queues: 2" in ends[1]
    assert "say --since with more" in ends[-1], "earlier rounds are not in these lines"
    assert shown(traced) == [
        "entity/e1: c4 refused it: 0 scripted",
        "entity/e1: dead letter: refused: API Gateway refused posts: 0 scripted (1)",
        "entity/e1: dead letter: unreachable: neither reached nor closed in 8 rounds",
        "entity/e1: closed 1 connection that could not be reached",
        "entity/e1: pushed to 0 of 4 connections, round 9; 1 refused; 3 failed (scripted)",
    ]


def test_an_event_of_several_entities(bench: Bench, traced: Traced) -> None:
    bench.subscribe("entity/e1", "c1")
    bench.push(json.dumps({**json.loads(event("x", 1)), "detail": {"entityIds": ["e1", "e2"]}}))
    assert traced("x-1") == ["2 of its 2 entities have no line yet: queued, or a dead letter"]
    second = bench.sqs.queued.pop()
    next_round(bench)
    assert "1 of its 2 entities have no line yet: queued, or a dead letter" in traced("x-1")
    bench.push(second["MessageBody"])
    ends = traced("x-1")
    assert [end for end in ends if "pushed" in end] == [
        "entity/e1: pushed as number 1 to 1 connection",
        "entity/e2: pushed as number 1, but nobody was subscribed",
    ]
    assert not [end for end in ends if "no line yet" in end]


def test_an_update_for_many_is_under_way_while_it_is_split(bench: Bench, traced: Traced) -> None:
    crowd(bench, 2500)
    bench.push(event("e1", 1))
    assert traced("e1-1")[0] == "entity/e1: still under way to 2,500 connections"
    assert shown(traced) == ["entity/e1: split into chunks for 2,500 connections"]
    last = bench.sqs.queued.pop()
    next_round(bench)
    assert traced("e1-1")[0].startswith("entity/e1: pushed as number 1 to ")
    assert "; still under way to " in traced("e1-1")[0]
    bench.push(last["MessageBody"])
    assert traced("e1-1")[0] == "entity/e1: pushed as number 1 to 2,500 connections"


def shown_after(traced: Traced, event_id: str) -> list[str]:
    traced(event_id)
    return shown(traced)


def test_a_history_that_was_forgotten_says_so(bench: Bench, traced: Traced) -> None:
    bench.push(event("e1", 1))
    Histories(bench.dynamodb, TABLE_NAME).forget("entity/e1")
    assert traced("e1-1")[1].endswith("; but that history was ended")
    bench.push(event("e1", 2))
    assert traced("e1-1")[1].startswith("entity/e1: not in its history any more")


def test_an_entitys_history_has_what_the_log_has_no_more(bench: Bench, traced: Traced) -> None:
    for number in range(4):
        bench.push(event("e1", number))
    traced("e1-2", ago=7200, seen=False)
    stored, earlier = traced("e1-2", "--entity", "e1")
    assert stored.startswith("entity/e1: stored as number 3 at ")
    assert "say --since with more" in earlier
    assert traced("e1-7", "--entity", "e1", seen=False)[0] == (
        "entity/e1: not in its history, as far back as --since says"
    )


def test_a_window_that_is_too_short_is_told(bench: Bench, traced: Traced) -> None:
    bench.subscribe("entity/e1", "c1")
    bench.engine.verdict = lambda _name: Outcome.RETRY
    bench.push(event("e1", 1))
    traced("e1-1", ago=7200, seen=False)
    next_round(bench)
    assert "say --since with more" in traced("e1-1")[-1]
    assert len(shown_after(traced, "e1-1")) == 1
    assert not [end for end in traced("e1-1", "--since", "3h") if "--since" in end]


def test_what_was_never_seen_is_explained_by_what_the_deployment_says(
    account: Account, traced: Traced
) -> None:
    account.rules["Shop-off"] = {"State": "DISABLED", "EventPattern": "{}"}
    account.mapping = ["Disabled"]
    (end,) = traced("0d079340-135a-c8c6-95c2-41fb8f496c53", seen=False)
    assert end.startswith("never seen: no line of the log since 20")
    text: str = traced.shown  # type: ignore[attr-defined]
    for words in (
        "the bus default of eu-west-1",
        "On the queue, 4 messages wait, 4 messages are being pushed",
        "Nobody takes from the queue: the event source mapping is Disabled.",
        'The rule Shop-rule takes {"detail-type":["Entity Updated"]}',
        "The rule Shop-off (DISABLED: it takes nothing) takes {}",
    ):
        assert words in text
    assert "this one does not" not in text
    assert account.asked_for == ['"0d079340-135a-c8c6-95c2-41fb8f496c53"']


def test_an_id_that_eventbridge_never_gives_is_told(account: Account, traced: Traced) -> None:
    account.rules, account.mapping = {}, []
    traced('order-7"', seen=False)
    text: str = traced.shown  # type: ignore[attr-defined]
    assert "this one does not" in text
    assert "No rule of the bus leads to the queue" in text
    assert "the event source mapping is missing" in text
    assert account.asked_for == [None], "a quote would end the phrase"


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--event", "a\nb"], "An event's id has 1 to 256 characters of printable ASCII."),
        (["--event", "a", "--entity", "*"], "This one is a pattern"),
    ],
)
def test_a_mistake_is_a_sentence(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert trace.main(arguments) == 1
    assert f"trace: {says}" in capsys.readouterr().err


def test_of_very_many_lines_some_are_shown(
    bench: Bench, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "MOST_LINES", 2)
    for _ in range(3):
        bench.push(chunk("c1"))
    assert traced("id-1")[0] == "entity/e1: pushed to 3 connections"
    assert len(shown(traced)) == 3, "two, and a line about the third"
    assert '... and 1 more: make logs ARGS="--filter id-1"' in traced.shown  # type: ignore[attr-defined]
