"""All functions of a deployment in this process, as Lambda loads them, over stand-ins of AWS's services."""

import contextlib
import importlib.util
import io
import json
import pickle
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from entity_push.auth import issuer_keys
from entity_push.auth.bearer import ANONYMOUS, Bearer
from entity_push.auth.grants import EVERYTHING, Grants
from entity_push.posting import deliverer
from entity_push.protocol.channels import everyone_list, user_channel
from entity_push.push import retries
from entity_push.runtime import aws
from entity_push.runtime.telemetry import logger
from entity_push.table import history, log
from entity_push.table.connections import Connection, Connections
from entity_push.table.memory import Memories
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends

from testbed.function_variables import function_variables
from testbed.table_schema import TABLE_SCHEMA
from tests import forged_tokens
from tests.fuzz.bodies import EPOCH, LARGE_ENTITIES
from tests.fuzz.own_events import RULES
from tests.fuzz.services import Bus, Deliverer, Queues, Secrets, Table, event_id
from tests.model.moto_tables import MotoTables

LAMBDAS = Path(__file__).parents[2] / "lambdas"
TABLE = "table"
SUBSCRIPTIONS = 12  # enough for LARGE_ENTITIES, but fewer than a frame can name
ISSUER, AUDIENCE = "https://issuer.example.com", "EntityPush"
SECRET = "fuzzed-".ljust(64, "s")
ISSUERS_KEY = ec.derive_private_key(0xF0225, ec.SECP256R1())

MAX_CLIENT_FRAME_BYTES = 128 * 1024
"""The setting's maximum: the largest frames lead to the largest answers."""

ENVIRONMENT = function_variables(
    table_name=TABLE,
    connections_per_user=2,
    subscriptions_per_connection=SUBSCRIPTIONS,
    client_frame_bytes=MAX_CLIENT_FRAME_BYTES,
    token_issuer=ISSUER,
    token_audience=AUDIENCE,
)

LISTENER = "all="
"""A connection that gets every entity's updates, every broadcast, and alice's notifications."""

_ODD_USERS = (
    "#everyone",
    "*",
    "a/*",
    "everyone",
    "entity/orders/1",
    "alice/",
    "é",
    "e\u0301",
    "7#7",
    "\ufffe",
    "{path}",
)

USERS = {"alice": LISTENER, **{user: f"odd{number}=" for number, user in enumerate(_ODD_USERS)}}
"""Users with a connection, and which."""

FULL = tuple(f"e{number}" for number in range(SUBSCRIPTIONS))
"""The entities of a connection that has as many as it may."""

CONNECTIONS = (LISTENER, "some=", "none=", "full=", "expired=", "anonymous=", "gone=")


class IssuerKeys:
    """The keys of an issuer with a single key, whose id is `key`."""

    def __init__(self, issuer: str):
        assert issuer == ISSUER
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(ISSUERS_KEY.public_key(), as_dict=True)
        self._key = jwt.PyJWK({**jwk, "alg": "ES256"})

    def key(self, kid: str | None) -> jwt.PyJWK | None:
        return self._key if kid in ("key", None) else None

    latest = key


class Deployment:
    """The functions, some connections, and the stand-ins' records.

    The deployment is a context manager: it patches the functions' surroundings.

    Attributes:
        table: the table.
        queues: both queues.
        bus: EventBridge.
        deliverer: posts frames.
        output: the functions' printed output of the last call.
    """

    def __init__(self) -> None:
        self.table = Table(MotoTables())
        self.queues, self.bus, self.deliverer = Queues(), Bus(), Deliverer()
        self.output = io.StringIO()
        self._functions: dict[str, ModuleType] = {}
        self._memories = _Forgetful()
        self._clean = b""
        self._writes = 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            stack.enter_context(mock_aws())
            for name, value in ENVIRONMENT.items():
                patch.setenv(name, value)
            self._replace_services(patch)
            self._load(patch)
            self._furnish()
            self._exits = stack.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._exits.close()

    def call(self, function: str, event: dict[str, Any]) -> Any:
        """Invoke a function; return its answer, or raise its exception."""
        self.output.seek(0)
        self.output.truncate()
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)
        handlers = logger.handlers
        streams = [handler.stream for handler in handlers]  # type: ignore[attr-defined]
        try:
            for handler in handlers:
                handler.setStream(self.output)  # type: ignore[attr-defined]
            with contextlib.redirect_stdout(self.output):
                return self._functions[function].handler(event, context)
        finally:
            for handler, stream in zip(handlers, streams, strict=True):
                handler.setStream(stream)  # type: ignore[attr-defined]

    def reset(self) -> None:
        """Restore the state of the beginning."""
        self.queues.queued.clear()
        self.queues.dead.clear()
        self.bus.entries.clear()
        self.deliverer.posts.clear()
        if self.table.writes != self._writes:
            self._memories.forget()
            self._items = pickle.loads(self._clean)  # noqa: S301 - our own; five times as fast as a deep copy
            self._writes = self.table.writes

    def items(self) -> dict[tuple[str, str], Any]:
        """Return all items by their keys, for comparisons."""
        found = (item.to_json()["Attributes"] for items in self._items.values() for item in items.values())
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in found}

    @property
    def _items(self) -> Any:
        return self._backend.items

    @_items.setter
    def _items(self, items: Any) -> None:
        self._backend.items = items

    @property
    def _backend(self) -> Any:
        (table,) = dynamodb_backends["123456789012"]["us-east-1"].tables.values()
        return table

    def _replace_services(self, patch: pytest.MonkeyPatch) -> None:
        clients = {
            "dynamodb": self.table,
            "sqs": self.queues,
            "events": self.bus,
            "secretsmanager": Secrets(SECRET),
        }
        patch.setattr(aws, "client", clients.__getitem__)
        patch.setattr(deliverer, "Deliverer", lambda *_arguments: self.deliverer)
        patch.setattr(issuer_keys, "IssuerKeys", IssuerKeys)
        patch.setattr(history, "Memories", lambda: self._memories)
        patch.setattr(log, "new_epoch", lambda: EPOCH)

    def _load(self, patch: pytest.MonkeyPatch) -> None:
        for name in ("connect", "disconnect", "subscribe", "unsubscribe", "publish", "default"):
            self._functions[name] = _loaded(name)
        self._functions["push"] = _push_with_rules()
        self._functions["authorize jwt"] = _loaded("authorize")
        patch.setenv("AUTHORIZATION", "oidc")
        self._functions["authorize oidc"] = _loaded("authorize")
        patch.setenv("AUTHORIZATION", "none")
        self._functions["connect without tokens"] = _loaded("connect")

    def _furnish(self) -> None:
        """Make the table, with connections of every kind, and with entities that have stored updates."""
        self.table.create_table(TableName=TABLE, **TABLE_SCHEMA)
        for connection in _connections():
            Connections(self.table, TABLE).open(connection)
        past: dict[str, list[Any]] = {
            "orders/1": [1, {"a": [None]}, "x" * 30_000],
            **{name: ["y" * 15_000] for name in LARGE_ENTITIES},
        }
        number = 1_000_000  # no event that a client publishes in a trial has the id of one of these
        for entity_id, messages in past.items():
            for message in messages:
                number += 1
                detail = {"entityId": entity_id, "message": message}
                self.push([json.dumps(event("Entity Updated", detail, event_id(number)))])
        self._clean = pickle.dumps(self._items)
        self._writes = self.table.writes

    def push_all(self, bodies: list[str]) -> None:
        """Push messages, and what the push function itself puts on the queue; none may come back."""
        while bodies:
            assert self.push(bodies[:10]) == [], self.output.getvalue()[-1500:]
            bodies, self.queues.queued = bodies[10:] + self.queues.queued, []

    def push(self, bodies: list[str]) -> list[str]:
        """Invoke the push function; return the message ids that come back.

        The messages are so old that an unknown rule makes a dead letter at once.
        """
        sent_at = str(round((time.time() - retries.UNKNOWN_RULE_SECONDS - 1) * 1000))
        records = [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": body,
                "attributes": {"SentTimestamp": sent_at, "ApproximateReceiveCount": "1"},
            }
            for number, body in enumerate(bodies)
        ]
        answer = self.call("push", {"Records": records})
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def event(kind: str, detail: Any, identity: str, source: str = "shop") -> dict[str, Any]:
    """Return an event as EventBridge puts it on the queue."""
    return {
        "version": "0",
        "id": identity,
        "detail-type": kind,
        "source": source,
        "account": "111122223333",
        "time": "2026-11-22T18:43:48Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }


def claims() -> dict[str, Any]:
    """Return the claims of a valid token."""
    return forged_tokens.valid_claims(ISSUER, AUDIENCE, time.time() + 3600)


def _connections() -> Iterator[Connection]:
    now = int(time.time())
    later = now + 24 * 3600
    listener = (user_channel("alice"), everyone_list(LISTENER), "entity/orders/1", "entity/*")
    many = tuple(f"entity/{name}" for name in FULL)
    some = Grants(("orders/*", "large/3"), ("rooms/7", "orders/*"))
    for connection_id, bearer, channels in (
        (LISTENER, Bearer("alice", EVERYTHING, later), listener),
        ("some=", Bearer("bob", some, later), (user_channel("bob"),)),
        ("none=", Bearer("carol", Grants(), later), ()),
        ("full=", Bearer("dave", EVERYTHING, later), many),
        ("expired=", Bearer("eve", EVERYTHING, now - 1), ()),
        ("anonymous=", ANONYMOUS, ()),
        *((USERS[user], Bearer(user, EVERYTHING, later), (user_channel(user),)) for user in _ODD_USERS),
    ):
        yield Connection(connection_id, now * 1000, "192.0.2.1", "fuzz", bearer, frozenset(channels))


class _Forgetful(Memories):
    """What a worker remembers of logs; with the table, its memory goes back to the beginning."""

    def forget(self) -> None:
        """Forget everything."""
        super().__init__()


def _push_with_rules() -> ModuleType:
    """Return the push function's module, loaded from a folder that has the rules, as its bundle does."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(LAMBDAS / "push.py", folder)
        Path(folder, "event_rules.json").write_text(json.dumps(RULES), encoding="utf-8")
        module = _loaded("push", Path(folder))
    assert module.rules.keys() == {rule["name"] for rule in RULES}
    return module


def _loaded(name: str, folder: Path = LAMBDAS) -> ModuleType:
    """Return a function's module, loaded anew, so that no other deployment shares it."""
    spec = importlib.util.spec_from_file_location(f"fuzzed_{name}", folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
