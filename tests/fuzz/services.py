"""The services that the functions call, with the rules by which AWS refuses calls."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from entity_push.posting.posts import NOT_YET, NotYet, Outcome, Post, Result
from entity_push.runtime.aws_errors import RefusedError
from entity_push.runtime.json_client import Call
from entity_push.table.calls import one_by_one
from entity_push.table.keys import Item

from testbed.function_variables import USUAL
from testbed.metering import item_size
from tests.model.moto_tables import MotoTables

_MAX_FRAME_BYTES = 128 * 1024
_MAX_ITEM_BYTES = 400 * 1024
_MAX_KEY_BYTES = {"pk": 2048, "sk": 1024}
_MAX_TRANSACTION_ITEMS = 100
_MAX_MESSAGE_BYTES = 1024 * 1024
_MAX_EVENT_BYTES = 1024 * 1024
_NOT_IN_SQS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WRITES = frozenset(("put_item", "update_item", "delete_item", "transact_write_items", "batch_write_item"))


def refusal(code: str, message: str, operation: str) -> RefusedError:
    """Return the error with which AWS refuses a call."""
    return RefusedError(operation, code, message)


def strictly_json(text: str | bytes) -> Any:
    """Return the value of a text that must be JSON for any reader (RFC 8259), `Infinity` excluded."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


class Table:
    """A table in moto, with DynamoDB's limits that moto lacks.

    Source: Amazon DynamoDB Developer Guide, "Quotas in Amazon DynamoDB" and "Constraints".

    Attributes:
        writes: the number of calls that have changed the table.
    """

    def __init__(self, moto: MotoTables):
        self._moto = moto
        self.writes = 0

    def at_once(self, calls: Sequence[Call]) -> Sequence[Item | Exception]:
        """Make calls, as `JsonClient.at_once` does."""
        return one_by_one(self)(calls)

    def __getattr__(self, name: str) -> Any:
        def call(**parameters: Any) -> Any:
            if problem := _problem(parameters):
                raise refusal("ValidationException", problem, name)
            answer = getattr(self._moto, name)(**parameters)
            self.writes += name in _WRITES
            return answer

        return call


def _problem(value: Any) -> str | None:
    if isinstance(value, list):
        if len(value) > _MAX_TRANSACTION_ITEMS:
            return "too many items"
        return next(filter(None, map(_problem, value)), None)
    if isinstance(value, dict):
        if problem := _problem_of_item(value):
            return problem
        return next(filter(None, map(_problem, value.values())), None)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return "a string is not Unicode"
    return None


def _problem_of_item(value: dict[str, Any]) -> str | None:
    for name, most in _MAX_KEY_BYTES.items():
        if name in value and not 1 <= len(value[name]["S"].encode(errors="replace")) <= most:
            return f"the key {name} is empty or too long"
    if "Item" in value and item_size(value["Item"]) > _MAX_ITEM_BYTES:
        return "the item is too large"
    if "N" in value and len(str(value["N"]).lstrip("-")) > 38:
        return "a number has more than 38 digits"
    return None


class Queues:
    """The push queue and the dead-letter queue.

    Source of the refusals: Amazon SQS API Reference, SendMessage, and Developer Guide, "Amazon SQS message
    quotas".

    Attributes:
        queued: the bodies in the push queue.
        dead: the bodies of the dead letters, with their reasons.
    """

    def __init__(self) -> None:
        self.queued: list[str] = []
        self.dead: list[tuple[str, str]] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "queue"
        _check(1 <= len(Entries) <= 10, "a batch has 1 to 10 entries")
        _check(len({entry["Id"] for entry in Entries}) == len(Entries), "ids are distinct")
        _check_messages([entry["MessageBody"] for entry in Entries])
        for entry in Entries:
            delay = entry["DelaySeconds"]
            _check(isinstance(delay, int) and 0 <= delay <= 900, "a delay is 0 to 900 s")
            self.queued.append(entry["MessageBody"])
        return {"Failed": []}

    def send_message(
        self,
        QueueUrl: str,  # noqa: N803
        MessageBody: str,  # noqa: N803
        MessageAttributes: dict[str, Any],  # noqa: N803
    ) -> None:
        assert QueueUrl == "dead-letters"
        reason = MessageAttributes["reason"]["StringValue"]
        _check_messages([reason])
        _check_messages([MessageBody], besides=len(reason.encode()) + len("reasonString"))
        self.dead.append((MessageBody, reason))

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> None:  # noqa: N803
        assert QueueUrl == "queue"
        assert 1 <= len(Entries) <= 10


def _check(condition: bool, rule: str) -> None:
    if not condition:
        raise refusal("InvalidParameterValue", rule, "SendMessage")


def _check_messages(bodies: list[str], besides: int = 0) -> None:
    for body in bodies:
        _check(body != "", "a message is not empty")
        _check(not _NOT_IN_SQS.search(body), "a message has only some characters")
    _check(sum(len(body.encode()) for body in bodies) + besides <= _MAX_MESSAGE_BYTES, "1 MB at the most")


class Bus:
    """EventBridge.

    Source of the refusals: Amazon EventBridge API Reference, PutEvents and PutEventsRequestEntry.

    Attributes:
        entries: the entries that were put.
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        (entry,) = Entries
        try:
            detail = strictly_json(entry["Detail"])
        except ValueError:
            detail = None
        if not isinstance(detail, dict) or len(entry["Detail"].encode()) > _MAX_EVENT_BYTES:
            return {"Entries": [{"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}]}
        self.entries.append(entry)
        return {"Entries": [{"EventId": event_id(len(self.entries))}]}


def event_id(number: int) -> str:
    """Return the id of the event with a number."""
    return f"{number:08}-0000-4000-8000-000000000000"


class Secrets:
    """Secrets Manager, with one version of the secret.

    Args:
        secret: the current key.
    """

    def __init__(self, secret: str):
        self._secret = secret

    def get_secret_value(self, SecretId: str, VersionStage: str) -> dict[str, str]:  # noqa: N803
        assert SecretId == USUAL["token_secret_arn"]
        if VersionStage != "AWSCURRENT":
            raise refusal("ResourceNotFoundException", "no such version", "GetSecretValue")
        return {"SecretString": self._secret}


class Deliverer:
    """A delivery engine that reaches every connection, and takes only frames that API Gateway takes.

    Attributes:
        posts: the posts so far.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []

    def deliver(self, posts: Iterable[Post | NotYet], *, deadline: float) -> Iterator[Result]:
        assert deadline > time.monotonic()
        for post in posts:
            assert post is not NOT_YET, "each result was noted before the next post"
            self.posts.append(post)
            outcome = Outcome.DELIVERED
            if post.expires <= time.time():
                outcome = Outcome.EXPIRED
            elif len(post.frame) > _MAX_FRAME_BYTES:
                outcome = Outcome.REFUSED
            yield Result(post.connection_id, outcome, 200, "scripted", tag=post.tag)

    def disconnect(
        self, connection_ids: Iterable[str], *, deadline: float, suspect: bool = False
    ) -> Iterator[Result]:
        assert suspect
        assert deadline > time.monotonic()
        for connection_id in connection_ids:
            yield Result(connection_id, Outcome.DELIVERED, 204, "scripted")
