"""The console page on this machine: what it serves, and to whom it listens."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from local.aws import LocalAws
from local.console import EVENTS_AT_ONCE, Console
from local.deployment import Outputs


class Events:
    """A stand-in for EventBridge."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def put_events(self, **parameters: Any) -> Any:
        self.entries += parameters["Entries"]
        return {"FailedEntryCount": 0, "Entries": [{}]}


class Secrets:
    """A stand-in for Secrets Manager, of a deployment without secrets."""

    def get_secret_value(self, **_parameters: Any) -> Any:
        raise AssertionError("there is no secret to read")


class Aws(LocalAws):
    """A local AWS of which only the clients are asked for."""

    def __init__(self) -> None:
        self.events = Events()

    def client(self, service: str, **_parameters: Any) -> Any:
        return {"events": self.events, "secretsmanager": Secrets()}[service]


class Browser:
    """Asks the console for something."""

    def __init__(self, aws: Aws, console: Console):
        self.aws, self.link = aws, urlsplit(console.link())

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(self.link.netloc, timeout=5)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.headers["Content-Type"], answer.read()
        connection.close()
        return found

    def put(self, content: Any, origin: str | None = None) -> tuple[int, Any]:
        body = json.dumps(content).encode()
        status, _, answer = self.ask("POST", "/events", body, Origin=origin or f"http://{self.link.netloc}")
        return status, json.loads(answer)


@pytest.fixture
def browser() -> Iterator[Browser]:
    aws = Aws()
    outputs = Outputs(
        {"EventBusName": "own", "Authorization": "none"}, "http://aws", "ws://aws/live", "http://aws/live"
    )
    console = Console(aws, outputs)
    with console.served():
        yield Browser(aws, console)


@pytest.mark.parametrize(
    ("path", "content_type", "beginning"),
    [
        ("/", "text/html; charset=utf-8", b"<!doctype html>"),
        (
            "/main.js",
            "text/javascript; charset=utf-8",
            b"import { EntityPush } from './entity-push/index.js'",
        ),
        ("/entity-push/index.js", "text/javascript; charset=utf-8", b"export { EntityPush }"),
        ("/console.css?v=2", "text/css; charset=utf-8", b":root"),
    ],
)
def test_the_page_has_the_client_beside_it(
    browser: Browser, path: str, content_type: str, beginning: bytes
) -> None:
    status, found, content = browser.ask("GET", path)
    assert (status, found, content[: len(beginning)]) == (200, content_type, beginning)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing.js",
        "/../app.py",
        "/entity-push/../package.json",
        "/%2e%2e/app.py",
        "/entity-push/",
        "nothing",
    ],
)
def test_no_other_file_is_served(browser: Browser, path: str) -> None:
    assert browser.ask("GET", path)[0] == 404


def test_three_events_are_put_about_the_entity_that_the_page_names(browser: Browser) -> None:
    assert browser.put({"entityId": "orders/42"}) == (200, {"put": EVENTS_AT_ONCE})
    details = [json.loads(entry["Detail"]) for entry in browser.aws.events.entries]
    assert [detail["entityId"] for detail in details] == ["orders/42"] * EVENTS_AT_ONCE
    assert [detail["message"]["number"] for detail in details] == [1, 2, 3]
    assert {entry["EventBusName"] for entry in browser.aws.events.entries} == {"own"}


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_another_page_in_the_same_browser_puts_nothing(browser: Browser, origin: str) -> None:
    status, answer = browser.put({"entityId": "orders/42"}, origin)
    assert (status, browser.aws.events.entries) == (403, [])
    assert "only the console" in answer["error"]


@pytest.mark.parametrize("content", [{}, [], "orders/42", {"entityId": "x" * 20_000}])
def test_what_is_no_question_for_events_gets_a_sentence(browser: Browser, content: Any) -> None:
    status, answer = browser.put(content)
    assert (status, browser.aws.events.entries) == (400, [])
    assert answer["error"]


def test_where_no_tokens_are_taken_the_link_has_no_token(browser: Browser) -> None:
    assert parse_qs(browser.link.fragment) == {"subscribe": ["myEntityId"]}


def test_the_page_is_told_where_to_connect(browser: Browser) -> None:
    _, _, content = browser.ask("GET", "/config.json")
    assert json.loads(content) == {"url": "ws://aws/live", "events": "/events"}
