"""The cost of verifying a token: CPU of a cold start with its first handshake, and of a warm handshake.

    python -m benchmarks.authorizer

Each function runs in a child process that sees only its bundle and the standard library, as in the local AWS
(local/emulator/functions.py). Secrets Manager and the issuer are stand-ins on this machine. The baseline is
the same function without verification: it finds the token, and answers without a look at it.
"""

import http.server
import json
import platform
import statistics
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks import report
from benchmarks.child import stderr_of
from stacks import bundle, interpreters
from stacks.settings import Settings
from testbed.function_variables import function_variables

ROUNDS = 15
WARM_CALLS = 1000
SECRET = "s" * 64

# The child's code. The handler's lines go to /dev/null, the figures to standard error.
MEASURE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
event, calls = json.loads(sys.argv[3]), int(sys.argv[4])
exec(sys.argv[2])
assert handler(event, None)["principalId"] == "alice"
cold = time.process_time()
for _ in range(calls):
    handler(event, None)
print(json.dumps([cold * 1e3, (time.process_time() - cold) / calls * 1e6]), file=sys.stderr)
"""

VERIFYING = "from authorize import handler"

TRUSTING = """
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import EVERYTHING
from entity_push.auth.handshake import access_token
from entity_push.runtime.telemetry import logger, metrics
def handler(event, _context):
    assert access_token(event)
    emf = metrics()
    emf.add_dimension(name="Stack", value="bench")
    emf.add_metric(name="ConnectsAllowed", unit="Count", value=1)
    emf.flush_metrics()
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
    return {
        "principalId": "alice",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": Bearer("alice", EVERYTHING, 4102444800).to_context(),
    }
"""


ENVIRONMENT = function_variables("authorize", token_audience="bench")  # noqa: S106


class _Stand(http.server.BaseHTTPRequestHandler):
    """Secrets Manager (POST) and an issuer (GET)."""

    protocol_version = "HTTP/1.1"
    documents: dict[str, bytes]

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if request["VersionStage"] == "AWSCURRENT":
            self._answer(200, json.dumps({"SecretString": SECRET}).encode())
        else:
            self._answer(400, b'{"__type":"ResourceNotFoundException"}')

    def do_GET(self) -> None:
        self._answer(200, self.documents[self.path])

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    _Stand.documents = {}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Stand)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    runs = {"no verification": _trusting(), "HS256": _secrets(url), "RS256": _issuers(url)}
    figures: dict[str, list[list[float]]] = {name: [] for name in runs}
    for _ in range(ROUNDS):  # turn by turn, so that noise meets all functions
        for name, run in runs.items():
            figures[name].append(run.measure())
    medians = {
        name: [statistics.median(column) for column in zip(*rounds, strict=True)]
        for name, rounds in figures.items()
    }
    for name, (cold, warm) in medians.items():
        print(f"{name:>16}: cold start {cold:5.0f} ms CPU, warm {warm:5.0f} µs CPU per handshake")
    baseline = medians.pop("no verification")
    report.write(
        [
            report.entry(f"authorizer, {name}: {what}", value, unit, without)
            for name, values in medians.items()
            for value, without, (what, unit) in zip(
                values, baseline, (("cold start, CPU", "ms"), ("warm handshake, CPU", "µs")), strict=True
            )
        ]
    )


@dataclass
class Run:
    """A function to measure.

    Attributes:
        folder: the folder of the function's bundle.
        code: the source that defines `handler`.
        token: the token of the handshake.
        environment: the function's own environment variables.
    """

    folder: Path
    code: str
    token: str
    environment: dict[str, str]

    def measure(self) -> list[float]:
        """Return the CPU of a cold start with its first handshake, in ms, and of a warm handshake, in µs."""
        event = {
            "methodArn": "arn:aws:execute-api:eu-west-1:111122223333:abcdef123/prod/$connect",
            "multiValueHeaders": {"Sec-WebSocket-Protocol": [f"websocket, {self.token}"]},
            "requestContext": {"connectionId": "L0SM9cOFvHcCIhw="},
        }
        words = [str(self.folder), self.code, json.dumps(event), str(WARM_CALLS)]
        said = stderr_of(
            [sys.executable, "-S", "-s", "-B", "-c", MEASURE, *words], {**ENVIRONMENT, **self.environment}
        )
        figures: list[float] = json.loads(said)
        return figures


def _bundle(settings: Settings) -> Path:
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    return bundle.build(replace(settings, architecture=machine, python_version=interpreters.THIS))


def _claims(issuer: str) -> dict[str, Any]:
    soon = int(time.time()) + 3600
    grants = ["orders/*", "rides/42"]
    return {
        "iss": issuer,
        "aud": "bench",
        "sub": "alice",
        "exp": soon,
        "subscribe": grants,
        "publish": grants,
    }


def _trusting() -> Run:
    return Run(_bundle(Settings()), TRUSTING, jwt.encode(_claims("bench"), SECRET), {})


def _secrets(url: str) -> Run:
    environment = {"AUTHORIZATION": "jwt", "TOKEN_ISSUER": "bench", "AWS_ENDPOINT_URL": url}
    return Run(_bundle(Settings()), VERIFYING, jwt.encode(_claims("bench"), SECRET), environment)


def _issuers(url: str) -> Run:
    key = rsa.generate_private_key(65537, 2048)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    _Stand.documents = {
        "/.well-known/openid-configuration": json.dumps({"issuer": url, "jwks_uri": f"{url}/keys"}).encode(),
        "/keys": json.dumps({"keys": [{**jwk, "kid": "key1", "use": "sig"}]}).encode(),
    }
    token = jwt.encode(_claims(url), key, algorithm="RS256", headers={"kid": "key1"})
    settings = Settings(authorization="oidc", token_issuer=url, token_audience="bench")  # noqa: S106
    return Run(_bundle(settings), VERIFYING, token, {"AUTHORIZATION": "oidc", "TOKEN_ISSUER": url})


if __name__ == "__main__":
    main()
