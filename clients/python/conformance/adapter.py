"""The adapter of this client for clients/conformance: it does orders, and reports what is shown.

The client gets a virtual clock, the random number that the runner sets, a counted WebSocket, and functions
that wait for the runner's answer. clients/conformance/README.md has the orders and reports.
"""

import asyncio
import itertools
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import entity_push_client as ep
from entity_push_client.errors import EntityPushError

from clients.python.conformance.virtual_clock import VirtualClock

TURNS = 20
"""So many turns of the event loop bring the client to rest."""

OPTIONS = {
    "maxConnectionAge": "max_connection_age",
    "pingAfter": "ping_after",
    "pongTimeout": "pong_timeout",
    "answerTimeout": "answer_timeout",
    "gapWait": "gap_wait",
    "maxHeld": "max_held",
    "maxPatternEntities": "max_pattern_entities",
}
OF: dict[type[EntityPushError], str] = {
    ep.TokenError: "token",
    ep.StateError: "getState",
    ep.InvalidMessageError: "parse",
    ep.ServerError: "server",
    ep.HandshakeError: "connection",
    ep.ConnectionLostError: "connection",
    ep.FailedError: "token",
}
FIELDS = (
    "id",
    "time",
    "sequence",
    "from",
    "ownId",
    "version",
    "rule",
    "callback",
    "cursor",
    "entityId",
    "oversize",
)

Json = dict[str, Any]


class CountedSocket:
    """A WebSocket whose end is counted."""

    def __init__(self, socket: ep.Socket, stage: "Stage"):
        self._socket, self._stage, self._counted = socket, stage, False

    async def recv(self) -> str | bytes:
        """Return the next message."""
        try:
            return await self._socket.recv()
        except asyncio.CancelledError:
            raise
        except Exception:
            self._count()
            raise

    async def send(self, message: str | Iterable[str], /) -> None:
        """Send a message."""
        await self._socket.send(message)

    async def close(self) -> None:
        """Close the connection."""
        await self._socket.close()
        self._count()

    def _count(self) -> None:
        if not self._counted:
            self._counted = True
            self._stage.closed += 1


class Stage:
    """One scenario: a client and what it is given.

    Args:
        report: writes a report.
    """

    def __init__(self, report: Any):
        self._report = report
        self.silent = False
        self.clock = VirtualClock()
        self.random = 0.5
        self.opened = self.closed = 0
        self._numbers = itertools.count(1)
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscriptions: dict[str, ep.Subscription[Any, Any]] = {}
        self._client: ep.EntityPush | None = None

    def report(self, word: str, **fields: Any) -> None:
        """Report, unless the scenario is over."""
        if not self.silent:
            told = {name: value for name, value in fields.items() if value is not None}
            self._report({"report": word, **told})

    def end(self) -> None:
        """Throw the client away."""
        self.silent = True
        if self._client is not None:
            self._start(self._client.close())

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # What the client is given

    async def _connect(self, url: str, token: str | None) -> ep.Socket:
        self.opened += 1
        try:
            return CountedSocket(await ep.connect(url, token), self)
        except (ep.HandshakeError, asyncio.CancelledError):
            self.closed += 1
            raise

    async def _call(self, function: str, **fields: Any) -> Any:
        number = next(self._numbers)
        self._calls[number] = asyncio.get_running_loop().create_future()
        self.report("call", call=number, function=function, **fields)
        return await self._calls[number]

    async def _token(self, failure: ep.HandshakeError | None) -> str:
        return str(await self._call("token", afterFailure=failure is not None))

    def _client_turned(self, state: ep.ClientState) -> None:
        code = state.error.code if state.error and state.name == "failed" else None
        self.report("state", state=state.name, until=state.until, code=code)

    def _error(self, error: EntityPushError) -> None:
        of = next((word for kind, word in OF.items() if isinstance(error, kind)), "connection")
        about = getattr(error, "about", "") or None
        handle = next((name for name, one in self._subscriptions.items() if str(one.name) == about), None)
        self.report("error", **{"of": of, "code": error.code, "message": str(error), "as": handle})

    # Orders

    def do_client(
        self, url: str, options: Json | None = None, token: bool = True, clock: str = "virtual"
    ) -> None:
        """Make a client."""
        told = options or {}
        chosen: Json = {OPTIONS[name]: value for name, value in told.items() if name in OPTIONS}
        if "backoff" in told:
            chosen["backoff"] = ep.Backoff(**told["backoff"])
        if clock == "virtual":
            chosen |= {"clock": self.clock, "random": lambda: self.random}
        self._client = ep.EntityPush(
            url,
            token=self._token if token else None,
            connect=self._connect,
            on_state=self._client_turned,
            on_error=self._error,
            **chosen,
        )
        self._client_turned(self._client.state)

    @property
    def client(self) -> ep.EntityPush:
        """The client."""
        assert self._client is not None
        return self._client

    def do_subscribe(
        self,
        name: str = "",
        channel: str = "",
        getState: bool = False,  # noqa: N803 - the runner's names
        parse: str = "",
        throws: bool = False,
        **fields: Any,
    ) -> None:
        """Subscribe, and report what is shown."""
        handle = fields["as"]
        given: Json = {}
        if getState:
            given["get_state"] = lambda: self._call("getState", **{"as": handle})
        if parse:
            given["parse"] = _whole_number

        def turned(state: ep.SubscriptionState) -> None:
            code = state.error.code if state.error else None
            self.report("state", **{"as": handle, "state": state.name, "code": code})

        wanted = ep.Channel(channel) if channel else name
        subscription: ep.Subscription[Any, Any] = self.client.subscribe(wanted, **given, on_state=turned)
        self._subscriptions[handle] = subscription
        turned(subscription.state)
        self._start(self._consume(handle, subscription, throws))

    async def _consume(self, handle: str, subscription: ep.Subscription[Any, Any], throws: bool) -> None:
        while True:
            try:
                change = await anext(subscription)
            except StopAsyncIteration:
                return
            except ep.InvalidMessageError as error:
                self.report(
                    "error", **{"of": "parse", "as": handle, "code": error.code, "message": str(error)}
                )
                continue
            except EntityPushError:
                return  # the state has told it
            if isinstance(change, ep.Reset):
                latest = None if change.latest is None else _update(change.latest)
                self.report("reset", **{"as": handle, "state": change.state, "latest": latest})
                continue
            self.report("update", **{"as": handle, "update": _update(change)})
            if throws:  # in a loop over changes, the application's exceptions are its own
                self.report("error", **{"of": "handler", "as": handle, "message": "the handler threw"})

    def do_ready(self, **fields: Any) -> None:
        """Wait until a subscription is ready."""
        handle = fields["as"]

        async def wait() -> None:
            try:
                await self._subscriptions[handle].ready()
            except EntityPushError as error:
                self.report("ready", **{"as": handle, "error": error.code})
            else:
                self.report("ready", **{"as": handle})

        self._start(wait())

    def do_unsubscribe(self, **fields: Any) -> None:
        """Close a subscription."""
        self._subscriptions[fields["as"]].close()

    def do_publish(
        self,
        message: Any = None,
        name: str = "",
        channel: str = "",
        id: str | None = None,
        **fields: Any,
    ) -> None:
        """Publish, and report the outcome."""
        handle = fields["as"]

        async def publish() -> None:
            try:
                published = await self.client.publish(
                    ep.Channel.EVERYONE if channel else name, message, id=id
                )
            except EntityPushError as error:
                self.report("rejected", **{"as": handle, "code": error.code})
            else:
                self.report("published", **{"as": handle, "id": published.id})

        self._start(publish())

    def do_random(self, value: float) -> None:
        """Set the random number."""
        self.random = value

    def do_answer(self, call: int, fatal: bool = False, **fields: Any) -> None:
        """Let a call return or raise."""
        future = self._calls.pop(call)
        if future.done():
            return
        if "error" in fields:
            kind = ep.GiveUpError if fatal else OSError
            future.set_exception(kind(fields["error"]))
        else:
            future.set_result(fields.get("value"))

    def do_close(self) -> None:
        """Close the client."""
        self._start(self.client.close())

    def do_advance(self, seconds: float) -> None:
        """Move the clock to the next timer."""
        self.clock.advance(self.clock.now + seconds)

    def do_sleep(self, seconds: float) -> None:
        """Let the machine sleep."""
        self.clock.leap(seconds)

    def do_jump(self, seconds: float) -> None:
        """Set the time of day: the client does not read it."""


def _whole_number(message: Any) -> int:
    if isinstance(message, bool) or not isinstance(message, int):
        raise TypeError(f"{message!r} is not a whole number")
    return message


def _update(update: ep.Update[Any]) -> Json:
    shown = {name: update.frame[name] for name in FIELDS if name in update.frame}
    if "message" in update.frame:
        shown["message"] = update.message
    return {**shown, "replayed": update.replayed}


def _write(report: Json) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Do orders until there are no more."""
    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _write(
        {
            "report": "hello",
            "client": "entity-push-client (Python)",
            "version": ep.__version__,
            "has": ["header", "parse"],
        }
    )
    stage = Stage(_write)
    while line := await reader.readline():
        order = json.loads(line)
        stage = _done(order, stage)
        if "number" in order:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            counts = {"now": stage.clock.now, "opened": stage.opened, "closed": stage.closed}
            _write({"report": "synced", "number": order["number"], **counts})
    stage.end()


def _done(order: Json, stage: Stage) -> Stage:
    """Do an order; return the stage that is played on from now."""
    match order.pop("do"):
        case "together":
            for one in order["orders"]:
                stage = _done(one, stage)
        case "begin":
            stage.end()
            return Stage(_write)
        case "sync":
            pass
        case word:
            try:
                getattr(stage, f"do_{word}")(**order)
            except Exception as error:
                _write({"report": "broken", "message": f"{word}: {error!r}"})
    return stage


if __name__ == "__main__":
    asyncio.run(main())
