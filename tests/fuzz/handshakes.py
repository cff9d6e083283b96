"""`$connect` events: tokens of every sort in every place, headers and queries of every shape."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests import forged_tokens
from tests.fuzz.texts import ANY, Pair, mutated, quoted, seldom, written

Tokens = st.SearchStrategy[str]
Event = dict[str, Any]

METHOD_ARN = "arn:aws:execute-api:us-east-1:111122223333:abcdef123/prod/$connect"

_GRANTS = st.sampled_from(
    (
        '["orders/*"]',
        '"orders/* rooms/7"',
        '["*","#everyone"]',
        '["orders/**"]',
        "[]",
        json.dumps(["o"] * 1100),
        json.dumps([f"orders/{number}" for number in range(300)]),
    )
)
_USERS = st.sampled_from(("alice", "", "a" * 256, "a" * 257, "中" * 256, "a\nb", "a b#c")).map(quoted)
_TIMES = st.sampled_from(
    ("0", "-1", "1.5", "true", "4102444800", "4102444800.5", "253402300799", "253402300800", "1e400")
)
_ALGORITHMS = st.sampled_from(("HS256", "ES256", "RS256", "none", "hs256", "HS512", "EdDSA")).map(quoted)
_MUTATIONS = st.sampled_from((0, 0, 1, 3))
_HEADER_NAMES = st.one_of(
    st.sampled_from(("Authorization", "authorization", "Sec-WebSocket-Protocol", "sec-websocket-protocol")),
    st.text(max_size=5),
)


_HEADERS = st.lists(st.tuples(_HEADER_NAMES, st.text(max_size=12)), max_size=2)
_QUERIES = st.lists(
    st.tuples(
        st.sampled_from(("roomId", "roomId", "roomId", "access_token", "x")),
        st.sampled_from(("7", "eu/7", "", "a\nb", "/", "*", "é")) | st.text(max_size=8),
    ),
    min_size=1,
    max_size=2,
)
_CASED = {
    name: st.sampled_from((name, name.title(), name.upper()))
    for name in ("authorization", "sec-websocket-protocol")
}


def _raw(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


@st.composite
def tokens(draw: st.DrawFn, algorithm: str, sign: forged_tokens.Sign, claims: dict[str, Any]) -> str:
    """Return a token, often signed with the right key, whatever its claims.

    Args:
        draw: hypothesis's function for drawing values.
        algorithm: the algorithm of a valid token.
        sign: signs as a valid token is signed.
        claims: the claims of a valid token.
    """
    values = st.one_of(_GRANTS, _USERS, _TIMES, ANY)
    claim_pairs: list[Pair] = [(name, json.dumps(value)) for name, value in claims.items()]
    payload = written(draw(mutated(claim_pairs, values, most=draw(_MUTATIONS))))
    header_pairs: list[Pair] = [("alg", quoted(algorithm)), ("typ", '"JWT"'), ("kid", '"key"')]
    header = written(draw(mutated(header_pairs, st.one_of(_ALGORITHMS, ANY), most=draw(_MUTATIONS))))
    if draw(seldom(12)):
        payload = draw(ANY)
    if draw(seldom(12)):
        header = draw(ANY)
    other_signs: list[forged_tokens.Sign] = [forged_tokens.hs256("a stranger's"), forged_tokens.unsigned]
    token = forged_tokens.assemble(
        _raw(header), _raw(payload), draw(st.sampled_from([sign] * 14 + other_signs))
    )
    return _edited(draw, token) if draw(seldom(10)) else token


def _edited(draw: st.DrawFn, token: str) -> str:
    place = draw(st.integers(0, len(token)))
    return token[:place] + draw(st.text(max_size=2)) + token[place + draw(st.integers(0, 2)) :]


@st.composite
def events(draw: st.DrawFn, some_tokens: Tokens, authorizers: st.SearchStrategy[Any]) -> Event:
    """Return a `$connect` event.

    Args:
        draw: hypothesis's function for drawing values.
        some_tokens: a strategy for tokens.
        authorizers: a strategy for the authorizer's context; nothing for a function without one.
    """
    headers, query = draw(_lines(some_tokens))
    context: Event = {
        "routeKey": "$connect",
        "connectionId": "opening=",
        "connectedAt": 1_800_000_000_000,
        "identity": {"sourceIp": "192.0.2.1", "userAgent": draw(st.text(max_size=10) | st.none())},
    }
    authorizer = draw(authorizers)
    if authorizer is not None:
        context["authorizer"] = authorizer
    event: Event = {"type": "REQUEST", "methodArn": METHOD_ARN, "requestContext": context}
    event |= draw(_shaped("headers", "multiValueHeaders", headers))
    event |= draw(_shaped("queryStringParameters", "multiValueQueryStringParameters", query))
    return event


@st.composite
def _lines(draw: st.DrawFn, some_tokens: Tokens) -> tuple[list[Pair], list[Pair]]:
    """Return the lines of the header and of the query, with a token in one place, in several, or in none."""
    headers: list[Pair] = draw(_HEADERS) if draw(seldom(4)) else []
    query: list[Pair] = draw(_QUERIES) if draw(seldom(3)) else []
    places: list[Callable[[str], None]] = [
        lambda token: headers.append((draw(_CASED["authorization"]), f"Bearer {token}")),
        lambda token: headers.append((draw(_CASED["sec-websocket-protocol"]), f"websocket, {token}")),
        lambda token: query.append(("access_token", token)),
    ]

    def odd_place(token: str) -> None:
        headers.append((draw(_HEADER_NAMES), draw(st.text(max_size=5)) + token))

    for _ in range(draw(st.sampled_from((1, 1, 1, 1, 1, 1, 1, 1, 0, 2)))):
        draw(st.sampled_from([*places, *places, odd_place]))(draw(some_tokens))
    return headers, query


@st.composite
def _shaped(draw: st.DrawFn, single: str, multiple: str, lines: list[Pair]) -> Event:
    """Return lines in API Gateway's two forms, last of each name and all; one may be missing or null."""
    every: dict[str, list[str]] = {}
    for name, value in lines:
        every.setdefault(name, []).append(value)
    fields: Event = {single: dict(lines) or None, multiple: every or None}
    match draw(st.sampled_from((*["both"] * 5, "no multiple", "null multiple", "no single"))):
        case "no multiple":
            del fields[multiple]
        case "null multiple":
            fields[multiple] = None
        case "no single":
            del fields[single]
    return fields


@st.composite
def authorizer_contexts(draw: st.DrawFn) -> Any:
    """Return a possible `requestContext.authorizer` of a `$connect` event."""
    context: dict[str, Any] = {
        "principalId": "alice",
        "userId": draw(st.sampled_from(("alice", "bob", "中" * 256))),
        "grants": '{"subscribe":["orders/*","rooms/*"],"publish":[]}',
        "expires": draw(st.sampled_from(("4102444800", "1800000060"))),
        "integrationLatency": 12,
    }
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2)))):
        name = draw(st.sampled_from(sorted(context)))
        if draw(st.booleans()):
            context.pop(name)
        else:
            context[name] = draw(ANY | st.none() | st.integers() | _GRANTS.map(_grants_text))
    return context


def _grants_text(claim: str) -> str:
    return f'{{"subscribe":{claim},"publish":null}}'
