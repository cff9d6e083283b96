"""Keys of an issuer, fetched from a real web server."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from entity_push.auth import issuer_keys
from entity_push.auth.issuer_documents import MAX_DOCUMENT_BYTES, KeysUnavailableError
from entity_push.auth.issuer_keys import (
    DEADLINE_SECONDS,
    FAILED_SECONDS,
    MAX_AGE_SECONDS,
    MIN_AGE_SECONDS,
    STALE_SECONDS,
    IssuerKeys,
)

from tests.local_issuer import DISCOVERY, KEYS, Answer, LocalIssuer, ec_jwk, rsa_jwk
from tests.unit.auth.test_secret_keys import Clock

KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())

# What issuers publish besides the key itself.
AUTH0 = {
    "use": "sig",
    "alg": "RS256",
    "x5t": "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg",
    "x5c": ["MII"],
}
COGNITO = {"use": "sig", "alg": "RS256"}
OKTA = {"use": "sig", "alg": "RS256", "status": "ACTIVE"}
ENTRA_ID = {"use": "sig", "x5t": "nOo3ZDrODXEK1jKWhXslHR_KXEg", "x5c": ["MII"], "issuer": "https://sts"}


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    with LocalIssuer() as local:
        local.publish(rsa_jwk(KEY, "key1"))
        yield local


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(issuer: LocalIssuer, clock: Clock) -> IssuerKeys:
    return IssuerKeys(issuer.url, clock)


@pytest.mark.parametrize(
    "members", [AUTH0, COGNITO, OKTA, ENTRA_ID, {}], ids=["auth0", "cognito", "okta", "entra", "bare"]
)
def test_keys_are_found_as_issuers_publish_them(keys: IssuerKeys, issuer: LocalIssuer, members: Any) -> None:
    another = rsa.generate_private_key(65537, 2048)
    issuer.publish(
        rsa_jwk(another, "next", **members), rsa_jwk(KEY, "key1", **members), scopes_supported=["openid"]
    )
    found = keys.key("key1")
    assert found
    assert found.algorithm_name == "RS256"
    assert found.key.public_numbers() == KEY.public_key().public_numbers()


def test_an_issuer_may_end_with_a_slash(issuer: LocalIssuer, clock: Clock) -> None:
    issuer.publish(rsa_jwk(KEY, "key1"), issuer=f"{issuer.url}/")  # as Auth0's do
    assert IssuerKeys(f"{issuer.url}/", clock).key("key1")
    assert issuer.requested == [DISCOVERY, KEYS]


def test_an_issuer_may_have_a_path(issuer: LocalIssuer, clock: Clock) -> None:
    url = f"{issuer.url}/oauth2/default"  # as Okta's and Cognito's do
    issuer.publish(rsa_jwk(KEY, "key1"), issuer=url)
    issuer.answers[f"/oauth2/default{DISCOVERY}"] = issuer.answers.pop(DISCOVERY)
    assert IssuerKeys(url, clock).key("key1")


def test_an_elliptic_curve_key_is_for_es256(keys: IssuerKeys, issuer: LocalIssuer) -> None:
    issuer.publish(ec_jwk(EC_KEY, "key1", use="sig", alg="ES256"))
    found = keys.key("key1")
    assert found
    assert found.algorithm_name == "ES256"


def test_a_private_key_is_taken_as_the_public_one_that_it_holds(
    keys: IssuerKeys, issuer: LocalIssuer
) -> None:
    issuer.publish(rsa_jwk(KEY, "key1", d="AQAB"))
    found = keys.key("key1")
    assert found
    assert isinstance(found.key, rsa.RSAPublicKey)


UNUSABLE: dict[str, Any] = {
    "for encryption": rsa_jwk(KEY, "bad", use="enc"),
    "for no use": rsa_jwk(KEY, "bad", use=""),
    "for signing only": rsa_jwk(KEY, "bad", key_ops=["sign"]),
    "for other operations": rsa_jwk(KEY, "bad", use="sig", key_ops=["encrypt", "wrapKey"]),
    "for no operation": rsa_jwk(KEY, "bad", key_ops=[]),
    "with a text as operations": rsa_jwk(KEY, "bad", key_ops="verify"),
    "for another algorithm": rsa_jwk(KEY, "bad", alg="RS512"),
    "for another kind of algorithm": rsa_jwk(KEY, "bad", alg="HS256"),
    "too short": rsa_jwk(rsa.generate_private_key(65537, 1024), "bad"),  # noqa: S505 - that is the point
    "on another curve": ec_jwk(ec.generate_private_key(ec.SECP384R1()), "bad"),
    "not on its curve": {**ec_jwk(EC_KEY, "bad"), "y": ec_jwk(EC_KEY, "bad")["x"]},
    "a secret": {"kty": "oct", "kid": "bad", "k": "c2VjcmV0", "alg": "HS256"},
    "without a modulus": {"kty": "RSA", "kid": "bad", "e": "AQAB"},
    "with a number as modulus": {**rsa_jwk(KEY, "bad"), "n": 7},
    "with an even exponent": {**rsa_jwk(KEY, "bad"), "e": "AAAA"},
    "not base64": {**rsa_jwk(KEY, "bad"), "n": "é"},
    "with a list as kid": {**rsa_jwk(KEY, "bad"), "kid": ["bad"]},
    "with a list as kind": {**rsa_jwk(KEY, "bad"), "kty": ["RSA"]},
    "no object": "bad",
}


@pytest.mark.parametrize("jwk", UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_is_not_for_verifying_tokens_is_passed_over(
    keys: IssuerKeys, issuer: LocalIssuer, jwk: Any
) -> None:
    issuer.publish(jwk, rsa_jwk(KEY, "key1"))
    assert keys.key("key1")
    assert keys.key("bad") is None


@pytest.mark.parametrize(
    "members",
    [
        {"use": None, "alg": None, "key_ops": None},
        {"use": "sig", "key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"]},
    ],
)
def test_a_key_may_say_nothing_of_its_use_or_that_it_verifies(
    keys: IssuerKeys, issuer: LocalIssuer, members: Any
) -> None:
    issuer.publish(rsa_jwk(KEY, "key1", **members), rsa_jwk(KEY, "key2"))
    assert keys.key("key1")


def test_the_only_usable_key_needs_no_id(keys: IssuerKeys, issuer: LocalIssuer) -> None:
    unusable = rsa_jwk(KEY, "enc", use="enc")
    issuer.publish(unusable, rsa_jwk(KEY, None))
    assert keys.key(None)
    assert keys.key("any"), "it may be this one: nothing says otherwise"
    assert keys.key("enc"), "an id is no key: it is the usable one that has to fit the signature"


def test_a_token_without_an_id_is_of_the_only_usable_key(keys: IssuerKeys, issuer: LocalIssuer) -> None:
    issuer.publish(rsa_jwk(KEY, "enc", use="enc"), rsa_jwk(KEY, "key1"))
    assert keys.key(None)
    assert keys.key("key2") is None


def test_of_several_keys_only_an_id_chooses(keys: IssuerKeys, issuer: LocalIssuer) -> None:
    issuer.publish(rsa_jwk(KEY, "key1"), ec_jwk(EC_KEY, None))
    assert keys.key("key1")
    assert keys.key("key2") is None
    assert keys.key(None) is None, "several keys have ids to choose by (OpenID Connect Core 1.0, 10.1)"


def test_a_key_that_may_have_been_replaced_is_looked_for_but_not_for_each_token(
    keys: IssuerKeys, issuer: LocalIssuer, clock: Clock
) -> None:
    before = keys.key(None)
    issuer.publish(rsa_jwk(rsa.generate_private_key(65537, 2048), "key2"))
    assert keys.latest(None) is before
    clock.now += MIN_AGE_SECONDS
    replaced = keys.latest(None)
    assert replaced
    assert replaced is not before
    for _ in range(100):
        assert keys.latest(None) is replaced
    assert len(issuer.requested) == 4


def test_keys_are_remembered_for_an_hour(keys: IssuerKeys, issuer: LocalIssuer, clock: Clock) -> None:
    for seconds in (0, 1, MAX_AGE_SECONDS - 2):
        clock.now += seconds
        assert keys.key("key1")
    assert len(issuer.requested) == 2
    issuer.publish(rsa_jwk(KEY, "key2"))
    clock.now += 1
    assert keys.key("key1") is None  # withdrawn
    assert len(issuer.requested) == 4


def test_a_new_key_is_found_but_unknown_ids_do_not_flood_the_issuer(
    keys: IssuerKeys, issuer: LocalIssuer, clock: Clock
) -> None:
    keys.key("key1")
    issuer.publish(rsa_jwk(KEY, "key1"), rsa_jwk(KEY, "key2"))
    for number in range(100):
        assert keys.key(f"unknown{number}") is None
    assert len(issuer.requested) == 2
    clock.now += MIN_AGE_SECONDS
    assert keys.key("key2")
    for number in range(100):
        assert keys.key(f"unknown{number}") is None
    assert len(issuer.requested) == 4


def test_keys_stay_valid_for_a_day_while_the_issuer_is_down(
    keys: IssuerKeys, issuer: LocalIssuer, clock: Clock
) -> None:
    keys.key("key1")
    issuer.answers.clear()
    clock.now += STALE_SECONDS - 1
    for _ in range(100):
        assert keys.key("key1")
    assert len(issuer.requested) == 3  # it is not asked for each token while it is down
    clock.now += MIN_AGE_SECONDS
    with pytest.raises(KeysUnavailableError):
        keys.key("key1")
    issuer.publish(rsa_jwk(KEY, "key1"))
    clock.now += FAILED_SECONDS
    assert keys.key("key1")


def test_an_issuer_that_failed_is_left_alone_for_some_seconds_also_when_there_are_no_keys(
    keys: IssuerKeys, issuer: LocalIssuer, clock: Clock
) -> None:
    issuer.answers.clear()
    for number in range(200):
        with pytest.raises(KeysUnavailableError, match="404"):
            keys.key(f"forged{number}")
    assert issuer.requested == [DISCOVERY]
    issuer.publish(rsa_jwk(KEY, "key1"))
    clock.now += FAILED_SECONDS - 1
    with pytest.raises(KeysUnavailableError, match="404"):
        keys.key("key1")
    clock.now += 1
    assert keys.key("key1")
    assert issuer.requested == [DISCOVERY, DISCOVERY, KEYS]


def key_answer(**answer: Any) -> dict[str, Answer]:
    return {KEYS: Answer(**{"body": b"{}", **answer})}


def discovery(body: bytes) -> dict[str, Answer]:
    return {DISCOVERY: Answer(body)}


BROKEN: dict[str, tuple[dict[str, Answer], str]] = {
    "not JSON": (key_answer(body=b"<html>"), "can't be used"),
    "not UTF-8": (key_answer(body=b'{"keys":"\xff"}'), "can't be used"),
    "nested deep": (key_answer(body=b"[" * 100_000), "can't be used"),
    "a list": (key_answer(body=b"[]"), "not a JSON object"),
    "without keys": (key_answer(body=b"{}"), "no key"),
    "keys no list": (key_answer(body=b'{"keys":{"kid":"key1"}}'), "no key"),
    "only unusable keys": (key_answer(body=b'{"keys":[{"kty":"oct","kid":"key1"}]}'), "no key"),
    "an error": (key_answer(status=500), "500"),
    "too large": (key_answer(body=b" " * MAX_DOCUMENT_BYTES + b"{}"), "too large"),
    "cut short": (key_answer(body=b'{"keys":', headers={"Content-Length": "1000"}), "can't be used"),
    "no discovery": (discovery(b"{}"), "another issuer's"),
    "another issuer's": (discovery(b'{"issuer":"https://example.com"}'), "another issuer's"),
}


@pytest.mark.parametrize(("answers", "why"), BROKEN.values(), ids=BROKEN)
def test_documents_that_can_not_be_used_are_a_failure(
    keys: IssuerKeys, issuer: LocalIssuer, answers: dict[str, Answer], why: str
) -> None:
    issuer.answers |= answers
    with pytest.raises(KeysUnavailableError, match=why):
        keys.key("key1")


def test_a_redirect_is_not_followed(keys: IssuerKeys, issuer: LocalIssuer) -> None:
    issuer.answers["/moved"] = issuer.answers[KEYS]
    issuer.answers |= key_answer(status=302, headers={"Location": "/moved"})
    with pytest.raises(KeysUnavailableError, match="302"):
        keys.key("key1")


@pytest.mark.parametrize(
    "url", [None, 7, "", "keys", "http://example.com/keys", "file:///etc/passwd", "ftp://127.0.0.1/"]
)
def test_keys_are_fetched_from_https_only(keys: IssuerKeys, issuer: LocalIssuer, url: object) -> None:
    issuer.publish(rsa_jwk(KEY, "key1"), jwks_uri=url)
    with pytest.raises(KeysUnavailableError, match="it is not https"):
        keys.key("key1")


@pytest.mark.parametrize("url", ["https://a b/", "https://[", "https://127.0.0.1:99999/", "https://é\ud800/"])
def test_an_url_that_is_none_is_a_failure(keys: IssuerKeys, issuer: LocalIssuer, url: str) -> None:
    issuer.publish(rsa_jwk(KEY, "key1"), jwks_uri=url)
    with pytest.raises(KeysUnavailableError, match="can't be used"):
        keys.key("key1")


def test_discovery_and_keys_have_one_deadline_together(
    issuer: LocalIssuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "DEADLINE_SECONDS", 0.8)
    for answer in issuer.answers.values():
        answer.pause = 0.5 / len(answer.body)  # each alone would be in time
    with pytest.raises(KeysUnavailableError, match="timed out"):
        IssuerKeys(issuer.url, clock).key("key1")


def test_the_deadline_is_well_below_the_time_that_the_authorizer_has() -> None:
    assert DEADLINE_SECONDS <= 10, "it has 20 s, and its clients have less patience"
