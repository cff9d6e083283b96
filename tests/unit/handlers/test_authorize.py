"""The authorizer as Lambda runs it: the handler's module with its environment, and all that it prints."""

import importlib
import io
import json
import logging
import re
import time
import traceback
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from types import ModuleType
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from entity_push.auth.authorizer import MAX_ANSWER_BYTES, UnauthorizedError
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import Grants
from entity_push.auth.issuer_documents import KeysUnavailableError
from entity_push.auth.refusals import Refusal
from entity_push.runtime import aws
from entity_push.runtime.aws_errors import RefusedError
from entity_push.runtime.environment import MissingVariableError
from entity_push.runtime.telemetry import logger

from testbed.function_variables import function_variables
from tests import forged_tokens
from tests.local_issuer import LocalIssuer, rsa_jwk

SECRET = "secret-".ljust(64, "s")
ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret:token-AbCdEf"
METHOD_ARN = "arn:aws:execute-api:us-east-1:111122223333:abcdef123/prod/$connect"
ISSUER, AUDIENCE = "EntityPush", "EntityPush-prod"

# What a forgery's name begins with, and what it has to be refused for; the first that fits counts.
REASONS = {
    "empty key": Refusal.SIGNATURE,
    "empty": Refusal.NO_TOKEN,
    "oversized": Refusal.TOO_LONG,
    "exp past": Refusal.EXPIRED,
    "exp this second": Refusal.EXPIRED,
    "exp zero": Refusal.EXPIRED,
    "nbf early": Refusal.NOT_YET_VALID,
    "exp huge": Refusal.TIMES,
    **dict.fromkeys(("exp", "nbf"), Refusal.TIMES),
    "iss": Refusal.ISSUER,
    **dict.fromkeys(("aud", "client_id"), Refusal.AUDIENCE),
    "subscribe": Refusal.GRANTS,
    "publish": Refusal.GRANTS,
    "sub": Refusal.USER,
    "header and payload swapped": Refusal.ALGORITHM,
    **dict.fromkeys(("payload", "header", "crit", "b64", "kid a "), Refusal.MALFORMED),
    **dict.fromkeys(("alg", "HS", "RS", "PS", "ES"), Refusal.ALGORITHM),
    **dict.fromkeys(("garbage", "dots", "more dots", "two parts", "five parts"), Refusal.MALFORMED),
    **dict.fromkeys(("truncated header", "one character", "other base64"), Refusal.MALFORMED),
    "logout token": Refusal.LOGOUT_TOKEN,
    "ID token": Refusal.ID_TOKEN,
    "type of": Refusal.TOKEN_TYPE,
    **dict.fromkeys(("unknown kid", "kid in other letters"), Refusal.UNKNOWN_KEY),
}


def event(token: str | None) -> dict[str, Any]:
    headers = {} if token is None else {"Authorization": [f"Bearer {token}"]}
    return {
        "type": "REQUEST",
        "methodArn": METHOD_ARN,
        "headers": {name: lines[-1] for name, lines in headers.items()},
        "multiValueHeaders": headers,
        "requestContext": {"routeKey": "$connect", "connectionId": "L0SM9cOFvHcCIhw="},
    }


NOT_FOUND = RefusedError(
    "GetSecretValue", "ResourceNotFoundException", "can't find the specified secret value"
)


class FakeSecretsManager:
    """Answers as Secrets Manager does for a secret with these versions."""

    def __init__(self, **versions: str):
        self.versions = versions

    def get_secret_value(self, **request: str) -> dict[str, str]:
        assert request["SecretId"] == ARN
        try:
            return {"SecretString": self.versions[request["VersionStage"]]}
        except KeyError:
            raise NOT_FOUND from None


class Function:
    """The function's module, loaded anew; and what its last call wrote to the log."""

    def __init__(self, module: ModuleType):
        self._module, self.log = module, ""

    def __call__(self, token: str | None) -> dict[str, Any]:
        output = io.StringIO()
        handler = logger.registered_handler
        assert isinstance(handler, logging.StreamHandler)
        before = handler.setStream(output)
        try:
            with redirect_stdout(output), redirect_stderr(output):
                answer: dict[str, Any] = self._module.handler(event(token), None)
        finally:
            self.log = output.getvalue()
            handler.setStream(before)
        return answer

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines()]


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Function:
    facts = {"token_issuer": ISSUER, "token_audience": AUDIENCE, "token_secret_arn": ARN}
    usual = function_variables("authorize", deployment_name="Orders", **facts)
    for name, value in {**usual, **environment}.items():
        monkeypatch.setenv(name, value)
    return Function(importlib.reload(importlib.import_module("authorize")))


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> FakeSecretsManager:
    fake = FakeSecretsManager(AWSCURRENT=SECRET)
    monkeypatch.setattr(aws, "client", {"secretsmanager": fake}.__getitem__)
    return fake


@pytest.fixture
def authorize(monkeypatch: pytest.MonkeyPatch, secrets: FakeSecretsManager) -> Function:
    assert secrets.versions
    return load(monkeypatch, AUTHORIZATION="jwt")


@pytest.fixture(scope="module")
def issuers_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def issuer(issuers_key: rsa.RSAPrivateKey) -> Iterator[LocalIssuer]:
    with LocalIssuer() as local:
        local.publish(rsa_jwk(issuers_key, "key1", use="sig", alg="RS256"))
        yield local


@pytest.fixture
def authorize_oidc(monkeypatch: pytest.MonkeyPatch, issuer: LocalIssuer) -> Function:
    # It must not need AWS: its role may not read any secret.
    monkeypatch.setattr(aws, "client", {}.__getitem__)
    return load(monkeypatch, AUTHORIZATION="oidc", TOKEN_ISSUER=issuer.url)


def refused(authorize: Function, token: str) -> bool:
    try:
        authorize(token)
    except UnauthorizedError as error:
        return str(error) == "Unauthorized" and error.__cause__ is None
    return False


def must_refuse(
    authorize: Function,
    forgeries: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    **other_reasons: Refusal,
) -> None:
    """Check that each is refused, for its own reason, and that nothing of it is logged."""
    caplog.set_level(logging.DEBUG)
    reasons = {}
    for name, token in forgeries.items():
        caplog.clear()
        assert refused(authorize, token), name
        log = authorize.log + caplog.text
        assert not any(part in log for part in token.split(".") if len(part) > 7), name
        assert "alice" not in log, name
        (line,) = authorize.lines()
        assert (line["message"], line["connection_id"]) == ("connect refused", "L0SM9cOFvHcCIhw=")
        assert (line["ConnectsRefused"], line["Stack"]) == ([1], "Orders")
        reasons[name] = line["reason"]
    table = {**other_reasons, **REASONS}
    assert reasons == {
        name: next((reason for start, reason in table.items() if name.startswith(start)), Refusal.SIGNATURE)
        for name in forgeries
    }


def test_a_valid_token_opens_the_connection(authorize: Function) -> None:
    answer = authorize(forged_tokens.valid_token(SECRET, ISSUER, AUDIENCE))
    assert answer["principalId"] == "alice"
    assert answer["policyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": METHOD_ARN}],
    }
    bearer = Bearer.from_context(answer["context"])
    assert (bearer.user_id, bearer.grants) == ("alice", Grants(("orders/*",), ("orders/*",)))
    assert bearer.expires
    assert abs(bearer.expires - time.time() - 300) < 60
    (metric,) = authorize.lines()
    assert (metric["ConnectsAllowed"], metric["Stack"]) == ([1], "Orders")
    assert "alice" not in authorize.log


def test_times_with_fractions_are_taken_as_python_writes_them(authorize: Function) -> None:
    claims = forged_tokens.valid_claims(ISSUER, AUDIENCE) | {"exp": 4102444800.5, "nbf": 1600000000.25}
    answer = authorize(forged_tokens.assemble({"alg": "HS256"}, claims, forged_tokens.hs256(SECRET)))
    assert answer["context"]["expires"] == "4102444800"


def test_no_forgery_opens_a_connection(authorize: Function, caplog: pytest.LogCaptureFixture) -> None:
    forgeries = forged_tokens.forgeries(SECRET, ISSUER, AUDIENCE)
    assert len(forgeries) > 100
    assert all(re.fullmatch(r"[A-Za-z0-9_.+-]*", token) for token in forgeries.values())
    must_refuse(authorize, forgeries, caplog)


def test_no_forgery_opens_a_connection_of_an_issuers_users(
    authorize_oidc: Function,
    issuer: LocalIssuer,
    issuers_key: rsa.RSAPrivateKey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    claims = forged_tokens.valid_claims(issuer.url, AUDIENCE)
    header, sign = {"alg": "RS256", "kid": "key1"}, forged_tokens.rs256(issuers_key)
    assert authorize_oidc(forged_tokens.assemble(header, claims, sign))["principalId"] == "alice"
    forgeries = forged_tokens.issuer_forgeries(issuers_key, "key1", issuer.url, AUDIENCE)
    assert len(forgeries) > 100
    must_refuse(authorize_oidc, forgeries, caplog, **{"kid of": Refusal.UNKNOWN_KEY})
    assert len(issuer.requested) == 2  # unknown key ids did not make it ask again


def test_a_handshake_without_token_is_refused(authorize: Function) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorize(None)
    assert authorize.lines()[0]["reason"] == "no_token"


def test_a_refusal_is_two_short_lines_of_the_log_ours_and_the_runtimes(authorize: Function) -> None:
    """Lambda's runtime logs what the handler raises as awslambdaric's `handle_event_request` does.

    Its `stackTrace` has every frame below its own.
    """
    with pytest.raises(UnauthorizedError) as raised:
        authorize(None)
    frames = traceback.format_list(traceback.extract_tb(raised.tb)[2:])  # without this test's own
    (frame,) = frames
    assert "authorize.py" in frame
    error = {"errorMessage": str(raised.value), "errorType": raised.typename, "stackTrace": frames}
    assert error["errorMessage"] == "Unauthorized", "API Gateway answers 401 to this text only"
    assert len(json.dumps(error)) < 400
    assert len(authorize.lines()) == 1
    assert len(authorize.log) < 500


def test_a_failure_that_is_not_the_tokens_is_none_of_unauthorized(
    authorize: Function, secrets: FakeSecretsManager
) -> None:
    secrets.versions = {}
    with pytest.raises(RefusedError):
        authorize(forged_tokens.valid_token(SECRET, ISSUER, AUDIENCE))
    assert any("ConnectsFailed" in line for line in authorize.lines()), "there is an alarm on it"


def test_forged_tokens_do_not_make_an_issuer_that_fails_be_asked_for_each(
    authorize_oidc: Function, issuer: LocalIssuer
) -> None:
    issuer.answers.clear()
    for number in range(200):
        token = forged_tokens.assemble({"alg": "RS256", "kid": f"k{number}"}, {}, forged_tokens.unsigned)
        with pytest.raises(KeysUnavailableError, match="404"):
            authorize_oidc(token)
        (metric,) = authorize_oidc.lines()
        assert metric["ConnectsFailed"] == [1]
        assert "ConnectsRefused" not in metric
    assert len(issuer.requested) == 1


@pytest.mark.parametrize("secret", ["", "short", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"])
def test_a_secret_that_can_be_guessed_lets_nobody_in(
    authorize: Function, secrets: FakeSecretsManager, secret: str
) -> None:
    secrets.versions = {"AWSCURRENT": secret}
    with pytest.raises(jwt.InvalidKeyError):
        authorize(forged_tokens.valid_token(secret, ISSUER, AUDIENCE))


def test_the_largest_answer_fits_into_what_api_gateway_takes(authorize: Function) -> None:
    def token(user_id: str, grants: int) -> str:
        claims = forged_tokens.valid_claims(ISSUER, AUDIENCE)
        claims |= {"sub": user_id, "subscribe": ["a"] * grants, "publish": []}
        payload = json.dumps(claims, ensure_ascii=False, separators=(",", ":")).encode()
        return forged_tokens.assemble({"alg": "HS256"}, payload, forged_tokens.hs256(SECRET))

    assert len(json.dumps(authorize(token("u" * 256, 980)))) < MAX_ANSWER_BYTES
    assert authorize(token("用" * 256, 10))["principalId"] == "用" * 256
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorize(token("用" * 256, 980))
    assert authorize.lines()[0]["reason"] == "grants"


@pytest.mark.parametrize("missing", ["TOKEN_ISSUER", "TOKEN_AUDIENCE", "TOKEN_SECRET_ARN", "AUTHORIZATION"])
@pytest.mark.usefixtures("secrets")
def test_a_function_without_a_setting_lets_nobody_in(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    with pytest.raises(MissingVariableError, match=missing):
        load(monkeypatch, **{"AUTHORIZATION": "jwt", missing: ""})


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize(("mode", "says"), [("none", "none to verify"), ("saml", "'saml' is not a valid")])
def test_a_mode_without_a_verifier_lets_nobody_in(
    monkeypatch: pytest.MonkeyPatch, mode: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        load(monkeypatch, AUTHORIZATION=mode)
