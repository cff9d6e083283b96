"""The targets of fuzzing, with the promises that hold for every input."""

import base64
import hashlib
import hmac
import json
import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entity_push.protocol.errors import ErrorCode
from hypothesis import strategies as st

from tests import forged_tokens
from tests.contract import check_server_frame, faults
from tests.fuzz import bodies, handshakes, hostile, isolation, pushes, records
from tests.fuzz.deployment import (
    AUDIENCE,
    CONNECTIONS,
    ISSUER,
    ISSUERS_KEY,
    LISTENER,
    SECRET,
    Deployment,
    claims,
    event,
)
from tests.fuzz.services import event_id, strictly_json

ERROR_CODES = Path(__file__).parents[2] / "docs" / "reference" / "error-codes.md"
MAX_ANSWER_BYTES = 128 * 1024
MAX_ERROR_BYTES = 2048
NAMING = {"entityId", "channel", "roomId"}
LONGEST_NAME = 256
UNREADABLE = {"frame_too_large", "invalid_json", "invalid_frame", "invalid_request_id"}
ANSWERS = {
    "subscribe": {"subscribed", "answers"},
    "unsubscribe": {"unsubscribed", "answers"},
    "publish": {"published"},
    "default": set[str](),
}


@dataclass(frozen=True, slots=True)
class Target:
    """Something to fuzz.

    Attributes:
        name: the target's name in the report.
        share: the target's share of all inputs, compared with the others'.
        inputs: a strategy for the inputs.
        check: gives an input to a deployment, returns the outcome in a word; raises if a promise is broken.
        accepts: outcomes that must occur among many inputs, so that some inputs get past the first checks.
    """

    name: str
    share: int
    inputs: st.SearchStrategy[Any]
    check: Callable[[Deployment, Any], str]
    accepts: frozenset[str]


def documented_codes() -> set[str]:
    """Return the codes of error frames in the table of their document."""
    section = ERROR_CODES.read_text().partition("\n## Error frames\n")[2].partition("\n## ")[0]
    rows = section.partition("| code |")[2].partition("\n\n")[0]
    return set(re.findall(r"^\| `([a-z_]+)` \|", rows, re.MULTILINE))


_CODES = documented_codes() - {ErrorCode.INTERNAL_ERROR, ErrorCode.NOT_PUBLISHED}
"""The possible error codes if only the input is at fault."""


def _route(name: str, share: int) -> Target:
    def check(deployment: Deployment, given: tuple[str, str | None, bool]) -> str:
        connection_id, body, missing = given
        deployment.reset()
        event = {"requestContext": {"routeKey": name, "connectionId": connection_id}}
        if not missing:
            event["body"] = body  # type: ignore[assignment]
        before = deployment.table.writes
        frame = _answer(deployment, name, event)
        outcome = _outcome(name, frame)
        _check_request_id(frame, outcome, None if missing else body)
        _check_subject(frame, None if missing else body)
        if frame["type"] == "error" or name == "publish":
            assert deployment.table.writes == before, "an error changed the table"
        if name == "publish":
            _check_publication(deployment, body or "", frame)
        return outcome

    inputs = st.tuples(
        st.sampled_from((LISTENER, LISTENER, *CONNECTIONS)),
        bodies.bodies(name),
        st.sampled_from([False] * 20 + [True]),
    )
    return Target(name, share, inputs, check, frozenset((ANSWERS[name] or {"unknown_action"}) - {"answers"}))


def _answer(deployment: Deployment, name: str, event: dict[str, Any]) -> dict[str, Any]:
    response = deployment.call(name, event)
    assert response.keys() == {"statusCode", "body"}
    assert response["statusCode"] == 200
    wire = response["body"].encode()
    assert len(wire) <= MAX_ANSWER_BYTES, f"an answer of {len(wire)} bytes"
    frame = strictly_json(wire)
    assert isinstance(frame, dict)
    check_server_frame(frame)
    return frame


def _outcome(name: str, frame: dict[str, Any]) -> str:
    if frame["type"] != "error":
        assert frame["type"] in ANSWERS[name]
        for answer in frame.get("answers", ()):
            assert answer["type"] in (*ANSWERS[name], "error")
            assert answer.get("code") in (None, *_CODES), answer
            _check_naming(answer)
        return str(frame["type"])
    assert frame["code"] in _CODES, frame
    assert isinstance(frame["message"], str)
    assert frame.keys() <= {"type", "code", "message", "requestId", *NAMING}
    assert len(frame.keys() & NAMING) <= 1
    _check_naming(frame)
    assert len(json.dumps(frame, ensure_ascii=False).encode(errors="backslashreplace")) <= MAX_ERROR_BYTES
    return str(frame["code"])


def _check_naming(frame: dict[str, Any]) -> None:
    """Check that what an answer is about can't break a reader."""
    for name in NAMING & frame.keys():
        assert len(frame[name]) <= LONGEST_NAME
        assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in frame[name])


def _check_request_id(frame: dict[str, Any], outcome: str, body: str | None) -> None:
    expected = None if outcome in UNREADABLE else json.loads(body or "").get("requestId")
    if expected is None:
        assert "requestId" not in frame
    else:
        assert json.dumps(frame["requestId"]) == json.dumps(expected)


def _check_subject(frame: dict[str, Any], body: str | None) -> None:
    """Check that an error names what its frame names, if that is an id of some kind."""
    if frame["type"] != "error" or frame["code"] in UNREADABLE:
        return
    asked = json.loads(body or "")
    first = next((name for name in ("channel", "roomId", "entityId") if name in asked), None)
    named = {name: frame[name] for name in NAMING & frame.keys()}
    assert named in ({}, {first: asked.get(first)})
    if first and isinstance(asked[first], str) and hostile.is_entity_id(asked[first]):
        assert named == {first: asked[first]}


def _check_publication(deployment: Deployment, body: str, answer: dict[str, Any]) -> None:
    """Check that a published event, and no other, reaches the listener and can be caught up with."""
    if answer["type"] == "error":
        assert not deployment.bus.entries
        return
    (entry,) = deployment.bus.entries
    put = event(entry["DetailType"], json.loads(entry["Detail"]), answer["id"], entry["Source"])
    assert faults("PublishedEvent", put) == []
    assert deployment.push([json.dumps(put, ensure_ascii=False)]) == []
    assert deployment.queues.dead == []
    (post,) = [post for post in deployment.deliverer.posts if post.connection_id == LISTENER]
    pushed = strictly_json(post.frame)
    check_server_frame(pushed)
    asked = json.loads(body)
    assert answer.get("ownId", "absent") == pushed.get("ownId", "absent") == asked.get("id", "absent")
    assert "version" not in pushed
    if "id" in asked:
        _check_repetitions(deployment, put)
    assert pushed.get("message", "absent") == asked.get("message", "absent")
    whom = {"entityId": pushed["entityId"]} if "entityId" in pushed else {"channel": "everyone"}
    epoch, _, sequence = pushed["cursor"].rpartition(".")
    for since in (None, f"{epoch}.{int(sequence) - 1}"):
        question = json.dumps({"action": "subscribe", **whom, "since": since})
        told = _answer(
            deployment, "subscribe", {"requestContext": {"connectionId": LISTENER}, "body": question}
        )
        assert told["type"] == "subscribed", told


def _check_repetitions(deployment: Deployment, put: dict[str, Any]) -> None:
    """Check that an id stops its sender's repetitions, and nothing that another sender publishes."""
    detail = put["detail"]
    mallorys = {**detail, "from": "mallory"}
    anothers = {name: value for name, value in detail.items() if name != "from"} | {"connection": "another="}
    tries = [(detail, False), (mallorys, True), (anothers, True), (mallorys, False), (detail, False)]
    for number, (said, is_pushed) in enumerate(tries, 9_000):
        before = len(deployment.deliverer.posts)
        body = json.dumps({**put, "id": event_id(number), "detail": said}, ensure_ascii=False)
        assert deployment.push([body]) == []
        assert (len(deployment.deliverer.posts) > before) is is_pushed, f"{said} after {detail}"


def _authorizer(kind: str, share: int, algorithm: str, sign: forged_tokens.Sign) -> Target:
    some = st.one_of(
        st.text(max_size=30),
        *[handshakes.tokens(algorithm, sign, claims())] * 5,
        st.sampled_from(sorted(forged_tokens.forgeries(SECRET, ISSUER, AUDIENCE, time.time()).values())),
    )

    def check(deployment: Deployment, given: dict[str, Any]) -> str:
        deployment.reset()
        try:
            answer = deployment.call(f"authorize {kind}", given)
        except Exception as error:
            if str(error) != "Unauthorized":
                raise
            _check_secrecy(deployment, given)
            return "Unauthorized"
        _check_secrecy(deployment, given)
        assert len(json.dumps(answer)) <= 8192
        assert answer["policyDocument"]["Statement"][0]["Resource"] == handshakes.METHOD_ARN
        assert all(isinstance(value, str) for value in answer["context"].values())
        assert kind == "oidc" or any(map(_is_ours, _texts(given)))
        opened = {
            **given["requestContext"],
            "authorizer": {"principalId": answer["principalId"], **answer["context"]},
        }
        assert deployment.call("connect", {"requestContext": opened})["statusCode"] in (200, 429)
        return "allowed"

    return Target(
        f"authorize ({kind})",
        share,
        handshakes.events(some, st.none()),
        check,
        frozenset({"allowed", "Unauthorized"}),
    )


def _texts(given: dict[str, Any]) -> set[str]:
    """Return the possible tokens of an event: every word of its header and its query."""
    texts: set[str] = set()
    for lines in (given.get("headers"), given.get("queryStringParameters")):
        texts.update(word for value in (lines or {}).values() for word in re.split(r"[\s,]+", value))
    for many in (given.get("multiValueHeaders"), given.get("multiValueQueryStringParameters")):
        for values in (many or {}).values():
            texts.update(word for value in values for word in re.split(r"[\s,]+", value))
    return texts


def _check_secrecy(deployment: Deployment, given: dict[str, Any]) -> None:
    output = deployment.output.getvalue()
    for text in _texts(given):
        for part in (text, *text.split(".")):
            assert len(part) < 16 or part not in output, "a token was printed"


def _is_ours(token: str) -> bool:
    """Tell whether a token is signed with the deployment's secret."""
    signed, _, signature = token.rpartition(".")
    expected = hmac.digest(SECRET.encode(), signed.encode(errors="replace"), hashlib.sha256)
    return base64.urlsafe_b64encode(expected).rstrip(b"=").decode() == signature.rstrip("=")


def _check_connect(deployment: Deployment, given: dict[str, Any]) -> str:
    deployment.reset()
    before = deployment.items()
    anybody = "authorizer" not in given["requestContext"]
    try:
        response = deployment.call("connect without tokens" if anybody else "connect", given)
    except (KeyError, ValueError):  # documented for a context that the authorizer did not write
        assert not anybody
        assert deployment.items() == before
        return "unusable context"
    assert response["statusCode"] in (200, 403, 429)
    assert response.get("headers", {}) in ({}, {"Sec-WebSocket-Protocol": "websocket"})
    if response["statusCode"] != 200:
        assert deployment.items() == before, "a refused handshake left something"
    return str(response["statusCode"])


def _check_disconnect(deployment: Deployment, connection_id: str) -> str:
    deployment.reset()
    event = {"requestContext": {"connectionId": connection_id, "disconnectReason": "x"}}
    for _ in range(2):
        assert deployment.call("disconnect", event) == {"statusCode": 200}
    assert not [key for key in deployment.items() if connection_id and key[1].endswith(f"#{connection_id}")]
    return "200"


TARGETS = (
    _route("subscribe", 20),
    _route("unsubscribe", 10),
    _route("publish", 20),
    _route("default", 10),
    Target(
        "connect",
        12,
        handshakes.events(st.text(max_size=20), st.none() | handshakes.authorizer_contexts()),
        _check_connect,
        frozenset({"200", "403"}),
    ),
    Target(
        "disconnect",
        1,
        st.sampled_from(CONNECTIONS) | st.text(max_size=100),
        _check_disconnect,
        frozenset({"200"}),
    ),
    _authorizer("jwt", 10, "HS256", forged_tokens.hs256(SECRET)),
    _authorizer("oidc", 7, "ES256", forged_tokens.es256(ISSUERS_KEY)),
    Target(
        "hostile values",
        13,
        hostile.EVENTS,
        hostile.check_hostile,
        frozenset({"updates by all rules", "some updates", "dead letters only"}),
    ),
    Target("isolation", 1, isolation.TRIALS, isolation.check_isolation, frozenset({"some heard"})),
    Target("push", 10, records.BATCHES, pushes.check_push, frozenset({"pushed", "dead letter"})),
)
