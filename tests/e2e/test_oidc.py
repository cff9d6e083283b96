"""A deployment whose tokens an OpenID Connect provider signs, here one on this machine."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from local.deployment import Outputs, deploy
from tests.e2e.client import Client, status_of_handshake
from tests.e2e.conftest import App
from tests.forged_tokens import assemble, es256, hs256, issuer_forgeries, rs256, valid_claims
from tests.local_issuer import LocalIssuer, ec_jwk, rsa_jwk

AUDIENCE = "push"


@dataclass(frozen=True)
class Provider:
    """The provider, its keys, and the deployment that trusts it."""

    issuer: LocalIssuer
    rsa_key: rsa.RSAPrivateKey
    ec_key: ec.EllipticCurvePrivateKey
    outputs: Outputs

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a user of Auth0's kind: custom claims have a namespace."""
        claims = valid_claims(self.issuer.url, AUDIENCE)
        grants = {"https://push.example/subscribe": ["orders/*"], "subscribe": ["*"]}
        return {**claims, "sub": "auth0|alice", **grants, **changes}

    def handshake(self, token: str) -> int:
        """Ask for a connection; return the handshake's status."""
        return status_of_handshake(self.outputs.web_socket_url, token)


@pytest.fixture(scope="module")
def provider(app: App) -> Iterator[Provider]:
    with LocalIssuer() as issuer:
        rsa_key = rsa.generate_private_key(65537, 2048)
        ec_key = ec.generate_private_key(ec.SECP256R1())
        issuer.publish(rsa_jwk(rsa_key, "rsa1"), ec_jwk(ec_key, "ec1"))
        settings = {
            "authorization": "oidc",
            "tokenIssuer": issuer.url,
            "tokenAudience": AUDIENCE,
            "subscribeClaim": "https://push.example/subscribe",
        }
        outputs = deploy(app.aws, {**settings, "eventBus": "own"}, stack="Oidc")
        yield Provider(issuer, rsa_key, ec_key, outputs)


def test_tokens_of_the_provider_are_taken_with_either_kind_of_key(provider: Provider) -> None:
    tokens = [
        assemble({"alg": "RS256", "kid": "rsa1"}, provider.claims(), rs256(provider.rsa_key)),
        assemble({"alg": "ES256", "kid": "ec1"}, provider.claims(), es256(provider.ec_key)),
    ]
    for token in tokens:
        with Client(provider.outputs.web_socket_url, (), token=token, place="header") as client:
            client.subscribe("orders/1")
            forbidden = client.ask({"action": "subscribe", "entityId": "rooms/1"})
            assert forbidden["code"] == "forbidden", "of two claims, the one that the setting names counts"


def test_forged_tokens_are_refused(provider: Provider) -> None:
    forged = {
        name: token
        for name, token in issuer_forgeries(provider.rsa_key, "rsa1", provider.issuer.url, AUDIENCE).items()
        if not name.startswith("subscribe ")  # with the settings, that claim means nothing
    }
    forged["another's key"] = assemble(
        {"alg": "RS256", "kid": "rsa1"},
        provider.claims(),
        rs256(rsa.generate_private_key(65537, 2048)),
    )
    forged["a shared secret"] = assemble({"alg": "HS256", "kid": "rsa1"}, provider.claims(), hs256("s" * 64))
    forged["no kid, of two keys"] = assemble({"alg": "RS256"}, provider.claims(), rs256(provider.rsa_key))
    forged["expired"] = assemble(
        {"alg": "RS256", "kid": "rsa1"}, provider.claims(exp=int(time.time())), rs256(provider.rsa_key)
    )
    statuses = {name: provider.handshake(token) for name, token in forged.items()}
    assert {name: status for name, status in statuses.items() if status != 401} == {}
