"""Connecting and disconnecting, from API Gateway's event to the items."""

import importlib
from typing import Any

import pytest
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import Grants
from entity_push.protocol.channels import everyone_list
from entity_push.runtime import aws

from tests.unit.conftest import all_items
from tests.unit.handlers.routes import forbidden_counted

NOW = 1_800_000_000
TTL = NOW + 7200 + 600  # API Gateway's two hours, and a margin

GRANTS = Grants(("orders/*",), ("rooms/7",))


@pytest.fixture(autouse=True)
def _aws(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "client", lambda _service: dynamodb)
    monkeypatch.setattr("time.time", lambda: float(NOW))


def context(connection_id: str = "c1") -> dict[str, Any]:
    return {
        "connectionId": connection_id,
        "connectedAt": NOW * 1000,
        "identity": {"sourceIp": "192.0.2.1", "userAgent": "wscat"},
    }


def connect(
    connection_id: str = "c1",
    user_id: str = "alice",
    seconds: int = 86_400,
    grants: Grants = GRANTS,
    **event: Any,
) -> dict[str, Any]:
    bearer = Bearer(user_id, grants, NOW + seconds)
    request = {**context(connection_id), "authorizer": {"principalId": user_id, **bearer.to_context()}}
    return run("connect", {"requestContext": request, "headers": {}, **event})


def run(module: str, event: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = importlib.reload(importlib.import_module(module)).handler(event, None)
    return answer


def test_the_connection_is_stored_with_its_bearer_and_the_user_can_be_reached(dynamodb: Any) -> None:
    assert connect() == {"statusCode": 200, "headers": {}}
    subscription, connection = all_items(dynamodb)
    assert subscription == {"pk": "CHANNEL#user/alice", "sk": "SUBSCRIBER#c1", "ttl": str(TTL)}
    assert connection == {
        "pk": "CONNECTION#c1",
        "sk": "CONNECTION",
        "connectedAt": str(NOW * 1000),
        "ipAddress": "192.0.2.1",
        "userAgent": "wscat",
        "userId": "alice",
        "grants": '{"subscribe":["orders/*"],"publish":["rooms/7"]}',
        "expires": str(NOW + 86_400),
        "channels": ["user/alice"],
        "ttl": str(TTL),
    }


def test_a_token_that_ends_first_ends_the_connections_items_and_is_noted_to_be_closed(dynamodb: Any) -> None:
    connect(seconds=90)
    subscription, connection, expiration = all_items(dynamodb)
    assert subscription["ttl"] == connection["ttl"] == str(NOW + 90)
    assert expiration["pk"] == f"EXPIRES#{NOW // 60 + 2}", "the first minute at which it is over"
    assert expiration["sk"] == "CONNECTION#c1"
    assert int(expiration["ttl"]) >= NOW + 90 + 3600, "it must still be there when it is read"


def test_the_subprotocol_is_echoed_only_if_it_was_offered() -> None:
    echoed = connect(headers={"Sec-WebSocket-Protocol": "websocket, a.b.c"})
    assert echoed == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "websocket"}}
    assert connect(headers={"Sec-WebSocket-Protocol": "mqtt"})["headers"] == {}


@pytest.mark.parametrize("seconds", [60, 86_400])
def test_disconnecting_leaves_nothing(dynamodb: Any, seconds: int) -> None:
    connect(seconds=seconds)
    assert len(all_items(dynamodb)) >= 2
    assert run("disconnect", {"requestContext": context()}) == {"statusCode": 200}
    assert all_items(dynamodb) == []


def test_a_user_has_no_more_connections_than_allowed_and_others_are_not_concerned(dynamodb: Any) -> None:
    assert [connect(f"c{number}")["statusCode"] for number in range(4)] == [200, 200, 429, 429]
    assert "c2" not in str(all_items(dynamodb)), "who is refused leaves nothing"
    assert connect("c5", "bob")["statusCode"] == 200
    run("disconnect", {"requestContext": context("c0")})
    assert connect("c6")["statusCode"] == 200


@pytest.mark.parametrize("fails", ["query", "batch_write_item"])
def test_a_connection_that_fails_to_open_does_not_count(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """It would lock its user out for two hours, after as many failures as connections are allowed."""
    call = getattr(dynamodb, fails)
    calls: list[Any] = []

    def failing(**parameters: Any) -> Any:
        calls.append(parameters)
        if fails == "batch_write_item" and len(calls) != 2:  # the connection's item is written, the rest not
            return call(**parameters)
        raise LookupError(fails)

    with monkeypatch.context() as patch:
        patch.setattr(dynamodb, fails, failing)
        with pytest.raises(LookupError, match=fails):
            connect("c1")
    assert all_items(dynamodb) == []


def test_a_failure_to_undo_hides_nothing(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(**_parameters: Any) -> Any:
        raise LookupError

    monkeypatch.setattr(dynamodb, "query", failing)
    monkeypatch.setattr(dynamodb, "delete_item", lambda **_parameters: 1 / 0)
    with pytest.raises(LookupError):
        connect("c1")


def test_all_pages_of_a_users_connections_are_counted(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    query = dynamodb.query
    monkeypatch.setattr(dynamodb, "query", lambda **parameters: query(**parameters, Limit=1))
    assert [connect(f"c{number}")["statusCode"] for number in range(3)] == [200, 200, 429]


def test_connections_whose_right_has_ended_do_not_count(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        assert connect(f"c{number}", seconds=60)["statusCode"] == 200
    monkeypatch.setattr("time.time", lambda: float(NOW + 60))
    assert connect("c3", seconds=120)["statusCode"] == 200
    assert dynamodb is not None


def test_zero_allows_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_USER", "0")
    assert {connect(f"c{number}")["statusCode"] for number in range(5)} == {200}


def test_what_no_authorizer_has_let_in_is_not_let_in(dynamodb: Any) -> None:
    with pytest.raises(KeyError):
        run("connect", {"requestContext": context(), "headers": {}})
    with pytest.raises((KeyError, ValueError)):
        run("connect", {"requestContext": {**context(), "authorizer": {"userId": "alice"}}, "headers": {}})
    assert all_items(dynamodb) == []


def test_without_authorization_anybody_may_connect_and_do_everything(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHORIZATION", "none")
    assert run("connect", {"requestContext": context(), "headers": {}})["statusCode"] == 200
    (connection,) = all_items(dynamodb)
    assert connection["grants"] == '{"subscribe":["*"],"publish":["*"]}'
    assert "userId" not in connection


def test_everybody_is_in_one_of_everyones_lists_where_the_setting_says_so(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERYONE", "true")
    connect()
    found = {item["pk"] for item in all_items(dynamodb)}
    assert found == {"CONNECTION#c1", "CHANNEL#user/alice", f"CHANNEL#{everyone_list('c1')}"}
    run("disconnect", {"requestContext": context()})
    assert all_items(dynamodb) == []


@pytest.mark.parametrize(
    ("granted", "room_id", "status"),
    [
        ("rooms/r1", "r1", 200),
        ("rooms/*", "r1", 200),
        ("rooms/*", "a/b", 200),
        ("rooms/r2", "r1", 403),
        ("r1", "r1", 403),
        ("rooms/no room", "no room", 200),
        ("*", "no\nroom", 403),
        ("*", "x/*", 403),
        ("*", "", 403),
        ("*", "*", 403),
        ("rooms/*", "../orders/1#", 200),
        ("orders/*", "../orders/1", 403),
    ],
)
def test_a_room_is_entered_at_connect_with_a_grant_for_it(
    dynamodb: Any, capsys: pytest.CaptureFixture[str], granted: str, room_id: str, status: int
) -> None:
    answer = connect(grants=Grants((granted,)), queryStringParameters={"roomId": room_id})
    assert answer["statusCode"] == status
    entered = [item["pk"] for item in all_items(dynamodb) if "entity/" in item["pk"]]
    assert entered == ([f"CHANNEL#entity/rooms/{room_id}"] if status == 200 else [])
    assert forbidden_counted(capsys) == (status == 403)
    if status != 200:
        assert all_items(dynamodb) == [], "who is refused leaves nothing"


@pytest.mark.parametrize(("room_id", "named"), [("r1", "rooms/r1"), ("x" * 257, "rooms/")])
def test_the_log_names_the_room_that_a_client_may_not_enter_if_it_is_one(
    caplog: pytest.LogCaptureFixture, room_id: str, named: str
) -> None:
    connect(queryStringParameters={"roomId": room_id})
    (record,) = caplog.records
    fields = vars(record)
    assert (fields["connection_id"], fields["user_id"]) == ("c1", "alice")
    assert (fields["action"], fields["entity"]) == ("$connect", named)


@pytest.mark.parametrize("module", ["connect", "disconnect"])
def test_a_frame_whose_action_is_the_routes_name_changes_nothing(dynamodb: Any, module: str) -> None:
    connect()
    before = all_items(dynamodb)
    bearer = Bearer("alice", Grants(("*",)), NOW + 86_400)
    request = {**context(), "eventType": "MESSAGE", "authorizer": bearer.to_context()}
    assert run(module, {"requestContext": request, "headers": {}})["statusCode"] == 400
    assert all_items(dynamodb) == before
