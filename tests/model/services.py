"""DynamoDB and SQS as the actors see them: every call is a step, which may have a fault."""

from collections.abc import Callable
from typing import Any

from entity_push.runtime.aws_errors import RefusedError, UnansweredError
from entity_push.table import keys

from tests.model.actors import Fault, checkpoint

Call = tuple[str, dict[str, Any]]

READS = frozenset(("get_item", "query", "batch_get_item"))


class InjectedError(RefusedError):
    """An error answer that the test makes up."""

    def __init__(self, code: str, operation: str, **more: Any):
        super().__init__(operation, code, "made up", members=more)


class LostAnswerError(UnansweredError):
    """The call had its effect, but its answer is lost."""

    def __init__(self) -> None:
        super().__init__("made up")


INJECTED = (InjectedError, LostAnswerError)


def injected_conflict(name: str, parameters: dict[str, Any]) -> None:
    """Refuse a write as DynamoDB does while a transaction is at the same item."""
    if name == "transact_write_items":
        others = [{"Code": "None"} for _ in parameters["TransactItems"][1:]]
        reasons = [{"Code": "TransactionConflict"}, *others]
        raise InjectedError("TransactionCanceledException", name, CancellationReasons=reasons)
    if name in ("delete_item", "put_item"):
        raise InjectedError("TransactionConflictException", name)


class SteppedDynamoDB:
    """A DynamoDB client whose calls are steps.

    Eventually consistent reads go to a replica, which lags behind by some writes.

    Args:
        client: a client of moto's tables.
        table: the table's name.
        replica: the name of another table, which gets the writes later.

    Attributes:
        lag: the number of writes by which the replica lags.
        page_items: the items of a query's page; so few that a handful of clients have several pages.
        change: may change a call's parameters before the call. Mutations use this.
        wrote: called after each write.
    """

    def __init__(self, client: Any, table: str, replica: str):
        self._client, self._table, self._replica = client, table, replica
        self._writes: list[Call] = []
        self.lag, self.page_items = 0, 2
        self.change: Callable[[str, dict[str, Any]], None] = lambda _name, _parameters: None
        self.wrote: Callable[[str, dict[str, Any]], None] = lambda _name, _parameters: None

    def __getattr__(self, name: str) -> Any:
        def call(**parameters: Any) -> Any:
            fault = checkpoint(name)
            if fault is Fault.CONFLICT:
                injected_conflict(name, parameters)
            if fault is Fault.FAILURE:
                raise InjectedError("InternalServerError", name)
            self.change(name, parameters)
            answer = self._read(name, parameters) if name in READS else self._write(name, parameters)
            if fault is Fault.LOST_ANSWER:
                raise LostAnswerError
            return answer

        return call

    def _write(self, name: str, parameters: dict[str, Any]) -> Any:
        answer = getattr(self._client, name)(**parameters)
        self._writes.append((name, parameters))
        self.wrote(name, parameters)
        return answer

    def _read(self, name: str, parameters: dict[str, Any]) -> Any:
        if name == "query":
            parameters = {
                **parameters,
                "Limit": min(self.page_items, parameters.get("Limit", self.page_items)),
            }
        if name == "batch_get_item":
            (wanted,) = parameters["RequestItems"].values()
            consistent = wanted.get("ConsistentRead")
        else:
            consistent = parameters.get("ConsistentRead")
        if consistent:
            return getattr(self._client, name)(**parameters)
        self._replicate()
        return _elsewhere(getattr(self._client, name)(**_in_table(parameters, self._replica)), self._table)

    def _replicate(self) -> None:
        """Bring the replica up to its lag. The replica never goes back."""
        ready = max(0, len(self._writes) - self.lag)
        for name, parameters in self._writes[:ready]:
            getattr(self._client, name)(**_in_table(parameters, self._replica))
        del self._writes[:ready]


def _in_table(value: Any, table: str) -> Any:
    """Return parameters with another table's name."""
    if isinstance(value, list):
        return [_in_table(item, table) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {name: _in_table(item, table) for name, item in value.items() if name != "RequestItems"}
    if "TableName" in value:
        changed["TableName"] = table
    if "RequestItems" in value:
        changed["RequestItems"] = dict.fromkeys([table], *value["RequestItems"].values())
    return changed


def _elsewhere(answer: Any, table: str) -> Any:
    if "Responses" in answer:
        answer["Responses"] = dict.fromkeys([table], *answer["Responses"].values())
    return answer


def puts_in(name: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items of logs that a write puts: lives and segments."""
    actions = [{"Put": parameters}] if name == "put_item" else parameters.get("TransactItems", [])
    items = [action["Put"]["Item"] for action in actions if "Put" in action]
    return [item for item in items if item["sk"]["S"].startswith((keys.LIFE, keys.LOG))]


class MemorySQS:
    """Both queues. The push queue has no order and no delays.

    Args:
        now: tells the time, in seconds since 1970.

    Attributes:
        waiting: messages to be received, as records of a Lambda event source.
        dead: the bodies of dead letters.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.waiting: list[dict[str, Any]] = []
        self.dead: list[str] = []
        self._number = 0

    def put(self, body: str) -> None:
        self._number += 1
        attributes = {"SentTimestamp": str(round(self._now() * 1000)), "ApproximateReceiveCount": "1"}
        self.waiting.append(
            {
                "messageId": f"m{self._number}",
                "receiptHandle": f"r{self._number}",
                "body": body,
                "attributes": attributes,
            }
        )

    def receive(self, most: int, start: int) -> list[dict[str, Any]]:
        """Take at most `most` messages, beginning at the index `start`."""
        batch: list[dict[str, Any]] = []
        while self.waiting and len(batch) < most:
            batch.append(self.waiting.pop(start % len(self.waiting)))
        return batch

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "queue"
        fault = checkpoint("send_message_batch")
        if fault is Fault.FAILURE:
            raise InjectedError("InternalError", "SendMessageBatch")
        for entry in Entries:
            self.put(entry["MessageBody"])
        if fault is Fault.LOST_ANSWER:
            raise LostAnswerError
        return {}

    def send_message(self, QueueUrl: str, MessageBody: str, MessageAttributes: Any) -> None:  # noqa: N803
        assert QueueUrl == "dead"
        checkpoint(f"dead letter: {MessageAttributes['reason']['StringValue']}")
        self.dead.append(MessageBody)

    def change_message_visibility_batch(self, QueueUrl: str, Entries: Any) -> None:  # noqa: N803
        """Do nothing: the world puts failed records back at once."""
