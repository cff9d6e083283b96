"""Whatever becomes of an event, a line of the log names it: `make trace` has nothing else to go by."""

import json
from typing import Any

import pytest
from entity_push.posting.posts import Outcome
from entity_push.protocol.events import Update
from entity_push.push import retries
from entity_push.push.messages import Chunk, Rest, event_id_in

from tests.unit.push.bench import Bench, break_the_table, chunk, crowd, event


def lines_of(event_id: str, caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the lines that name an event."""
    found = map(vars, caplog.records)
    return [line for line in found if event_id in (line.get("event_id"), *line.get("event_ids", []))]


def events_of(caplog: pytest.LogCaptureFixture, event_id: str) -> list[str]:
    return [line["message"] for line in lines_of(event_id, caplog)]


def versioned(version: int, **more: Any) -> str:
    body = json.loads(event("e1", version))
    return json.dumps({**body, "source": "shop", "detail": {**body["detail"], "version": version, **more}})


def test_a_pushed_update_is_logged_with_its_number(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.subscribe("entity/e1", "c1", "c2")
    bench.push(event("e1", 1), event("e1", 2))
    (line,) = lines_of("e1-2", caplog)
    found = {
        name: line[name] for name in ("message", "channel", "sequence", "delivered", "rounds", "excused")
    }
    assert found == {
        "message": "pushed",
        "channel": "entity/e1",
        "sequence": 2,
        "delivered": 2,
        "rounds": 0,
        "excused": 0,
    }


def test_a_later_round_can_be_told_from_the_first(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.push(chunk("c1", rounds=2, excused=3))
    (line,) = lines_of("id-1", caplog)
    assert (line["rounds"], line["excused"]) == (2, 3)


def test_a_superseded_event_is_logged_with_its_version(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.push(versioned(7))
    bench.push(versioned(6), versioned(5))
    (line,) = lines_of("e1-6", caplog)
    assert (line["message"], line["channel"]) == ("superseded", "entity/e1")
    assert (line["event_ids"], line["versions"]) == (["e1-6", "e1-5"], [6, 5])


def test_a_repeated_event_is_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.push(versioned(1, id="a"), versioned(2, id="a"))
    assert events_of(caplog, "e1-1") == ["pushed"]
    assert events_of(caplog, "e1-2") == ["repeated"]


def test_an_event_of_several_entities_is_logged_when_it_is_taken_apart(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps({**json.loads(event("x", 1)), "detail": {"entityIds": ["e1", "e2"]}})
    bench.push(body)
    (line,) = lines_of("x-1", caplog)
    assert (line["message"], line["entities"]) == ("taken apart", 2)


def test_an_update_that_is_split_is_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    crowd(bench, 2500)
    bench.push(event("e1", 1), event("e1", 2))
    for event_id in ("e1-1", "e1-2"):
        (line,) = lines_of(event_id, caplog)
        assert (line["message"], line["channel"], line["subscribers"]) == ("split", "entity/e1", 2500)


def test_what_comes_back_is_logged(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    break_the_table(bench, "entity/e1", monkeypatch)
    bench.push(event("e1", 1), event("e2", 2))
    assert events_of(caplog, "e1-1") == ["the event could not be prepared"]
    assert events_of(caplog, "e2-2") == ["pushed"]
    bench.push(event("e3", 3), seconds=retries.PREPARE_RESERVE_SECONDS)
    assert events_of(caplog, "e3-3") == ["no time left to begin"]


OF_X = json.loads(event("x", 1))


@pytest.mark.parametrize(
    ("body", "event_id", "code"),
    [
        (json.dumps({**OF_X, "detail": {"entityId": "*"}}), "x-1", "invalid_entity_id"),
        (json.dumps({"rule": "state", "event": {**OF_X, "detail": {}}}), "x-1", "unfit_event"),
        ('{"chunk":{"eventId":"id-1","later":"form"}}', "id-1", "invalid_chunk"),
        (event("a\nb", 1), None, "not_an_event"),
    ],
)
def test_a_dead_letter_is_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture, body: str, event_id: str | None, code: str
) -> None:
    """An id that no event can have is left out: a terminal might obey what is in it."""
    bench.push(body)
    (line,) = (vars(record) for record in caplog.records if record.message == "dead letter")
    assert (line["event_id"], line["code"]) == (event_id, code)


def test_connections_that_are_given_up_are_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.engine.verdict = lambda _name: Outcome.RETRY
    bench.engine.closing = lambda name: Outcome.GONE if name == "c1" else Outcome.RETRY
    bench.push(chunk("c1", "c2", "c3", rounds=retries.MAX_ROUNDS))
    dead, abandoned, pushed = sorted(
        lines_of("id-1", caplog), key=lambda line: str(line["message"]) != "dead letter"
    )
    assert (dead["message"], dead["channel"], dead["connections"]) == ("dead letter", "entity/e1", 2)
    assert (abandoned["message"], abandoned["connections"]) == ("abandoned", ["c1"])
    assert pushed["message"] == "pushed"


@pytest.mark.parametrize(
    "body",
    [
        event("e1", 1),
        json.dumps({"rule": "state", "event": json.loads(event("e1", 1))}),
        json.dumps({"rule": "gone", "event": json.loads(event("e1", 1)), "entityId": "e2"}),
    ],
)
def test_a_messages_event_is_known_by_any_form(body: str) -> None:
    assert event_id_in(body) == "e1-1"


def test_a_part_of_an_update_names_its_event() -> None:
    update = Update("entity/e1", "id-1", b"{}", 7)
    for part in (Chunk(update, {"c1": 8}), Rest(update, "c1", 1)):
        assert event_id_in(part.to_message()) == "id-1"


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "[]",
        '{"id":7}',
        '{"id":""}',
        json.dumps({"id": "x" * 257}),
        json.dumps({"id": "a\u202eb"}),
        json.dumps({"id": "\ud800"}),
        '{"chunk":{"eventId":null}}',
        "[" * 5000,
    ],
    ids=lambda body: body[:30],
)
def test_a_message_without_a_usable_id_has_none(body: str) -> None:
    assert event_id_in(body) is None
