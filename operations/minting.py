"""Tokens for a deployment in the mode `jwt`.

A token is signed with the deployment's secret. So the right to read the secret is the right to connect as any
user. A service makes tokens in its own language: a JWT, HS256, with the claims of `mint`.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import jwt
from entity_push.auth.grants import Grants
from entity_push.protocol.ids import checked_user_id
from entity_push.runtime.environment import AuthorizationMode

from stacks.contract import ClaimNames

DEFAULT_SECONDS = 3600.0
MAX_SECONDS = 366 * 24 * 3600.0
"""The longest life of a token. The finder of a token is its user until the token or the secret ends."""


class MintingError(Exception):
    """No token can be made for the deployment; the message has a remedy."""


def mint(
    secret: str,
    *,
    user: str,
    subscribe: Sequence[str] = (),
    publish: Sequence[str] = (),
    issuer: str,
    audience: str,
    claim_names: ClaimNames | None = None,
    seconds: float = DEFAULT_SECONDS,
    now: float | None = None,
) -> str:
    """Return a signed token.

    Args:
        secret: the key, as the deployment's secret has it.
        user: the id of the user that connects with the token.
        subscribe: ids and patterns of the entities that the user may subscribe to.
        publish: ids and patterns of the entities that the user may publish to.
        issuer: the deployment's output `TokenIssuer`.
        audience: the deployment's output `TokenAudience`.
        claim_names: the names in the deployment's output `TokenClaims`; by default, those of the settings.
        seconds: the token's life, in seconds.
        now: the time of issue, in seconds since 1970; by default, the clock's.

    Raises:
        ValueError: the user, a pattern or the life is not valid; the message has the rule.
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"A token is good for more than 0 and at most {MAX_SECONDS / 60:,.0f} minutes.")
    now = time.time() if now is None else now
    grants = Grants.from_claims(list(subscribe), list(publish))
    names = claim_names or ClaimNames()
    claims = {
        "iss": issuer,
        "aud": audience,
        "iat": int(now),
        "exp": math.ceil(now + seconds),
        names.user: checked_user_id(user),
        names.subscribe: grants.subscribe,
        names.publish: grants.publish,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


@dataclass(frozen=True)
class TokenSigner:
    """Makes tokens for one deployment, with its current secret.

    Attributes:
        secret: the key.
        issuer: the output `TokenIssuer`.
        audience: the output `TokenAudience`.
        claim_names: those of the output `TokenClaims`.
    """

    secret: str = field(repr=False)
    issuer: str
    audience: str
    claim_names: ClaimNames

    @classmethod
    def of(cls, outputs: Mapping[str, str], secrets_manager: Any) -> Self:
        """Read a deployment's secret.

        Args:
            outputs: the stack's outputs.
            secrets_manager: a Secrets Manager client that may read the secret.

        Raises:
            MintingError: the deployment has no secret: it takes no tokens, or an issuer's.
            ClientError: the secret can't be read.
        """
        secret = secrets_manager.get_secret_value(SecretId=secret_arn(outputs))["SecretString"]
        claim_names = ClaimNames.from_output(outputs["TokenClaims"])
        return cls(secret, outputs["TokenIssuer"], outputs["TokenAudience"], claim_names)

    def token(
        self,
        user: str,
        *,
        subscribe: Sequence[str] = (),
        publish: Sequence[str] = (),
        seconds: float = DEFAULT_SECONDS,
    ) -> str:
        """Return a token; see `mint`."""
        return mint(
            self.secret,
            user=user,
            subscribe=subscribe,
            publish=publish,
            issuer=self.issuer,
            audience=self.audience,
            claim_names=self.claim_names,
            seconds=seconds,
        )


def secret_arn(outputs: Mapping[str, str]) -> str:
    """Return the ARN of the secret that signs a deployment's tokens.

    Raises:
        MintingError: the deployment has no secret.
    """
    match outputs.get("Authorization"):
        case AuthorizationMode.JWT:
            return outputs["TokenSecretArn"]
        case AuthorizationMode.OIDC:
            raise MintingError(
                f"This deployment takes the tokens of {outputs['TokenIssuer']} (authorization=oidc) and has "
                f"no secret of its own: get a token for the audience {outputs['TokenAudience']} there."
            )
        case AuthorizationMode.NONE:
            raise MintingError("This deployment takes no tokens (authorization=none): connect without one.")
        case _:
            raise MintingError(
                "The stack has no output Authorization: is it an Entity Push of this version? See --stack."
            )
