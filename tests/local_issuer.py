"""An OpenID Connect issuer on this machine: a web server with a discovery document and keys."""

import contextlib
import http.server
import json
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.forged_tokens import encoded

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"


@dataclass
class Answer:
    """What the server answers to a path; with a pause, its body drips: so long before each byte."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0


class LocalIssuer:
    """Serves the documents of one issuer.

    Attributes:
        url: the issuer.
        answers: what is answered, by path; others are 404.
        requested: the paths that were asked for.
        headers: of the last request.
    """

    def __init__(self) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.answers: dict[str, Answer] = {}
        self.requested: list[str] = []
        self.headers: dict[str, str] = {}

    def publish(self, *keys: Any, **discovery: Any) -> None:
        """Publish keys, and a discovery document with these fields besides the usual ones."""
        document = {"issuer": self.url, "jwks_uri": self.url + KEYS, **discovery}
        self.answers[DISCOVERY] = Answer(json.dumps(document).encode())
        self.answers[KEYS] = Answer(json.dumps({"keys": keys}).encode())

    def _handler(issuer: Self) -> type[http.server.BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requested.append(self.path)
                issuer.headers = dict(self.headers)
                answer = issuer.answers.get(self.path) or Answer(b"{}", 404)
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self._write(answer)

            def _write(self, answer: Answer) -> None:
                if not answer.pause:
                    self.wfile.write(answer.body)
                    return
                with contextlib.suppress(OSError):  # the client has left
                    for number in range(len(answer.body)):
                        time.sleep(answer.pause)
                        self.wfile.write(answer.body[number : number + 1])

            def log_message(self, *_arguments: object) -> None:
                """Log nothing."""

        return Handler

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def rsa_jwk(key: rsa.RSAPrivateKey, kid: str | None, **members: Any) -> dict[str, Any]:
    """Return the public key as a JSON Web Key with these further members; without an id for None."""
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), **_named(kid), **members}


def ec_jwk(key: ec.EllipticCurvePrivateKey, kid: str | None, **members: Any) -> dict[str, Any]:
    """Return the public key, on P-256 or another curve, as a JSON Web Key with these further members."""
    numbers, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
    curve = {"secp256r1": "P-256", "secp384r1": "P-384"}[key.curve.name]
    x, y = (encoded(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": curve, "x": x, "y": y, **_named(kid), **members}


def _named(kid: str | None) -> dict[str, str]:
    return {} if kid is None else {"kid": kid}


def _number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))
