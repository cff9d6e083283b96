"""A user as `make erase` erases them, with workers that remember the history and go on."""

import io
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import EVERYTHING
from entity_push.protocol.channels import entity_channel, user_channel
from entity_push.table import keys
from entity_push.table.connections import Connection, Connections
from entity_push.table.subscriptions import Subscriptions

from operations import deployment, erase, forget
from operations.deployment import Deployment
from operations.erase import Erasure
from tests.unit.conftest import TABLE_NAME
from tests.unit.operations.histories import World, boto3s


class Api:
    """API Gateway's `@connections`.

    Attributes:
        open: the ids of the connections that it knows.
        error: the code of the error that it answers with; empty for none.
    """

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.error = ""

    def delete_connection(self, ConnectionId: str) -> None:  # noqa: N803
        code = self.error or ("" if ConnectionId in self.open else "GoneException")
        if code:
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "DeleteConnection")
        self.open.remove(ConnectionId)


class Place:
    """A table with users, an API, and the command between them."""

    def __init__(self, world: World):
        self.world, self.api, self.sleeps = world, Api(), 0
        self.meanwhile: Callable[[], object] = lambda: None

    def connect(self, user_id: str, connection_id: str, *, opened: float = -3600, known: bool = True) -> None:
        at = round((self.world.now + opened) * 1000)
        bearer = Bearer(user_id, EVERYTHING, expires=round(self.world.now) + 1800)
        connection = Connection(
            connection_id, at, "192.0.2.1", "test", bearer, frozenset([user_channel(user_id)])
        )
        Connections(self.world.dynamodb, TABLE_NAME).open(connection)
        Subscriptions(self.world.dynamodb, TABLE_NAME).subscribe(
            connection, [entity_channel("e1")], limit=100, histories=100
        )
        if known:
            self.api.open.add(connection_id)

    def erasure(self, client: Any = None) -> Erasure:
        return Erasure(client or boto3s(), TABLE_NAME, self.api, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.world.sleep(seconds)
        self.sleeps += 1
        self.meanwhile()

    def rest(self) -> list[str]:
        """Return the keys of all items."""
        return sorted(f"{item['pk']['S']} {item['sk']['S']}" for item in self.world.backup())


@pytest.fixture
def place(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Place:
    world = World(dynamodb, user_channel("alice"))
    monkeypatch.setattr("time.time", lambda: world.now)
    monkeypatch.setattr(forget, "PROGRESS_SECONDS", 25.0)  # workers go on after each wait
    return Place(world)


def test_nothing_of_the_user_is_left_and_all_of_others(place: Place) -> None:
    place.connect("alice2", "b")
    others = World(place.world.dynamodb, user_channel("alice2"))
    others.worker().push()
    before = place.rest()
    place.connect("alice", "c1")
    place.connect("alice", "c2")
    worker = place.world.worker()
    for _ in range(30):
        worker.push()
    left = place.erasure().erase(["alice"])
    assert left["alice"].sentence == "nothing is known"
    assert place.api.open == {"b"}
    assert place.rest() == before


@pytest.mark.parametrize("crowd", [True, False], ids=["crowd", "alone"])
def test_workers_that_remember_the_history_mislead_nobody_afterwards(place: Place, crowd: bool) -> None:
    """One that went on with the deleted life would store what no client finds."""
    warm = [place.world.worker(), place.world.worker()]
    for number in range(6):
        warm[number % 2 if crowd else 0].push()
    old = place.world.epoch()
    place.erasure().erase(["alice"])
    assert place.rest() == []
    for worker in (warm[0], place.world.worker(), warm[1], warm[0]):
        worker.push()
    after = [cursor for _, cursor in place.world.pushed[-4:]]
    assert [cursor.sequence for cursor in after] == [1, 2, 3, 4]
    assert {cursor.epoch for cursor in after} == {place.world.epoch()} != {old}
    assert place.world.misled() == []


def test_what_comes_while_it_waits_stays_whole_and_is_told(place: Place) -> None:
    warm = place.world.worker()
    warm.push()
    place.meanwhile = warm.push
    left = place.erasure().erase(["alice"])
    assert len(left["alice"].segments) == place.sleeps
    assert left["alice"].life == place.world.epoch()
    warm.push()
    assert place.world.misled() == []
    place.meanwhile = lambda: None
    assert not place.erasure().erase(["alice"])["alice"].epochs
    assert place.rest() == []


def test_a_life_that_begins_at_the_last_moment_stays_whole(place: Place) -> None:
    warm = place.world.worker()
    warm.push()

    class Busy:
        def __getattr__(self, name: str) -> Any:
            if name == "delete_item":
                warm.push()
            return getattr(boto3s(), name)

    left = place.erasure(Busy()).erase(["alice"])
    assert left["alice"].life == place.world.epoch()
    warm.push()
    assert [cursor.sequence for _, cursor in place.world.pushed[-2:]] == [1, 2]
    assert place.world.misled() == []


def test_repeating_is_harmless_and_waits_for_nothing(place: Place) -> None:
    place.world.worker().push()
    place.erasure().erase(["alice"])
    slept = place.sleeps
    assert slept > 0
    assert place.erasure().erase(["alice"])["alice"].sentence == "nothing is known"
    assert place.sleeps == slept


class StoppedError(Exception):
    """The command was ended."""


@pytest.mark.parametrize("after", range(12))
def test_a_stop_at_any_call_is_made_up_for_by_another_run(place: Place, after: int) -> None:
    place.connect("alice", "c1")
    warm = place.world.worker()
    warm.push()
    made = 0

    class Stopping:
        def __getattr__(self, name: str) -> Any:
            nonlocal made
            if name != "meta":
                made += 1
                if made > after:
                    raise StoppedError
            return getattr(boto3s(), name)

    with pytest.raises(StoppedError):
        place.erasure(Stopping()).erase(["alice"])
    warm.push()
    place.world.worker().push()
    assert place.world.misled() == []
    place.erasure().erase(["alice"])
    assert not [key for key in place.rest() if key.startswith(("CHANNEL#user/", "CONNECTION#"))], (
        "of a connection whose item is gone, subscriptions to entities go with their ttl"
    )
    warm.push()
    place.world.worker().push()
    assert place.world.misled() == []


def test_a_connection_that_was_lost_is_deleted_and_one_that_is_opening_later(place: Place) -> None:
    place.connect("alice", "lost", known=False)
    place.connect("alice", "opening", opened=-5, known=False)
    place.world.worker().push()
    left_meanwhile: list[list[str]] = []

    def opened() -> None:
        left_meanwhile.append(place.rest())
        place.api.open.add("opening")

    place.meanwhile = opened
    place.erasure().erase(["alice"])
    assert not [key for key in left_meanwhile[0] if "lost" in key]
    assert [key for key in left_meanwhile[0] if "opening" in key], "it would be deaf"
    assert place.rest() == []
    assert place.api.open == set()


def test_a_half_deleted_connection_is_deleted(place: Place) -> None:
    place.connect("alice", "c1")
    place.world.dynamodb.delete_item(TableName=TABLE_NAME, Key=keys.connection("c1"))
    place.erasure().erase(["alice"])
    assert not [key for key in place.rest() if key.startswith("CHANNEL#user/alice")]


@pytest.fixture
def deployed(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    class Session:
        region_name = "eu-west-1"

        def client(self, service: str, **options: Any) -> Any:
            if service != "apigatewaymanagementapi":
                return boto3s()
            assert options["endpoint_url"] == "https://callback"
            return place.api

    outputs = {"TableName": TABLE_NAME, "CallbackUrl": "https://callback"}
    session: Any = Session()
    monkeypatch.setattr(deployment, "find", lambda _arguments: Deployment(outputs, session, stack="Shop"))
    erase_users = Erasure.erase

    def without_waiting(erasure: Erasure, user_ids: Any) -> Any:
        erasure._sleep = place.sleep
        return erase_users(erasure, user_ids)

    monkeypatch.setattr(Erasure, "erase", without_waiting)
    return place


def test_the_command_tells_what_it_does(deployed: Place, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.connect("alice", "c1")
    deployed.world.worker().push()
    assert erase.main(["--user", "alice", "b\u202eob", "--yes"]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if " s left" not in line]
    assert shown == [
        "alice: 1 connections, 1 segments of a history",
        r"b\u202eob: nothing is known",
        "alice: 1 connections are closed",
        "Workers may remember them for 150 s. Waiting ...",
        "alice: 3 segments are deleted",
    ]


def test_a_dry_run_changes_nothing_and_asks_nobody(
    deployed: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.connect("alice", "c1")
    deployed.world.worker().push()
    before = deployed.rest()
    assert erase.main(["--user", "alice", "--dry-run"]) == 0
    assert deployed.rest() == before
    assert deployed.api.open == {"c1"}
    assert capsys.readouterr().out == "alice: 1 connections, 1 segments of a history\n"


def test_whoever_has_a_good_token_connects_again_and_that_is_told(
    deployed: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.connect("alice", "c1")
    warm = deployed.world.worker()
    warm.push()

    def comes_back() -> None:
        deployed.connect("alice", "c2")
        warm.push()

    deployed.meanwhile = comes_back
    assert erase.main(["--user", "alice", "--yes"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in told] == ["erase", "erase"]
    assert "alice has connected again, with a token that is still good" in told[0]
    assert "alice has a new history" in told[1]
    assert deployed.api.open == set(), "closed again"


@pytest.mark.parametrize(("answer", "erased"), [("yes", True), ("no", False)])
def test_it_asks_before_in_an_account(
    deployed: Place,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    erased: bool,
) -> None:
    deployed.connect("alice", "c1")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert erase.main(["--user", "alice"]) == (0 if erased else 1)
    assert deployed.api.open == (set() if erased else {"c1"})
    assert "Erase the user alice of the stack Shop in eu-west-1?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("user", "error", "says"),
    [
        (
            "alice",
            "ForbiddenException",
            "erase: Not all could be erased: An error occurred (ForbiddenException)",
        ),
        ("a\nb", "", "A user id is"),
    ],
)
def test_what_can_not_be_is_a_sentence(
    deployed: Place, capsys: pytest.CaptureFixture[str], user: str, error: str, says: str
) -> None:
    deployed.connect("alice", "c1")
    deployed.api.error = error
    assert erase.main(["--user", user, "--yes"]) == 1
    assert says in capsys.readouterr().err
    assert [key for key in deployed.rest() if "c1" in key], "what is open is not deleted"


def test_the_connections_of_a_local_deployment_are_asked_at_its_own_address() -> None:
    found = Deployment(
        {"CallbackUrl": "http://127.0.0.1:1/stage"},
        boto3.Session("a", "b", region_name="us-east-1"),
        "http://127.0.0.1:1",
    )
    assert found.connections().meta.endpoint_url == "http://127.0.0.1:1/stage"
