"""How long an update takes from put-events to the client's frame, warm, on the local AWS.

    python -m benchmarks.latency

The way it goes: EventBridge, SQS, event source, push function, @connections, WebSocket; all of it in
the emulator, so this shows what the app adds, not what AWS takes. The baseline is a message that the
same function posts without the way through EventBridge and SQS: invoked directly.
"""

import json
import statistics
import time
import uuid
from collections.abc import Callable
from typing import Any

from websockets.sync.client import ClientConnection, connect

from benchmarks import report
from local.aws import LocalAws
from local.deployment import Outputs, deploy

EVENTS = 100
WARM_UP = 10


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    with LocalAws(port=0) as aws:
        outputs = deploy(aws)
        with connect(outputs.web_socket_url, proxy=None) as client:
            client.send('{"action":"subscribe","entityId":"bench"}')
            client.recv(timeout=30)
            direct = _measure(client, _invoking(aws, outputs))
            through = _measure(client, _putting(aws))
    _print("invoked directly", direct)
    _print("put-events", through)
    report.write(
        [
            report.entry("put-events to frame, p50", _p(through, 50), "ms", _p(direct, 50)),
            report.entry("put-events to frame, p99", _p(through, 99), "ms", _p(direct, 99)),
        ]
    )


def _measure(client: ClientConnection, push: Callable[[], object]) -> list[float]:
    milliseconds = []
    for number in range(WARM_UP + EVENTS):
        started = time.perf_counter()
        push()
        client.recv(timeout=30)
        if number >= WARM_UP:
            milliseconds.append((time.perf_counter() - started) * 1000)
    return milliseconds


def _putting(aws: LocalAws) -> Callable[[], object]:
    events: Any = aws.client("events")
    detail = json.dumps({"entityId": "bench", "message": "x" * 100})
    entries = [{"Source": "bench", "DetailType": "Entity Updated", "Detail": detail}]
    return lambda: events.put_events(Entries=entries)


def _invoking(aws: LocalAws, outputs: Outputs) -> Callable[[], object]:
    functions: Any = aws.client("lambda")
    queue = outputs.queue_url
    name = next(
        function["FunctionName"]
        for function in functions.list_functions()["Functions"]
        if function["Handler"] == "push.handler"
        and function["Environment"]["Variables"]["QUEUE_URL"] == queue
    )

    def invoke() -> None:
        event = {
            "id": str(uuid.uuid4()),
            "detail-type": "Entity Updated",
            "time": "2026-01-01T00:00:00Z",
            "detail": {"entityId": "bench", "message": "x" * 100},
        }
        record = {
            "messageId": "m",
            "receiptHandle": "r",
            "body": json.dumps(event),
            "attributes": {
                "SentTimestamp": str(round(time.time() * 1000)),
                "ApproximateReceiveCount": "1",
            },
        }
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"Records": [record]}))

    return invoke


def _p(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _print(name: str, values: list[float]) -> None:
    print(f"{name:>20}: p50 {_p(values, 50):6.1f} ms   p99 {_p(values, 99):6.1f} ms   ({len(values)} events)")


if __name__ == "__main__":
    main()
