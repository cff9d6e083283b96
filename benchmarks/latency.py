"""The time of an update from put-events to the client's frame, warm, on the local AWS.

    python -m benchmarks.latency

An update's way is EventBridge, SQS, event source, push function, @connections, WebSocket. All of these are in
the emulator, so the figures show the app's own time without the time of AWS. The baseline is a second
deployment in the same run that neither numbers nor stores (replayHours=0).
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from websockets.sync.client import ClientConnection, connect

from benchmarks import report
from local.aws import LocalAws
from local.deployment import Outputs, deploy
from operations.minting import TokenSigner

EVENTS = 200
WARM_UP = 20


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    with LocalAws(port=0) as aws:
        storing = deploy(aws)
        plain = deploy(aws, {"replayHours": "0", "eventBus": "own"}, stack="Plain")
        with _connect(aws, storing) as one, _connect(aws, plain) as other:
            for client in (one, other):
                client.send('{"action":"subscribe","entityId":"bench"}')
                client.recv(timeout=30)
            ways = [(one, _putting(aws, storing)), (other, _putting(aws, plain))]
            # Turn by turn, so that noise meets both deployments.
            turns = [[_milliseconds(*way) for way in ways] for _ in range(WARM_UP + EVENTS)]
    with_history, without = ([turn[way] for turn in turns[WARM_UP:]] for way in (0, 1))
    _print("numbered and stored", with_history)
    _print("replayHours=0", without)
    report.write(
        [
            report.entry(
                f"put-events to frame, p{percent}", _p(with_history, percent), "ms", _p(without, percent)
            )
            for percent in (50, 99)
        ]
    )


def _connect(aws: LocalAws, outputs: Outputs) -> ClientConnection:
    token = TokenSigner.of(outputs.stack, aws.client("secretsmanager")).token("bench", subscribe=["bench"])
    return connect(
        outputs.web_socket_url, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None
    )


def _milliseconds(client: ClientConnection, push: Callable[[], object]) -> float:
    started = time.perf_counter()
    push()
    client.recv(timeout=30)
    return (time.perf_counter() - started) * 1000


def _putting(aws: LocalAws, outputs: Outputs) -> Callable[[], object]:
    events: Any = aws.client("events")
    detail = json.dumps({"entityId": "bench", "message": "x" * 100})
    entry = {"Source": "bench", "DetailType": "Entity Updated", "Detail": detail}
    entries = [{**entry, "EventBusName": outputs.event_bus_name}]
    return lambda: events.put_events(Entries=entries)


def _p(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _print(name: str, values: list[float]) -> None:
    print(f"{name:>20}: p50 {_p(values, 50):6.1f} ms   p99 {_p(values, 99):6.1f} ms   ({len(values)} events)")


if __name__ == "__main__":
    main()
