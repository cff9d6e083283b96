"""Signatures; what forged tokens do to the whole authorizer is in test_authorize."""

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from entity_push.auth.refusals import Refusal, RefusedTokenError
from entity_push.auth.verifiers import IssuerVerifier, SecretVerifier
from hypothesis import given
from hypothesis import strategies as st

from tests.forged_tokens import assemble, encoded, es256, hs256, rs256
from tests.local_issuer import ec_jwk, rsa_jwk

OLD, NEW = "o" * 64, "n" * 64
RSA_KEY, EC_KEY = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())


class Secrets:
    """Keys of a secret as they were read, and as they are now."""

    def __init__(self, *keys: str, latest: tuple[str, ...] | None = None):
        self._keys, self._latest, self.read_again = keys, latest or keys, 0

    def keys(self) -> tuple[str, ...]:
        return self._keys

    def latest(self) -> tuple[str, ...]:
        self.read_again += 1
        return self._latest


class PublicKeys:
    """An issuer's keys, an RSA and an EC one, and the ids that were asked for."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.replaced = dict[str | None, jwt.PyJWK]()
        self._keys = {
            "rsa": jwt.PyJWK(rsa_jwk(RSA_KEY, "rsa"), "RS256"),
            "ec": jwt.PyJWK(ec_jwk(EC_KEY, "ec"), "ES256"),
        }

    def key(self, kid: str | None) -> jwt.PyJWK | None:
        self.asked.append(kid)
        return self._keys.get("rsa" if kid is None else kid)

    def latest(self, kid: str | None) -> jwt.PyJWK | None:
        return self.replaced.get(kid) or self.key(kid)


def reason(claims: Callable[[], Any]) -> Refusal:
    with pytest.raises(RefusedTokenError) as raised:
        claims()
    assert str(raised.value) == raised.value.reason.value
    return raised.value.reason


def test_the_current_and_the_previous_key_are_valid() -> None:
    for key in (NEW, OLD):
        token = assemble({"alg": "HS256"}, {"sub": "alice"}, hs256(key))
        secrets = Secrets(NEW, OLD)
        assert SecretVerifier(secrets).claims(token) == {"sub": "alice"}
        assert secrets.read_again == 0


def test_a_rotation_holds_at_once() -> None:
    token = assemble({"alg": "HS256"}, {"sub": "alice"}, hs256(NEW))
    secrets = Secrets(OLD, latest=(NEW, OLD))
    assert SecretVerifier(secrets).claims(token) == {"sub": "alice"}


def test_a_key_that_is_no_longer_the_secrets_is_refused() -> None:
    token = assemble({"alg": "HS256"}, {"sub": "alice"}, hs256("x" * 64))
    secrets = Secrets(NEW, OLD)
    assert reason(lambda: SecretVerifier(secrets).claims(token)) == Refusal.SIGNATURE
    assert secrets.read_again == 1


def test_what_is_no_token_does_not_read_the_secret_again() -> None:
    secrets = Secrets(NEW)
    for token in ("garbage", assemble({"alg": "none"}, {}, hs256(NEW))):
        with pytest.raises(RefusedTokenError):
            SecretVerifier(secrets).claims(token)
    assert secrets.read_again == 0


@pytest.mark.parametrize(
    ("algorithm", "kid", "sign"), [("RS256", "rsa", rs256(RSA_KEY)), ("ES256", "ec", es256(EC_KEY))]
)
def test_an_issuers_signature_is_valid(algorithm: str, kid: str, sign: Any) -> None:
    token = assemble({"alg": algorithm, "kid": kid}, {"sub": "alice"}, sign)
    assert IssuerVerifier(PublicKeys()).claims(token) == {"sub": "alice"}


@pytest.mark.parametrize(
    ("algorithm", "kid", "sign", "why"),
    [
        ("RS256", "ec", rs256(RSA_KEY), Refusal.ALGORITHM),
        ("RS256", "ec", es256(EC_KEY), Refusal.ALGORITHM),
        ("ES256", "rsa", es256(EC_KEY), Refusal.ALGORITHM),
        ("ES256", "ec", rs256(RSA_KEY), Refusal.SIGNATURE),
        ("ES256", "ec", lambda _data: bytes(64), Refusal.SIGNATURE),
        ("RS256", "another", rs256(RSA_KEY), Refusal.UNKNOWN_KEY),
    ],
)
def test_a_key_is_good_for_its_own_algorithm_only(algorithm: str, kid: str, sign: Any, why: Refusal) -> None:
    token = assemble({"alg": algorithm, "kid": kid}, {"sub": "alice"}, sign)
    assert reason(lambda: IssuerVerifier(PublicKeys()).claims(token)) == why


def test_a_token_needs_no_key_id_where_there_is_one_key() -> None:
    token = assemble({"alg": "RS256"}, {"sub": "alice"}, rs256(RSA_KEY))
    assert IssuerVerifier(PublicKeys()).claims(token) == {"sub": "alice"}


@pytest.mark.parametrize("header", [{"alg": "RS256"}, {"alg": "RS256", "kid": "rsa"}])
def test_a_key_that_an_issuer_has_replaced_without_a_new_id_holds_at_once(header: dict[str, str]) -> None:
    keys, new = PublicKeys(), rsa.generate_private_key(65537, 2048)
    token = assemble(header, {"sub": "alice"}, rs256(new))
    assert reason(lambda: IssuerVerifier(keys).claims(token)) == Refusal.SIGNATURE
    keys.replaced[header.get("kid")] = jwt.PyJWK(rsa_jwk(new, "rsa"), "RS256")
    assert IssuerVerifier(keys).claims(token) == {"sub": "alice"}


def test_an_algorithm_that_is_not_allowed_asks_the_issuer_for_nothing() -> None:
    keys = PublicKeys()
    for algorithm in ("none", "HS256", "RS512", "ES384", "EdDSA"):
        token = assemble({"alg": algorithm, "kid": "rsa"}, {"sub": "alice"}, hs256("k"))
        assert reason(lambda token=token: IssuerVerifier(keys).claims(token)) == Refusal.ALGORITHM  # type: ignore[misc]
    assert keys.asked == []


PAYLOADS = st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(PAYLOADS | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_signed_payload_is_an_object_or_a_refusal(payload: bytes) -> None:
    token = assemble({"alg": "HS256"}, payload, hs256(NEW))
    try:
        claims = SecretVerifier(Secrets(NEW)).claims(token)
    except RefusedTokenError as error:
        refused: Refusal | None = error.reason
    else:
        refused = None
        assert isinstance(claims, dict)
    assert refused in (None, Refusal.MALFORMED)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "crit", "b64", "typ", "jwk"]), JSON)
    | st.fixed_dictionaries({"alg": st.sampled_from(["HS256", "RS256", "ES256"]), "kid": st.text()})
)
def test_any_header_is_taken_or_refused(header: dict[str, Any]) -> None:
    text = json.dumps(header).encode()
    for verifier in (SecretVerifier(Secrets(NEW)), IssuerVerifier(PublicKeys())):
        token = assemble(text, {"sub": "alice"}, hs256(NEW))
        try:
            assert verifier.claims(token) == {"sub": "alice"}
            assert header["alg"] == "HS256"
        except RefusedTokenError:
            pass


@given(st.text() | st.lists(st.binary().map(encoded), max_size=5).map(".".join))
def test_any_text_is_refused(token: str) -> None:
    for verifier in (SecretVerifier(Secrets(NEW)), IssuerVerifier(PublicKeys())):
        with pytest.raises(RefusedTokenError):
            verifier.claims(token)


@pytest.mark.parametrize(
    "token", ["\ud800", "\ud800.a.b", "é.é.é", b"a.b.c", "[" * 8000, f"{encoded(b'[' * 5000)}.a.b"]
)
def test_text_that_no_parser_likes_is_refused(token: Any) -> None:
    for verifier in (SecretVerifier(Secrets(NEW)), IssuerVerifier(PublicKeys())):
        assert reason(lambda verifier=verifier: verifier.claims(token)) == Refusal.MALFORMED  # type: ignore[misc]
