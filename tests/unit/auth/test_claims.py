"""Claims that are right in every documented form; wrong ones are in tests/forged_tokens.py."""

import math
from typing import Any

import pytest
from entity_push.auth.bearer import Bearer
from entity_push.auth.claims import LATEST_TIME, ExpectedClaims
from entity_push.auth.grants import Grants
from entity_push.auth.refusals import Refusal, RefusedTokenError
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_800_000_000
EXPECTED = ExpectedClaims("issuer", "audience", "sub", "subscribe", "publish")
CLAIMS = {"iss": "issuer", "aud": "audience", "sub": "alice", "exp": NOW + 60}


def refusal(claims: dict[str, Any], now: float = NOW, expected: ExpectedClaims = EXPECTED) -> Refusal | None:
    try:
        expected.bearer(claims, now)
    except RefusedTokenError as error:
        return error.reason
    return None


def test_without_grants_a_user_is_let_in_and_may_do_nothing() -> None:
    assert EXPECTED.bearer(CLAIMS, NOW) == Bearer("alice", Grants(), NOW + 60)


def test_grants_and_user_are_read_from_the_claims_that_the_deployment_names() -> None:
    expected = ExpectedClaims(
        "issuer", "audience", "cognito:username", "scope", "https://example.com/publish"
    )
    claims = {
        **{"iss": "issuer", "aud": "audience", "sub": "7f2c", "exp": NOW + 1, "subscribe": ["*"]},
        **{"cognito:username": "bob", "scope": "orders/* rides/1", "https://example.com/publish": ["a"]},
    }
    grants = Grants(("orders/*", "rides/1"), ("a",))
    assert expected.bearer(claims, NOW) == Bearer("bob", grants, NOW + 1)


@pytest.mark.parametrize("audience", ["audience", ["audience"], ["another", "audience"]])
def test_the_audience_may_be_one_of_several(audience: object) -> None:
    assert refusal({**CLAIMS, "aud": audience}) is None


def test_a_client_id_stands_for_the_audience_only_of_an_issuers_tokens_without_aud() -> None:
    issuers = ExpectedClaims("issuer", "audience", "sub", "subscribe", "publish", client_id_is_audience=True)
    access_token = {"iss": "issuer", "sub": "alice", "exp": NOW + 60, "client_id": "audience"}
    assert refusal(access_token, expected=issuers) is None
    assert refusal(access_token) == Refusal.AUDIENCE
    assert refusal({**access_token, "client_id": "another"}, expected=issuers) == Refusal.AUDIENCE
    assert refusal({**access_token, "aud": "another"}, expected=issuers) == Refusal.AUDIENCE
    assert refusal({**access_token, "aud": None}, expected=issuers) == Refusal.AUDIENCE


def test_a_token_ends_in_the_very_second_that_it_names() -> None:
    assert refusal(CLAIMS, NOW + 59.9) is None
    assert refusal(CLAIMS, NOW + 60) == Refusal.EXPIRED


def test_a_token_begins_in_the_second_that_it_names() -> None:
    claims = {**CLAIMS, "nbf": NOW}
    assert refusal(claims, NOW) is None
    assert refusal(claims, NOW - 0.1) == Refusal.NOT_YET_VALID


def test_the_last_time_that_is_taken_is_the_end_of_9999() -> None:
    assert refusal({**CLAIMS, "exp": LATEST_TIME}) is None
    assert refusal({**CLAIMS, "exp": LATEST_TIME + 1}) == Refusal.TIMES


@pytest.mark.parametrize("claim", ["exp", "nbf"])
@pytest.mark.parametrize(
    "value", [True, False, "1800000060", "1800000060.5", None, [], {}, math.nan, math.inf, -math.inf, -0.5]
)
def test_a_time_is_a_number_and_nothing_that_looks_like_one(claim: str, value: object) -> None:
    assert refusal({**CLAIMS, claim: value}) == Refusal.TIMES


def test_a_fraction_of_a_second_is_rounded_down_at_the_end_and_exact_at_the_beginning() -> None:
    claims = {**CLAIMS, "exp": NOW + 60.5, "nbf": NOW + 0.5}
    assert EXPECTED.bearer(claims, NOW + 0.5) == Bearer("alice", Grants(), NOW + 60)
    assert refusal(claims, NOW + 0.4) == Refusal.NOT_YET_VALID
    assert refusal(claims, NOW + 59.9) is None
    assert refusal(claims, NOW + 60) == Refusal.EXPIRED
    assert refusal({**CLAIMS, "exp": LATEST_TIME + 0.5}) == Refusal.TIMES


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([math.nan, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from([*CLAIMS, "nbf", "subscribe", "publish", "client_id"]), ANYTHING))
def test_any_claims_are_a_bearer_or_a_refusal(claims: dict[str, Any]) -> None:
    issuers = ExpectedClaims("issuer", "audience", "sub", "subscribe", "publish", client_id_is_audience=True)
    for expected in (EXPECTED, issuers):
        assert refusal(claims, expected=expected) is not None
        refusal({**CLAIMS, **claims}, expected=expected)
