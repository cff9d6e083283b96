import itertools
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError
from entity_push.runtime import aws, deadlines, json_client, lanes, tls
from entity_push.runtime.aws_errors import NoCredentialsError, RefusedError, UnansweredError
from entity_push.runtime.deadlines import Deadline
from entity_push.runtime.json_client import TRIES, Call, JsonClient
from entity_push.runtime.signing import Credentials

from testbed.endpoint import make_certificate
from tests.unit.runtime.standin_service import CLOSE, SILENCE, StandIn, answer, error

CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "token")
KEY = {"pk": {"S": "CHANNEL#entity/é \"'\n"}, "sk": {"S": "HEAD"}}
QUERY: dict[str, Any] = {
    "TableName": "table",
    "KeyConditionExpression": "pk = :pk",
    "ExpressionAttributeValues": {":pk": {"S": "CHANNEL#entity/e1"}},
    "ConsistentRead": True,
}
WRITES: list[dict[str, Any]] = [{"Put": {"TableName": "table", "Item": KEY}}]


def client_of(
    url: str, credentials: Callable[[], Credentials] = lambda: CREDENTIALS, **others: Any
) -> JsonClient:
    return JsonClient(aws.SERVICES["dynamodb"], url, "eu-west-1", credentials, **others)


def silence_ends_after(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    for module in (json_client, lanes):
        monkeypatch.setattr(module, "READ_SECONDS", seconds)


@pytest.fixture
def dynamodb() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(dynamodb: StandIn, pauses: list[float]) -> JsonClient:
    return client_of(dynamodb.url, pause=pauses.append)


def botocores(url: str) -> Any:
    return botocore.session.get_session().create_client(
        "dynamodb",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        aws_session_token="token",
        config=Config(retries={"total_max_attempts": 1}),
    )


def ask(client: JsonClient, operation: str, **parameters: Any) -> Any:
    (found,) = client.at_once([Call(operation, parameters)])
    if isinstance(found, Exception):
        raise found
    return found


def queries(client: JsonClient, some: list[dict[str, Any]]) -> list[Any]:
    found = client.at_once([Call("query", query) for query in some])
    for one in found:
        if isinstance(one, Exception):
            raise one
    return list(found)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("get_item", {"TableName": "table", "Key": KEY, "ConsistentRead": True}),
        ("query", QUERY),
        ("put_item", {"TableName": "table", "Item": {**KEY, "updates": {"B": b"\x00\xffx"}}}),
        ("transact_write_items", {"TransactItems": WRITES, "ClientRequestToken": "t"}),
    ],
)
def test_it_asks_what_botocore_asks_and_signs_what_it_sends(
    dynamodb: StandIn, client: JsonClient, operation: str, parameters: dict[str, Any]
) -> None:
    dynamodb.script = [answer(200, {"Items": [{"sk": {"S": "x"}}]})]
    assert ask(client, operation, **parameters) == {"Items": [{"sk": {"S": "x"}}]}
    getattr(botocores(dynamodb.url), operation)(**parameters)
    lean, theirs = dynamodb.calls
    assert lean.parameters == theirs.parameters
    assert lean.parameters.keys() == parameters.keys()
    for what in ("x-amz-target", "content-type", "host", "x-amz-security-token"):
        assert lean.headers[what] == theirs.headers[what], what
    assert (lean.path, lean.operation) == (theirs.path, theirs.operation)
    for call in (lean, theirs):
        assert call.headers["authorization"].endswith(f"Signature={signature(dynamodb.url, call)}")


def signature(url: str, call: Any) -> Any:
    """Return the signature that AWS would calculate from what has arrived."""
    signed = call.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {"host", "x-amz-date", "x-amz-target", "x-amz-security-token"} <= set(signed)
    headers = {name: call.headers[name] for name in signed}
    request: Any = AWSRequest("POST", url + call.path, headers=headers, data=call.body)
    request.context["timestamp"] = call.headers["x-amz-date"]
    signer: Any = SigV4Auth(ReadOnlyCredentials(*CREDENTIALS), "dynamodb", "eu-west-1")
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


PASSING = {
    "throttled": error(400, "ProvisionedThroughputExceededException"),
    "too fast": error(400, "ThrottlingException"),
    "another try of the same transaction": error(400, "TransactionInProgressException"),
    "500": error(500, "InternalServerError"),
    "503 of a proxy": answer(503, b"<html>"),
    "closed without an answer": CLOSE,
    "damaged on the way": answer(200, {}, x_amz_crc32="1"),
    "half an answer": answer(200, {}, Content_Length="100"),
}


@pytest.mark.parametrize("what", PASSING)
def test_what_passes_is_tried_again_a_little_later(
    dynamodb: StandIn, client: JsonClient, pauses: list[float], what: str
) -> None:
    dynamodb.closes = what == "half an answer"
    dynamodb.script = [PASSING[what]] * (TRIES - 1) + [answer(200, {"Item": KEY})]
    assert ask(client, "get_item", TableName="table", Key=KEY) == {"Item": KEY}
    assert len(pauses) == TRIES - 1
    assert len({call.body for call in dynamodb.calls}) == 1


@pytest.mark.parametrize("what", PASSING)
def test_what_does_not_pass_is_an_error_after_some_tries(
    dynamodb: StandIn, client: JsonClient, what: str
) -> None:
    dynamodb.closes = what == "half an answer"
    dynamodb.script = [PASSING[what]]
    with pytest.raises((RefusedError, UnansweredError)) as raised:
        ask(client, "query", **QUERY)
    assert len(dynamodb.calls) == TRIES
    if what == "throttled":
        assert isinstance(raised.value, RefusedError)
        assert raised.value.code == "ProvisionedThroughputExceededException"


def test_a_transaction_keeps_its_token_in_every_try_and_the_next_has_another(
    dynamodb: StandIn, client: JsonClient
) -> None:
    """So that one whose answer was lost is not done twice, nor refused by its own conditions."""
    dynamodb.script = [CLOSE, error(500, "InternalServerError"), answer(200, {})]
    ask(client, "transact_write_items", TransactItems=WRITES)
    ask(client, "transact_write_items", TransactItems=WRITES)
    *tries, other = [call.parameters["ClientRequestToken"] for call in dynamodb.calls]
    assert len(tries) == 3
    assert len(set(tries)) == 1
    assert other not in tries


REFUSALS = {
    "AccessDeniedException": error(400, "AccessDeniedException"),
    "ExpiredTokenException": error(400, "ExpiredTokenException"),
    "ResourceNotFoundException": error(400, "ResourceNotFoundException"),
    "TransactionCanceledException": error(
        400,
        "TransactionCanceledException",
        CancellationReasons=[
            {"Code": "ConditionalCheckFailed", "Item": KEY, "Message": "x"},
            {"Code": "None"},
        ],
    ),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_is_botocores_error_at_once(
    dynamodb: StandIn, client: JsonClient, pauses: list[float], code: str
) -> None:
    dynamodb.script = [REFUSALS[code]]
    with pytest.raises(RefusedError) as lean:
        ask(client, "transact_write_items", TransactItems=WRITES)
    assert (len(dynamodb.calls), pauses) == (1, [])
    with pytest.raises(ClientError) as theirs:
        botocores(dynamodb.url).transact_write_items(TransactItems=WRITES)
    known: Any = theirs.value.response
    assert lean.value.code == known["Error"]["Code"]
    assert lean.value.members.get("CancellationReasons") == known.get("CancellationReasons")
    assert str(lean.value) == f"TransactWriteItems: {code}: {known['Error']['Message']}"


def test_a_refusal_that_is_not_dynamodbs_is_an_error_with_its_status(
    dynamodb: StandIn, client: JsonClient
) -> None:
    for body in (b"<html>", b"[]", b"{}", b'{"__type":1}'):
        dynamodb.script = [answer(403, body)]
        with pytest.raises(RefusedError) as raised:
            ask(client, "query", **QUERY)
        assert raised.value.code == "403"


def test_calls_share_one_connection(dynamodb: StandIn, client: JsonClient) -> None:
    dynamodb.script = [answer(200, {}), error(400, "ResourceNotFoundException"), answer(200, {})]
    ask(client, "query", **QUERY)
    with pytest.raises(RefusedError):
        ask(client, "query", **QUERY)
    ask(client, "get_item", TableName="table", Key=KEY)
    assert len({call.connection for call in dynamodb.calls}) == 1


def test_a_kept_connection_that_was_closed_meanwhile_costs_no_try_and_no_pause(
    dynamodb: StandIn, client: JsonClient, pauses: list[float]
) -> None:
    dynamodb.closes = True
    for _ in range(5):
        ask(client, "query", **QUERY)
    assert len(dynamodb.calls) == 5
    assert pauses == []


def test_silence_is_given_up(dynamodb: StandIn, client: JsonClient, monkeypatch: pytest.MonkeyPatch) -> None:
    silence_ends_after(monkeypatch, 0.2)
    dynamodb.script = [SILENCE, answer(200, {"Item": KEY})]
    assert ask(client, "get_item", TableName="table", Key=KEY) == {"Item": KEY}
    assert len(dynamodb.calls) == 2


def test_one_that_can_not_be_reached_is_an_error_that_tells_the_call(pauses: list[float]) -> None:
    with StandIn() as ended:
        pass
    client = client_of(ended.url, pause=pauses.append)
    with pytest.raises(UnansweredError, match=r"GetItem.*refused"):
        ask(client, "get_item", TableName="table", Key=KEY)
    assert len(pauses) == TRIES - 1


def test_rotated_credentials_are_taken_up(dynamodb: StandIn) -> None:
    current = [CREDENTIALS, Credentials("AKIDNEXT", "other", None)]
    client = client_of(dynamodb.url, lambda: current.pop(0))
    ask(client, "query", **QUERY)
    ask(client, "query", **QUERY)
    assert "Credential=AKIDEXAMPLE/" in dynamodb.calls[0].headers["authorization"]
    assert "Credential=AKIDNEXT/" in dynamodb.calls[1].headers["authorization"]
    assert "x-amz-security-token" not in dynamodb.calls[1].headers


def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with StandIn(tls=context) as dynamodb:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        trusting = client_of(dynamodb.url)
        assert ask(trusting, "query", **QUERY) == {}
        monkeypatch.delenv("AWS_CA_BUNDLE")
        wary = client_of(dynamodb.url, pause=lambda _seconds: None)
        with pytest.raises(UnansweredError, match="CERTIFICATE_VERIFY_FAILED"):
            ask(wary, "query", **QUERY)
    assert len(dynamodb.calls) == 1


def test_an_endpoint_that_only_the_system_trusts_is_trusted_from_the_second_handshake_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls.wider_than.cache_clear()
    with StandIn(tls=context) as dynamodb:
        client = client_of(dynamodb.url, pause=pauses.append)
        assert ask(client, "query", **QUERY) == {}
        assert ask(client, "query", **QUERY) == {}
    tls.wider_than.cache_clear()
    assert pauses == []


NAMES = ("one", "two", "three")
ANSWERS = [{"Items": [{"sk": {"S": name}}]} for name in NAMES]


def query_of(name: str) -> dict[str, Any]:
    return {**QUERY, "ExpressionAttributeValues": {":pk": {"S": f"CHANNEL#{name}"}}}


SEVERAL = [query_of(name) for name in NAMES]


@pytest.fixture
def several(dynamodb: StandIn) -> StandIn:
    """Answers each of three queries with what is its own."""
    dynamodb.answers = {
        f"CHANNEL#{name}": [answer(200, found)] for name, found in zip(NAMES, ANSWERS, strict=True)
    }
    return dynamodb


def test_several_queries_go_over_connections_of_their_own_that_are_kept(
    several: StandIn, client: JsonClient, pauses: list[float]
) -> None:
    for _ in range(3):
        assert queries(client, SEVERAL) == ANSWERS
    assert queries(client, SEVERAL[::-1]) == ANSWERS[::-1]
    assert queries(client, SEVERAL[1:2]) == ANSWERS[1:2]
    assert queries(client, []) == []
    assert len(several.calls) == 13
    assert len({call.connection for call in several.calls}) == 3
    assert pauses == []


def test_a_connection_that_was_not_used_for_a_minute_is_not_trusted(
    several: StandIn, client: JsonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries(client, SEVERAL)
    frozen_until = time.time() + 61
    monkeypatch.setattr("time.time", lambda: frozen_until)
    queries(client, SEVERAL)
    queries(client, SEVERAL)
    assert len({call.connection for call in several.calls}) == 6


def test_kept_connections_that_vanished_cost_one_time_out_together(
    several: StandIn, client: JsonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence_ends_after(monkeypatch, 0.5)
    queries(client, SEVERAL)
    for answers in several.answers.values():
        answers[1:] = [SILENCE, answers[0]]
    began = time.monotonic()
    assert queries(client, SEVERAL) == ANSWERS
    assert 0.5 < time.monotonic() - began < 1.0, "one time-out for each"
    assert len(several.calls) == 9


def test_when_a_kept_connection_has_vanished_the_idle_ones_are_not_trusted(
    several: StandIn, client: JsonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence_ends_after(monkeypatch, 0.3)
    queries(client, SEVERAL)
    several.answers["CHANNEL#one"][1:] = [SILENCE, several.answers["CHANNEL#one"][0]]
    queries(client, SEVERAL[:1])
    queries(client, SEVERAL)
    assert len({call.connection for call in several.calls}) == 6, "one for the silent one, two for the others"


def test_an_answer_that_has_come_is_read_though_another_used_up_the_time(
    several: StandIn, client: JsonClient, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    silence_ends_after(monkeypatch, 0.3)
    several.answers["CHANNEL#one"].insert(0, SILENCE)
    assert queries(client, SEVERAL) == ANSWERS
    assert len(several.calls) == 4, "only the silent one is asked again"
    assert len(pauses) == 1


def test_the_time_that_another_used_up_is_not_missing_when_the_next_request_is_sent(
    several: StandIn, client: JsonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large item may take longer to send than a late answer has."""
    silence_ends_after(monkeypatch, 0.3)
    send, seconds = deadlines.send_all, list[float]()

    def noting(sock: Any, data: bytes, deadline: Deadline) -> None:
        seconds.append(deadline.left())
        send(sock, data, deadline)

    monkeypatch.setattr(lanes, "send_all", noting)
    several.answers["CHANNEL#one"].insert(0, SILENCE)
    for _ in range(2):
        assert queries(client, SEVERAL) == ANSWERS
    assert len(seconds) == 7
    assert min(seconds) > 0.25


def test_several_queries_are_under_way_at_once(several: StandIn, client: JsonClient) -> None:
    several.together = threading.Barrier(3, timeout=20)
    assert queries(client, SEVERAL) == ANSWERS


def test_equal_queries_are_one_call(several: StandIn, client: JsonClient) -> None:
    assert queries(client, [*SEVERAL, *SEVERAL[::-1]]) == [*ANSWERS, *ANSWERS[::-1]]
    assert len(several.calls) == 3


@pytest.mark.parametrize("what", PASSING)
@pytest.mark.parametrize("name", NAMES)
def test_of_several_queries_the_one_that_fails_is_tried_again_by_itself(
    several: StandIn, client: JsonClient, name: str, what: str
) -> None:
    several.closes = what == "half an answer"
    several.answers[f"CHANNEL#{name}"].insert(0, PASSING[what])
    assert queries(client, SEVERAL) == ANSWERS
    assert sorted(call.body for call in several.calls).count(bytes_of(name)) == 2
    assert len(several.calls) == 4
    assert queries(client, SEVERAL) == ANSWERS


def bytes_of(name: str) -> bytes:
    return json.dumps(query_of(name), separators=(",", ":")).encode()


def test_kept_connections_that_were_closed_meanwhile_cost_several_queries_no_pause(
    several: StandIn, client: JsonClient, pauses: list[float]
) -> None:
    several.closes = True
    for _ in range(4):
        assert queries(client, SEVERAL) == ANSWERS
    assert pauses == []


@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_of_one_query_leaves_no_answer_for_the_next_ones(
    several: StandIn, client: JsonClient, pauses: list[float], name: str
) -> None:
    refusal = error(400, "AccessDeniedException")
    several.answers[f"CHANNEL#{name}"].insert(0, refusal)
    with pytest.raises(RefusedError, match="AccessDenied"):
        queries(client, SEVERAL)
    assert queries(client, SEVERAL[::-1]) == ANSWERS[::-1]
    assert pauses == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_exception_between_several_queries_leaves_no_answer_for_the_next_ones(
    several: StandIn, pauses: list[float], number: int
) -> None:
    asked = itertools.count(1)

    def credentials() -> Credentials:
        if next(asked) == number:
            raise NoCredentialsError
        return CREDENTIALS

    client = client_of(several.url, credentials, pause=pauses.append)
    with pytest.raises(NoCredentialsError):
        queries(client, SEVERAL)
    assert queries(client, SEVERAL[::-1]) == ANSWERS[::-1]
    assert ask(client, "query", **SEVERAL[1]) == ANSWERS[1]
    assert len(several.calls) == number - 1 + 4, "nothing was asked again"
    assert pauses == []


def test_an_answer_that_is_not_json_is_none_and_leaves_none_for_the_next_ones(
    several: StandIn, client: JsonClient, pauses: list[float]
) -> None:
    several.answers["CHANNEL#one"].insert(0, answer(200, b"<html>"))
    assert queries(client, SEVERAL) == ANSWERS
    assert queries(client, SEVERAL[::-1]) == ANSWERS[::-1]
    assert len(several.calls) == 7, "only that one was asked again"
    assert len(pauses) == 1


def test_several_queries_take_up_rotated_credentials(several: StandIn) -> None:
    current = [CREDENTIALS] * 3 + [Credentials("AKIDNEXT", "other", None)] * 3
    client = client_of(several.url, lambda: current.pop(0))
    for _ in range(2):
        assert queries(client, SEVERAL) == ANSWERS
    keys = [call.headers["authorization"].partition("/")[0] for call in several.calls]
    assert [key.rpartition("=")[2] for key in keys] == ["AKIDEXAMPLE"] * 3 + ["AKIDNEXT"] * 3
