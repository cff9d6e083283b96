"""`make demo`: a real client, a real event, and the update on its way from one to the other."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from local.aws import ROOT, LocalAws
from local.deployment import Outputs, deploy
from local.steps import say, step
from local.up import EVENT_FILE, SUBSCRIBE, UNSUBSCRIBE
from operations.minting import TokenSigner

ANSWER_SECONDS = 20.0
"""The longest wait for a frame: enough for a function's first start on a busy machine."""

SILENCE_SECONDS = 3.0
USER = "demo"
ENTITY = "myEntityId"
SUBSCRIBE_TO_ANOTHER = '{"action":"subscribe","entityId":"anotherEntityId"}'
MISSED = ("paid", "shipped")
"""The messages of the updates that come while the client is away."""

PUT_EVENTS = f"aws events put-events --entries file://{EVENT_FILE}"


Json = dict[str, Any]


class DemoError(Exception):
    """A promise of the demo was not kept."""


class RefusedError(DemoError):
    """The handshake was refused.

    Attributes:
        status: the HTTP status of the refusal.
    """

    def __init__(self, status: int):
        super().__init__(f"the handshake was refused with {status}")
        self.status = status


def demo(context: Mapping[str, str] | None = None) -> None:
    """Start, deploy, and show it: an update arrives, what was missed is replayed, and silence after that.

    Args:
        context: settings of the deployment.

    Raises:
        DemoError: an expectation failed; the message names the expectation.
        LocalAwsError: the local AWS did not start.
        StepError: the deployment failed.
    """
    began = time.monotonic()
    aws = LocalAws()
    try:
        with step(f"Starting the local AWS on {aws.where}"):
            aws.start()
        outputs = deploy(aws, context)
        try:
            _show(aws, outputs)
        except DemoError as error:
            raise DemoError(f"{error}\n\nThe local AWS's log ends:\n{aws.log_tail()}") from error
    finally:
        aws.stop()
    say(f"\nThe demo worked, in {time.monotonic() - began:.0f} s. `make local` keeps it running.")


def _show(aws: LocalAws, outputs: Outputs) -> None:
    _show_refusal(outputs)
    token = _token(aws, outputs)
    say(f"==> Connecting a client to {outputs.web_socket_url} with it")
    with _connect(outputs, "websocket", token) as client:
        _expect(client.subprotocol == "websocket", "the subprotocol was not echoed")
        say("==> Subscribing to an entity")
        _expect_answer(client, SUBSCRIBE, {"type": "subscribed", "entityId": ENTITY})
        say("==> Subscribing to another one is refused, as the token says")
        _expect_answer(client, SUBSCRIBE_TO_ANOTHER, {"type": "error", "code": "forbidden"})
        _show_update_by_cli(aws, client)
        seen = _show_update_from_python(aws, client)
    _show_replay(aws, outputs, token, seen)


def _show_replay(aws: LocalAws, outputs: Outputs, token: str, seen: str) -> None:
    """Come back with a cursor: what was missed is in the answer, in order."""
    say("==> The client goes away. Meanwhile, two events are put")
    entries = json.loads((ROOT / EVENT_FILE).read_text())
    for message in MISSED:
        detail = json.dumps({"entityId": ENTITY, "message": message})
        say(f"    {detail}")
        aws.client("events").put_events(Entries=[{**entries[0], "Detail": detail}])
    say("==> It comes back, and says which cursor it saw last")
    with _connect(outputs, "websocket", token) as client:
        _expect_missed(client, seen)
        say("==> Unsubscribing")
        _expect_answer(client, UNSUBSCRIBE, {"type": "unsubscribed", "entityId": ENTITY})
        _show_silence(aws, client)


def _show_refusal(outputs: Outputs) -> None:
    say("==> Connecting without a token is refused")
    try:
        _connect(outputs, "websocket").close()
    except RefusedError as refusal:
        say(f"    < {refusal.status}")
        _expect(refusal.status == 401, f"it should be 401, and is {refusal.status}")
    else:
        raise DemoError("a client without a token was let in")


def _token(aws: LocalAws, outputs: Outputs) -> str:
    """Return a token, made as `make token` makes one."""
    arguments = f"--user {USER} --subscribe {ENTITY}"
    say(f'==> Making a token\n    as does: make token ARGS="{arguments}"')
    signer = TokenSigner.of(outputs.stack, aws.client("secretsmanager"))
    return signer.token(USER, subscribe=[ENTITY])


def _connect(outputs: Outputs, *subprotocols: str) -> ClientConnection:
    offered: Any = list(subprotocols)  # websockets wants a NewType of str
    try:
        # No proxy of the environment leads to this machine's own address.
        return connect(outputs.web_socket_url, subprotocols=offered, proxy=None)
    except InvalidStatus as refusal:
        raise RefusedError(refusal.response.status_code) from refusal


def _show_update_by_cli(aws: LocalAws, client: ClientConnection) -> None:
    say(f"==> Putting an event\n    $ {PUT_EVENTS}")
    started = time.monotonic()
    cli = _start_put_events(aws)
    _expect_update(client)
    seconds = time.monotonic() - started
    _finish(cli)
    say(f"    it arrived {seconds:.1f} s after the command began, most of which the CLI needs to start")


def _show_update_from_python(aws: LocalAws, client: ClientConnection) -> str:
    """Measure the way from put-events to the client, without the CLI's own start; return the cursor."""
    say("==> Putting the event again, from a running program")
    events = aws.client("events")
    events.list_event_buses()  # the first call of a client opens its connection
    entries = json.loads((ROOT / EVENT_FILE).read_text())
    began = time.monotonic()
    events.put_events(Entries=entries)
    cursor: str = _expect_update(client)["cursor"]
    say(f"    it arrived {(time.monotonic() - began) * 1000:.0f} ms after put-events was called")
    return cursor


def _expect_missed(client: ClientConnection, seen: str) -> None:
    """Subscribe with a cursor. The missed updates are in the answer, or pushed if it came before them."""
    frame = json.dumps({"action": "subscribe", "entityId": ENTITY, "since": seen}, separators=(",", ":"))
    answer = _expect_answer(
        client, frame, {"type": "subscribed", "entityId": ENTITY, "recovered": True, "more": False}
    )
    missed = [update["message"] for update in answer["updates"]]
    while len(missed) < len(MISSED):
        missed.append(_expect_frame(client, {"type": "Entity Updated", "entityId": ENTITY})["message"])
    _expect(missed == list(MISSED), f"the missed updates should be {MISSED}, and are {missed}")
    say(f"    it has missed nothing: {' '.join(missed)}")


def _show_silence(aws: LocalAws, client: ClientConnection) -> None:
    say(f"==> Putting another event, which must not arrive\n    $ {PUT_EVENTS}")
    _finish(_start_put_events(aws))
    try:
        frame = client.recv(timeout=SILENCE_SECONDS)
    except TimeoutError:
        say(f"    nothing arrived within {SILENCE_SECONDS:.0f} s")
    else:
        raise DemoError(f"a frame arrived although nothing is subscribed to: {frame!r}")


def _expect_answer(client: ClientConnection, frame: str, expected: Json) -> Json:
    say(f"    > {frame}")
    client.send(frame)
    return _expect_frame(client, expected)


def _expect_update(client: ClientConnection) -> Json:
    detail = json.loads(json.loads((ROOT / EVENT_FILE).read_text())[0]["Detail"])
    return _expect_frame(client, {"type": "Entity Updated", **detail})


def _expect_frame(client: ClientConnection, expected: Json) -> Json:
    """Show the next frame, and return it. It must have the expected members, among others."""
    try:
        text = client.recv(timeout=ANSWER_SECONDS)
    except TimeoutError as error:
        wanted = json.dumps(expected)
        raise DemoError(f"no frame within {ANSWER_SECONDS:.0f} s, but expected {wanted}") from error
    say(f"    < {text!s}")
    frame: Json = json.loads(text)
    missing = {name: value for name, value in expected.items() if frame.get(name) != value}
    _expect(not missing, f"the frame should have {json.dumps(missing)}")
    return frame


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise DemoError(otherwise)


def _start_put_events(aws: LocalAws) -> "subprocess.Popen[str]":
    program, *arguments = PUT_EVENTS.split()
    return subprocess.Popen(
        [str(Path(sys.prefix) / "bin" / program), *arguments],
        cwd=ROOT,
        env=aws.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finish(cli: "subprocess.Popen[str]") -> None:
    output, _ = cli.communicate(timeout=ANSWER_SECONDS)
    _expect(cli.returncode == 0, f"`{PUT_EVENTS}` failed:\n{output}")
    _expect(json.loads(output)["FailedEntryCount"] == 0, f"the event was refused:\n{output}")
