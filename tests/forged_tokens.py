"""Forged tokens, which must not open a connection, each made from a valid token.

This module makes tokens by hand, since a library would refuse. All but the empty one are tokens of HTTP
(RFC 9110, 5.6.2), so that each can be sent in any of the three places.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Sign = Callable[[bytes], bytes]
Fields = Mapping[str, Any]
Signed = Callable[[Fields | bytes], str]

STRANGERS_KEY = "strangers-key-".ljust(64, "x")
NONE_SPELLINGS = ("none", "None", "NONE", "nOnE", "")


def valid_claims(issuer: str, audience: str, now: float | None = None) -> dict[str, Any]:
    """Return the claims of a token that is valid for five minutes and grants `orders/*`."""
    issued = int(time.time() if now is None else now)
    return {
        "iss": issuer,
        "aud": audience,
        "sub": "alice",
        "iat": issued,
        "exp": issued + 300,
        "subscribe": ["orders/*"],
        "publish": ["orders/*"],
    }


def valid_token(secret: str, issuer: str, audience: str, now: float | None = None) -> str:
    """Return a valid token of a deployment with its own secret, the model of the forgeries."""
    return assemble({"alg": "HS256"}, valid_claims(issuer, audience, now), hs256(secret))


def assemble(header: Fields | bytes, payload: Fields | bytes, sign: Sign) -> str:
    """Return a token with these parts, signed. Bytes are taken as they are."""
    parts = [
        encoded(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, payload)
    ]
    signing_input = ".".join(parts)
    return f"{signing_input}.{encoded(sign(signing_input.encode()))}"


def encoded(part: bytes) -> str:
    """Return base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def hs256(key: str | bytes) -> Sign:
    secret = key if isinstance(key, bytes) else key.encode()
    return lambda data: hmac.digest(secret, data, hashlib.sha256)


def rs256(key: rsa.RSAPrivateKey) -> Sign:
    return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def es256(key: ec.EllipticCurvePrivateKey) -> Sign:
    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def unsigned(_data: bytes) -> bytes:
    return b""


def forgeries(secret: str, issuer: str, audience: str, now: float | None = None) -> dict[str, str]:
    """Return forged tokens by name, for a deployment with its own secret (`authorization=jwt`).

    Args:
        secret: the key that signs valid tokens.
        issuer: the `iss` of valid tokens.
        audience: the `aud` of valid tokens.
        now: the verifier's time, in seconds since 1970; by default, the clock's.
    """
    claims, header, sign = valid_claims(issuer, audience, now), {"alg": "HS256"}, hs256(secret)
    signed = partial(assemble, header, sign=sign)
    stranger = rsa.generate_private_key(65537, 2048)
    confused = _public_key_forms(stranger.public_key())
    return {
        **_damaged(assemble(header, claims, sign)),
        **_unsigned(claims, sign),
        **_injected(claims, lambda more: {**header, **more}, hs256(STRANGERS_KEY)),
        **_bad_headers(claims, header, sign),
        **_bad_payloads(claims, signed),
        **_bad_claims(claims, signed),
        **{f"{name} as the secret": assemble(header, claims, hs256(key)) for name, key in confused.items()},
        "wrong key": assemble(header, claims, hs256(STRANGERS_KEY)),
        "empty key": assemble(header, claims, hs256("")),
        "HS384": assemble({"alg": "HS384"}, claims, lambda d: hmac.digest(secret.encode(), d, "sha384")),
        "HS512": assemble({"alg": "HS512"}, claims, lambda d: hmac.digest(secret.encode(), d, "sha512")),
        "RS256": assemble({"alg": "RS256"}, claims, rs256(stranger)),
        "client_id in the place of aud": assemble(
            header, {**_without(claims, "aud"), "client_id": audience}, sign
        ),
    }


def issuer_forgeries(
    key: rsa.RSAPrivateKey, kid: str, issuer: str, audience: str, now: float | None = None
) -> dict[str, str]:
    """Return forged tokens by name, for a deployment that trusts an issuer (`authorization=oidc`).

    Args:
        key: the issuer's key.
        kid: the key's id, as the issuer publishes it.
        issuer: the `iss` of valid tokens.
        audience: the `aud` of valid tokens.
        now: the verifier's time, in seconds since 1970; by default, the clock's.
    """
    header, sign = {"alg": "RS256", "kid": kid}, rs256(key)
    claims = valid_claims(issuer, audience, now)
    signed = partial(assemble, header, sign=sign)
    stranger = rsa.generate_private_key(65537, 2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    confused = _public_key_forms(key.public_key())
    return {
        **_damaged(assemble(header, claims, sign)),
        **_unsigned(claims, sign),
        **_injected(claims, lambda more: {**header, **more}, rs256(stranger)),
        **_bad_headers(claims, header, sign),
        **_bad_payloads(claims, signed),
        **_bad_claims(claims, signed),
        **{
            f"HS256 with {name} as the secret": assemble({**header, "alg": "HS256"}, claims, hs256(form))
            for name, form in confused.items()
        },
        "wrong key": assemble(header, claims, rs256(stranger)),
        "unknown kid": assemble({**header, "kid": "unknown"}, claims, sign),
        "kid in other letters": assemble({**header, "kid": kid.swapcase()}, claims, sign),
        "ES256 with an RSA key": assemble({**header, "alg": "ES256"}, claims, es256(curve)),
        "PS256": assemble({**header, "alg": "PS256"}, claims, sign),
        "RS512": assemble({**header, "alg": "RS512"}, claims, sign),
        "client_id of another": assemble(
            header, {**_without(claims, "aud"), "client_id": f"{audience}2"}, sign
        ),
        "client_id besides a wrong aud": assemble(
            header, {**claims, "aud": "another", "client_id": audience}, sign
        ),
        **_of_another_kind(claims, header, sign),
    }


def _of_another_kind(claims: Fields, header: Fields, sign: Sign) -> dict[str, str]:
    """Return tokens that the issuer itself has made, for another purpose than access."""
    events: Fields = {"http://schemas.openid.net/event/backchannel-logout": {}}
    return {
        "logout token by its type": assemble({**header, "typ": "logout+jwt"}, claims, sign),
        "logout token by its events": assemble(header, {**claims, "events": events}, sign),
        "ID token of Cognito": assemble(header, {**claims, "token_use": "id"}, sign),
        "ID token with a nonce": assemble(header, {**claims, "nonce": "n-0S6_WzA2Mj"}, sign),
        "ID token with a hash": assemble(header, {**claims, "at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}, sign),
        "type of a security event": assemble({**header, "typ": "secevent+jwt"}, claims, sign),
    }


def _without(claims: Fields, *names: str) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in names}


def _public_key_forms(key: rsa.RSAPublicKey) -> dict[str, bytes]:
    """Return a public key, which attackers know, in the forms that a verifier may hold (key confusion)."""
    encoding, form = serialization.Encoding, serialization.PublicFormat
    return {
        "public key PEM": key.public_bytes(encoding.PEM, form.SubjectPublicKeyInfo),
        "public key PEM without its last line end": key.public_bytes(
            encoding.PEM, form.SubjectPublicKeyInfo
        ).rstrip(),
        "public key PKCS1 PEM": key.public_bytes(encoding.PEM, form.PKCS1),
        "public key DER": key.public_bytes(encoding.DER, form.SubjectPublicKeyInfo),
        "public key modulus": key.public_numbers().n.to_bytes(256, "big"),
    }


def _damaged(token: str) -> dict[str, str]:
    header, payload, signature = token.split(".")
    other = "B" if signature[0] != "B" else "C"
    return {
        "empty": "",
        "garbage": "garbage",
        "dots": "..",
        "more dots": "....",
        "garbage in three parts": "gar.ba.ge",
        "oversized": f"{header}.{payload}{'A' * 8192}.{signature}",
        "forged signature": f"{header}.{payload}.{other}{signature[1:]}",
        "no signature": f"{header}.{payload}.",
        "two parts": f"{header}.{payload}",
        "five parts": f"{token}.{payload}.{signature}",
        "truncated header": token[len(header) // 2 :],
        "truncated payload": f"{header}.{encoded(decoded(payload)[:-8])}.{signature}",
        "truncated signature": f"{header}.{payload}.{encoded(decoded(signature)[:-4])}",
        "one character of the signature": token[: -len(signature) + 1],
        "longer signature": f"{token}AAAA",
        "other base64": f"{header}.{payload}.++++{signature[4:]}",
        "header and payload swapped": f"{payload}.{header}.{signature}",
    }


def _unsigned(claims: Fields, sign: Sign) -> dict[str, str]:
    tokens = {}
    for spelling in NONE_SPELLINGS:
        tokens[f"alg {spelling!r} without signature"] = assemble({"alg": spelling}, claims, unsigned)
        tokens[f"alg {spelling!r} with signature"] = assemble({"alg": spelling}, claims, sign)
    return tokens


def _injected(claims: Fields, header: Callable[[Fields], Fields], stranger: Sign) -> dict[str, str]:
    """Return tokens that bring their own key, or point to one."""
    oct_key = {"kty": "oct", "kid": "k", "k": encoded(STRANGERS_KEY.encode())}
    return {
        "jwk in the header": assemble(header({"jwk": oct_key}), claims, stranger),
        "jku in the header": assemble(header({"jku": "https://example.com/jwks.json"}), claims, stranger),
        "x5u in the header": assemble(header({"x5u": "https://example.com/cert.pem"}), claims, stranger),
        "x5c in the header": assemble(header({"x5c": ["MIIB"]}), claims, stranger),
    }


def _bad_headers(claims: Fields, header: Fields, sign: Sign) -> dict[str, str]:
    def with_header(more: Fields) -> str:
        return assemble({**header, **more}, claims, sign)

    kid_tricks = {
        "a path up": "../../../../dev/null",
        "a path": "/dev/null",
        "SQL": "' OR '1'='1",
        "a command": "$(id)",
        "nothing": "",
    }
    return {
        **{
            f"kid of {what}, empty key": assemble({**header, "kid": kid}, claims, hs256(""))
            for what, kid in kid_tricks.items()
        },
        "kid a number": with_header({"kid": 7}),
        "kid a list": with_header({"kid": ["a"]}),
        "crit unknown": with_header({"crit": ["exp"]}),
        "crit b64": with_header({"crit": ["b64"], "b64": True}),
        "crit empty": with_header({"crit": []}),
        "crit null": with_header({"crit": None}),
        "b64 false": with_header({"crit": ["b64"], "b64": False}),
        "alg missing": assemble(_without(header, "alg"), claims, sign),
        "alg null": with_header({"alg": None}),
        "alg a number": with_header({"alg": 256}),
        "alg a list": with_header({"alg": ["HS256", "RS256"]}),
        "alg in small letters": with_header({"alg": str(header["alg"]).lower()}),
        "header not JSON": assemble(b"{alg:HS256}", claims, sign),
        "header a list": assemble(b'["HS256"]', claims, sign),
        "header not UTF-8": assemble(b'{"alg":"\xff"}', claims, sign),
        "header deep": assemble(b"[" * 5000, claims, sign),
    }


def _bad_payloads(claims: Fields, signed: Signed) -> dict[str, str]:
    """Return correctly signed tokens whose payload is not valid JSON claims."""
    text = json.dumps(claims)
    return {
        "payload empty": signed(b""),
        "payload not JSON": signed(b"alice"),
        "payload null": signed(b"null"),
        "payload a list": signed(f"[{text}]".encode()),
        "payload a string": signed(json.dumps(text).encode()),
        "payload not UTF-8": signed(text.replace("alice", "\xff").encode("latin-1")),
        "payload UTF-16": signed(text.encode("utf-16")),
        "payload with a byte order mark": signed(b"\xef\xbb\xbf" + text.encode()),
        "payload deep": signed(b"[" * 5000),
        "payload with NaN": signed(text.replace('"alice"', '"alice", "x": NaN').encode()),
        "payload with a claim twice": signed(text.replace('"alice"', '"alice", "sub": "bob"').encode()),
        "payload with a huge number": signed(text.replace('"alice"', f'"alice", "x": {"9" * 4500}').encode()),
    }


def _bad_claims(claims: Fields, signed: Signed) -> dict[str, str]:
    """Return correctly signed tokens with claims that must be refused."""
    now, audience, issuer = claims["iat"], claims["aud"], claims["iss"]
    wrong: dict[str, dict[str, Any]] = {
        "iss": {"another's": f"{issuer}2", "longer": f"{issuer}/", "empty": "", "a list": [issuer]},
        "aud": {
            "another's": f"{audience}2",
            "other letters": audience.swapcase(),
            "empty": "",
            "an empty list": [],
            "a list without it": ["a", "b"],
            "a list with a number": [audience, 7],
            "an object": {audience: audience},
        },
        "exp": {
            "past": now - 60,
            "this second": now,
            "zero": 0,
            "negative": -1,
            "a string": str(now + 300),
            "this second, and a fraction": now + 0.9,
            "true": True,
            "an object": {},
            "in the year 1000000": 31_494_787_200_000,
            "huge": 10**400,
        },
        "nbf": {"early": now + 3600, "a string": "0", "true": True, "null": None},
        "sub": {
            "empty": "",
            "a number": 7,
            "a list": ["alice"],
            "too long": "a" * 257,
            "with a line end": "alice\nadmin",
            "with a null character": "alice\0",
            "with half a surrogate pair": "alice\ud800",
        },
        "subscribe": {
            "a number": 7,
            "true": True,
            "an object": {"orders/*": True},
            "with a number": ["orders/*", 7],
            "a wrong pattern": ["orders\n"],
            "a control character": ["orders/\x85"],
            "too much": ["o"] * 1100,
        },
        "publish": {"a wrong pattern": [""], "a wrong pattern in a string": "orders/* \t"},
    }
    tokens = {
        f"{claim} {what}": signed({**claims, claim: value})
        for claim, values in wrong.items()
        for what, value in values.items()
    }
    for claim in ("iss", "aud", "exp", "sub"):
        tokens[f"{claim} missing"] = signed(_without(claims, claim))
        tokens[f"{claim} null"] = signed({**claims, claim: None})
    return tokens
