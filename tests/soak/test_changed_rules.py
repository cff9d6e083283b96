"""Rules are inserted, reordered and taken away while events are queued and dead: each keeps its meaning.

A message carries its rule's name. A number would mean another rule after each of these deployments.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from local.deployment import deploy
from operations import deployment
from operations.redrive import main
from tests.e2e.client import Client
from tests.e2e.conftest import App, eventually

TEN_MINUTES = 10 * 60
STACK = "Changed"


def rule(name: str, entity_id: str) -> dict[str, Any]:
    """Return a rule that takes the events of its own source, and tells of itself by its entity."""
    return {
        "name": name,
        "pattern": {"source": [name]},
        "entityId": entity_id,
        "message": {"put": "$.source"},
    }


A, B, C, D = (rule(name, f"changed/{name}/{{$.detail.id}}") for name in ("a", "b", "c", "d"))
MENDED = [{**one, "entityId": one["entityId"].replace("detail.id", "detail.key")} for one in (A, D)]
"""The rules for what has no `id`: today's meaning of a dead letter."""


class Changing:
    """A deployment whose rules change.

    Args:
        app: the session's deployment, for its local AWS.
        outputs: where the outputs are saved, for the commands.
    """

    def __init__(self, app: App, outputs: Path):
        self._aws, self._saved = app.aws, outputs
        self.sqs, self._lambda = app.aws.client("sqs"), app.aws.client("lambda")

    def deploy(self, *rules: dict[str, Any]) -> None:
        """Deploy with these rules, in this order."""
        settings = {"eventBus": "own", "eventRules": json.dumps(rules)}
        self.app = App(self._aws, deploy(self._aws, settings, stack=STACK))
        self.app.outputs.save(self._saved)

    def put(self, source: str, **detail: str) -> str:
        """Put an event of a source; return its id."""
        entry = {"Source": source, "DetailType": "Put", "Detail": json.dumps(detail)}
        entry["EventBusName"] = self.app.outputs.event_bus_name
        answer = self._aws.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer
        return str(answer["Entries"][0]["EventId"])

    def queued(self) -> list[dict[str, Any]]:
        """Return the messages in the queue; they are visible again in a second."""
        answer = self.sqs.receive_message(
            QueueUrl=self.app.outputs.queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=1,
            AttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def push(self, message: dict[str, Any], age: float) -> bool:
        """Give the push function a message as if it were so many seconds older; tell if it comes back."""
        attributes = dict(message["Attributes"])
        attributes["SentTimestamp"] = str(int(attributes["SentTimestamp"]) - round(age * 1000))
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": attributes,
        }
        answer = self._lambda.invoke(
            FunctionName=self.app.push_mapping()["FunctionArn"],
            Payload=json.dumps({"Records": [record]}).encode(),
        )
        assert "FunctionError" not in answer
        return bool(json.loads(answer["Payload"].read())["batchItemFailures"])

    def letters(self) -> dict[str, dict[str, Any]]:
        """Return the dead letters by their events' ids."""
        answer = self.sqs.receive_message(
            QueueUrl=self.app.outputs.dead_letter_queue_url,
            MessageAttributeNames=["All"],
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
        )
        return {json.loads(letter["Body"])["event"]["id"]: letter for letter in answer.get("Messages", [])}


@pytest.fixture
def changing(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Changing:
    """A third deployment, which the commands take for that of `make local`."""
    path = tmp_path / "outputs.json"
    monkeypatch.setattr(deployment, "LOCAL_OUTPUTS", path)
    return Changing(app, path)


def reason(letter: dict[str, Any]) -> tuple[str, str]:
    """Return a dead letter's reason, as a code and in words."""
    attributes = letter["MessageAttributes"]
    return attributes["reasonCode"]["StringValue"], attributes["reason"]["StringValue"]


def frames(client: Client, *events: str) -> dict[str, tuple[str, str, Any]]:
    """Return what the next frames say, by their events' ids; each of the events has one of them."""
    found = [client.receive(40) for _ in events]
    assert {frame["id"] for frame in found} == set(events), found
    return {frame["id"]: (frame["rule"], frame["entityId"], frame["message"]) for frame in found}


def test_each_event_keeps_the_meaning_of_the_rule_that_it_came_by(
    changing: Changing, capsys: pytest.CaptureFixture[str]
) -> None:
    changing.deploy(A, B, D)
    with changing.app.client() as client:
        client.subscribe("changed/*")
        dead = {name: changing.put(name, key="k") for name in ("a", "d")}
        letters = eventually(lambda: len(found := changing.letters()) == 2 and found)
        assert {name: reason(letters[dead[name]])[0] for name in dead} == dict.fromkeys(dead, "unfit_event")
        with changing.app.held_back():
            queued = {name: changing.put(name, id="q") for name in ("a", "b", "d")}
            of_b = changing.put("b", id="old")
            eventually(lambda: len(changing.queued()) == 4)

            # C comes first, A and D change places, and B is gone.
            changing.deploy(C, D, A)
            messages = eventually(lambda: len(found := changing.queued()) == 4 and found)
            (old,) = [message for message in messages if json.loads(message["Body"])["event"]["id"] == of_b]
            assert changing.push(old, age=TEN_MINUTES - 60), "it should come back"
            assert len(changing.letters()) == 2
            assert not changing.push(old, age=TEN_MINUTES + 1)
            changing.sqs.delete_message(
                QueueUrl=changing.app.outputs.queue_url, ReceiptHandle=old["ReceiptHandle"]
            )
            assert reason(changing.letters()[of_b]) == ("unknown_rule", "there is no rule 'b'")
        assert frames(client, queued["a"], queued["d"]) == {
            queued["a"]: ("a", "changed/a/q", {"put": "a"}),
            queued["d"]: ("d", "changed/d/q", {"put": "d"}),
        }

        # B is back at another place, and the rules of the other letters are mended.
        changing.deploy(MENDED[0], B, C, MENDED[1])
        assert frames(client, queued["b"]) == {queued["b"]: ("b", "changed/b/q", {"put": "b"})}
        assert main(["redrive", "--local", "--reason", "unknown_rule"]) == 0
        assert frames(client, of_b) == {of_b: ("b", "changed/b/old", {"put": "b"})}
        assert main(["redrive", "--local", "--reason", "unfit_event"]) == 0
        assert frames(client, *dead.values()) == {
            dead[name]: (name, f"changed/{name}/k", {"put": name}) for name in dead
        }
        assert capsys.readouterr().out.count("redriven: ") == 3
        assert not changing.letters()
        assert client.hears_nothing(0.5)
