"""The authorizer: it answers a handshake with a policy and the token's grants, or refuses it."""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from entity_push.auth.bearer import Bearer
from entity_push.auth.claims import ExpectedClaims
from entity_push.auth.handshake import access_token
from entity_push.auth.refusals import Refusal, RefusedTokenError
from entity_push.auth.secret_keys import SecretKeys
from entity_push.auth.verifiers import IssuerVerifier, SecretVerifier, Verifier
from entity_push.runtime.environment import (
    AuthorizationMode,
    AuthorizeEnvironment,
    MissingVariableError,
)
from entity_push.runtime.telemetry import count

if TYPE_CHECKING:
    from entity_push.auth.issuer_keys import IssuerKeys

MAX_ANSWER_BYTES = 8000
"""The longest answer of an authorizer: API Gateway takes 8 KB ("Amazon API Gateway quotas")."""


class UnauthorizedError(Exception):
    """The handshake is refused: API Gateway answers 401 if the authorizer fails with exactly this text.

    Source: API Gateway Developer Guide, "Use API Gateway Lambda authorizers", example function.
    """

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class Authorizer:
    """Decides about handshakes.

    Args:
        verifier: verifies signatures.
        expected: checks the claims.
        deployment_name: the deployment that the metrics are counted under.
        clock: seconds since 1970; tests replace the clock.
    """

    def __init__(
        self,
        verifier: Verifier,
        expected: ExpectedClaims,
        *,
        deployment_name: str,
        clock: Callable[[], float] = time.time,
    ):
        self._verifier, self._expected, self._clock = verifier, expected, clock
        self._deployment_name = deployment_name

    @classmethod
    def from_environment(cls, environment: AuthorizeEnvironment) -> Self:
        """Return the authorizer that the stack describes.

        Raises:
            MissingVariableError: tokens are signed with a secret, whose ARN is missing.
            ValueError: the deployment asks for no token, so there is nothing to verify.
        """
        expected = ExpectedClaims(
            issuer=environment.token_issuer,
            audience=environment.token_audience,
            user_claim=environment.user_claim,
            subscribe_claim=environment.subscribe_claim,
            publish_claim=environment.publish_claim,
            client_id_is_audience=environment.authorization == AuthorizationMode.OIDC,
        )
        verifier = _verifier(environment)
        return cls(verifier, expected, deployment_name=environment.deployment_name)

    def authorize(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """Return the policy that lets a handshake through, with its bearer as the context.

        None is for a handshake without a valid token; why is logged and counted, in one line.
        """
        try:
            answer = self._answer(event)
        except RefusedTokenError as error:
            connection_id = str(event["requestContext"].get("connectionId"))
            details = {"message": "connect refused", "reason": error.reason, "connection_id": connection_id}
            count(self._deployment_name, "ConnectsRefused", details=details)
            return None
        except Exception:  # an alarm's: Lambda's own count of errors has every 401 in it
            count(self._deployment_name, "ConnectsFailed")
            raise
        count(self._deployment_name, "ConnectsAllowed")
        return answer

    def _answer(self, event: dict[str, Any]) -> dict[str, Any]:
        claims = self._verifier.claims(access_token(event))
        answer = _policy(event["methodArn"], self._expected.bearer(claims, self._clock()))
        if len(json.dumps(answer)) > MAX_ANSWER_BYTES:  # such as a long Chinese user id and many grants
            raise RefusedTokenError(Refusal.GRANTS)
        return answer


def _verifier(environment: AuthorizeEnvironment) -> Verifier:
    match environment.authorization:
        case AuthorizationMode.JWT:
            if not environment.token_secret_arn:
                raise MissingVariableError("TOKEN_SECRET_ARN")
            return SecretVerifier(_secret_keys(environment.token_secret_arn))
        case AuthorizationMode.OIDC:
            return IssuerVerifier(_issuer_keys(environment.token_issuer))
        case AuthorizationMode.NONE:
            raise ValueError("nobody needs a token, so there is none to verify")


def _issuer_keys(issuer: str) -> "IssuerKeys":
    # What one kind of tokens needs, the other does not load.
    from entity_push.auth.issuer_keys import IssuerKeys  # noqa: PLC0415

    return IssuerKeys(issuer)


def _secret_keys(secret_arn: str) -> SecretKeys:
    from entity_push.runtime import aws  # noqa: PLC0415

    return SecretKeys(aws.client("secretsmanager"), secret_arn)


def _policy(method_arn: str, bearer: Bearer) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": method_arn}
    return {
        "principalId": bearer.user_id,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": bearer.to_context(),
    }
