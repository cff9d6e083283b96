"""Saved queries find lines that the code really writes, and ask for fields that these have."""

import io
import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import Grants
from entity_push.posting.posts import Outcome
from entity_push.push.retries import MAX_ROUNDS
from entity_push.routes.forbidden import Forbidden
from entity_push.runtime.telemetry import logger
from entity_push.table.connections import Connection

from stacks.access_log import ACCESS_LOG_FIELDS
from stacks.saved_queries import EVERYWHERE, SAVED_QUERIES
from tests.unit.conftest import printed_metrics
from tests.unit.push.bench import Bench, chunk
from tests.unit.test_ways_of_failing import Fixture, table_refuses_a_frame, token_is_refused

Line = dict[str, Any]

EVENT, CONNECTION = "id-1", "connection-1"
"""What the scenes are about."""

WORDS = {
    *("fields", "filter", "stats", "sort", "by", "as", "asc", "desc", "in", "like"),
    *("count", "latest", "coalesce"),
}
"""What is no field in a query."""


def push(fixture: Fixture) -> None:
    """Push an update that arrives, one that is refused, one whose client is given up, and no update."""
    bench = Bench(fixture("dynamodb"))
    for outcome, rounds in ((Outcome.DELIVERED, 0), (Outcome.REFUSED, 0), (Outcome.RETRY, MAX_ROUNDS - 1)):
        bench.engine.verdict = lambda _name, outcome=outcome: outcome  # type: ignore[misc]
        assert bench.push(chunk(CONNECTION, rounds=rounds)) == []
    assert bench.push("no JSON") == []


def ask_without_a_grant(_fixture: Fixture) -> None:
    bearer = Bearer("alice", Grants(), None)
    connection = Connection(CONNECTION, round(time.time() * 1000), "192.0.2.1", "test", bearer, frozenset())
    Forbidden("Orders").count(connection, "subscribe", ["orders/42"])


SCENES = (push, ask_without_a_grant, table_refuses_a_frame, token_is_refused)

FOUND = {
    "why 401": {"connect refused"},
    "what became of an event": {"pushed", "refused", "abandoned"},
    "what became of a connection": {"refused", "abandoned", "forbidden"},
    "who asks without a grant": {"forbidden"},
    "what fails": {"refused", "abandoned", "dead letter", "forbidden", "the route failed"},
}
"""Messages of the lines that each query has to find."""

LEFT = {"what became of a connection": {"pushed"}, "what fails": {"pushed", "connect refused"}}
"""Messages of lines that it must not find; for the other queries, all that they do not have to."""


@pytest.fixture
def lines(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """All that the scenes write into the logs, as it is there."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logger.handlers[0].formatter)
    logger.addHandler(handler)
    try:
        for scene in SCENES:
            scene(request.getfixturevalue)
    finally:
        logger.handlers.remove(handler)
    return [*written.getvalue().splitlines(), *map(json.dumps, printed_metrics(capsys))]


def filled_in(question: str) -> str:
    """Return a query without placeholders."""
    text = SAVED_QUERIES[question].text
    return text.replace("<event id>", EVENT).replace("<connection id>", CONNECTION)


def condition(text: str) -> Callable[[str], bool]:
    """Return what a filter tells of a line: the forms of CloudWatch Logs Insights that are in use here."""
    if matched := re.fullmatch(r'@message like "([^"]+)"', text):
        part = matched[1]
        return lambda line: part in line
    if matched := re.fullmatch(r'(\w+) = "([^"]+)"', text):
        field, value = matched.groups()
        return lambda line: json.loads(line).get(field) == value
    if matched := re.fullmatch(r"(\w+) in (\[.+\])", text):
        name, values = matched[1], json.loads(matched[2])
        return lambda line: json.loads(line).get(name) in values
    raise NotImplementedError(text)


def found_by(query: str, lines: list[str]) -> list[Line]:
    commands = [command.strip() for command in query.split("|")]
    filters = [condition(each.removeprefix("filter ")) for each in commands if each.startswith("filter ")]
    assert filters
    return [json.loads(line) for line in lines if all(each(line) for each in filters)]


def fields_of(query: str) -> set[str]:
    """Return the fields that a query names; those with @ are CloudWatch's own."""
    bare = re.sub(r'"[^"]*"', "", query)
    made = set(re.findall(r"\bas (\w+)", bare))
    return set(re.findall(r"(?<![@\w])[A-Za-z]\w*", bare)) - WORDS - made


def test_every_query_has_its_lines() -> None:
    assert FOUND.keys() == SAVED_QUERIES.keys()


@pytest.mark.parametrize("question", SAVED_QUERIES)
def test_a_query_finds_the_lines_that_the_code_writes(question: str, lines: list[str]) -> None:
    messages = {str(line.get("message")) for line in found_by(filled_in(question), lines)}
    assert FOUND[question] <= messages
    assert messages & LEFT.get(question, set()) == set()
    every = {str(json.loads(line).get("message")) for line in lines}
    assert every - messages, "a filter that lets everything through is none"


@pytest.mark.parametrize("question", SAVED_QUERIES)
def test_a_query_asks_for_fields_that_the_lines_have(question: str, lines: list[str]) -> None:
    messages = FOUND[question] | ({"dead letter"} if "event" in question else set())
    known = set().union(*(line for line in map(json.loads, lines) if line.get("message") in messages))
    if SAVED_QUERIES[question].logs is EVERYWHERE:
        known |= ACCESS_LOG_FIELDS.keys()
    asked = fields_of(filled_in(question))
    assert asked
    assert asked - known == set()


def test_what_became_of_an_event_has_the_outcomes_of_its_posts(lines: list[str]) -> None:
    found = found_by(filled_in("what became of an event"), lines)
    (arrived, refused, given_up) = (line for line in found if line["message"] == "pushed")
    assert (arrived["delivered"], refused["refused"], given_up["retry"]) == (1, 1, 1)


def test_each_dead_letter_has_its_reason(lines: list[str]) -> None:
    letters = [line for line in map(json.loads, lines) if line.get("message") == "dead letter"]
    assert len(letters) == 2
    assert all(line["code"] and line["reason"] for line in letters)
