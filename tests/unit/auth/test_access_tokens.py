"""Which tokens of an issuer are taken. Claims are as the providers' documents show them."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from entity_push.auth.refusals import Refusal, RefusedTokenError
from entity_push.auth.verifiers import IssuerVerifier, SecretVerifier

from tests.forged_tokens import assemble, hs256, rs256
from tests.unit.auth.test_verifiers import RSA_KEY, PublicKeys, Secrets

COGNITO = {"sub": "a", "client_id": "c", "origin_jti": "o", "event_id": "e", "scope": "openid"}
AUTH0 = {"sub": "auth0|a", "aud": ["api", "https://x/userinfo"], "azp": "client", "scope": "openid"}
OKTA = {"ver": 1, "jti": "j", "cid": "client", "uid": "u", "scp": ["openid"], "auth_time": 1, "sub": "a@b.c"}
ENTRA_ID = {"aio": "x", "azp": "client", "azpacr": "0", "oid": "o", "scp": "s", "uti": "u", "ver": "2.0"}
KEYCLOAK = {"typ": "Bearer", "azp": "client", "sid": "s", "scope": "openid", "acr": "1", "nonce": "n"}
LOGOUT: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}


def taken(claims: dict[str, Any], **header: Any) -> Refusal | None:
    token = assemble({"alg": "RS256", "kid": "rsa", **header}, claims, rs256(RSA_KEY))
    try:
        assert IssuerVerifier(PublicKeys()).claims(token) == claims
    except RefusedTokenError as error:
        return error.reason
    return None


@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT", None]
)
@pytest.mark.parametrize(
    "claims",
    [{**COGNITO, "token_use": "access"}, AUTH0, OKTA, ENTRA_ID, KEYCLOAK, {**KEYCLOAK, "typ": "DPoP"}, {}],
    ids=["cognito", "auth0", "okta", "entra", "keycloak", "keycloak-dpop", "bare"],
)
def test_access_tokens_are_taken_as_issuers_write_them(claims: dict[str, Any], typ: str | None) -> None:
    assert taken(claims, typ=typ) is None
    assert taken(claims) is None


@pytest.mark.parametrize(
    "typ",
    [
        "",
        "id+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "application/at",
        "at+jwt ",
        "JWS",
        "JOSE",
        7,
        ["JWT"],
        {},
        False,
    ],
    ids=repr,
)
def test_any_other_type_in_the_header_is_refused(typ: object) -> None:
    assert taken({"sub": "alice"}, typ=typ) == Refusal.TOKEN_TYPE


@pytest.mark.parametrize("typ", ["logout+jwt", "application/logout+jwt", "Logout+JWT"])
def test_a_logout_token_is_known_by_its_type(typ: str) -> None:
    assert taken({"sub": "alice"}, typ=typ) == Refusal.LOGOUT_TOKEN


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"events": LOGOUT}, Refusal.LOGOUT_TOKEN),
        ({"events": {}}, Refusal.LOGOUT_TOKEN),
        ({"events": LOGOUT, "token_use": "access"}, Refusal.LOGOUT_TOKEN),
        ({"typ": "Logout"}, Refusal.LOGOUT_TOKEN),
        ({"token_use": "id"}, Refusal.ID_TOKEN),
        ({"typ": "ID"}, Refusal.ID_TOKEN),
        ({"nonce": "n"}, Refusal.ID_TOKEN),
        ({"at_hash": "h"}, Refusal.ID_TOKEN),
        ({"c_hash": "h"}, Refusal.ID_TOKEN),
        ({"at_hash": "h", "typ": "Bearer"}, Refusal.ID_TOKEN),
        ({"token_use": "refresh"}, Refusal.TOKEN_TYPE),
        ({"token_use": None}, Refusal.TOKEN_TYPE),
        ({"token_use": ["access"]}, Refusal.TOKEN_TYPE),
        ({"typ": "Refresh"}, Refusal.TOKEN_TYPE),
        ({"typ": "Offline"}, Refusal.TOKEN_TYPE),
    ],
    ids=str,
)
def test_what_an_issuer_signs_for_another_purpose_is_refused(claims: dict[str, Any], why: Refusal) -> None:
    assert taken({"sub": "alice", **claims}) == why
    assert taken({"sub": "alice", **claims}, typ="JWT") == why


def test_what_says_that_it_is_an_access_token_may_have_a_nonce() -> None:
    assert taken({"nonce": "n"}, typ="at+jwt") is None
    assert taken({"nonce": "n", "token_use": "access"}) is None
    assert taken({"nonce": "n", "typ": "Bearer"}) is None, "as Keycloak's before version 25"


@pytest.mark.parametrize("claims", [{"events": ["orders/*"]}, {"events": "orders/*"}, {"typ": "customer"}])
def test_an_issuers_own_claims_of_these_names_are_none_of_a_logout_token(claims: dict[str, Any]) -> None:
    assert taken(claims) is None


def test_a_forged_token_is_told_by_its_signature_whatever_it_says_that_it_is() -> None:
    key = rsa.generate_private_key(65537, 2048)
    token = assemble({"alg": "RS256", "kid": "rsa", "typ": "logout+jwt"}, {"events": {}}, rs256(key))
    with pytest.raises(RefusedTokenError, match="signature"):
        IssuerVerifier(PublicKeys()).claims(token)


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "logout+jwt", "", None, 7])
def test_a_deployments_own_tokens_are_all_for_it(typ: object) -> None:
    claims = {"sub": "alice", "nonce": "n", "token_use": "id", "events": {}, "at_hash": "h", "typ": "ID"}
    token = assemble({"alg": "HS256", "typ": typ}, claims, hs256("n" * 64))
    assert SecretVerifier(Secrets("n" * 64)).claims(token) == claims
