"""What each function costs beside the same over boto3: a cold start, the first call and a warm one; memory.

    python -m benchmarks.first_frames

Each function runs out of its bundle in an interpreter of its own, against a stand-in of AWS's services. For
the baseline, boto3's clients take the place of the bundle's own; nothing else changes. The stand-in speaks
plain HTTP, so TLS is in neither. `benchmarks.cold_start` measures imports without the machine's noise.
"""

import http.server
import json
import os
import statistics
import sys
import sysconfig
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.child import stderr_of
from benchmarks.standin import JsonHandler
from operations.minting import mint
from stacks import bundle, interpreters
from stacks.contract import ClaimNames
from stacks.settings import Settings
from testbed.function_variables import function_variables

FUNCTIONS = (
    *("default", "connect", "subscribe", "unsubscribe", "publish", "disconnect"),
    *("authorize", "push", "expire", "watch"),
)
ROUNDS = 5
CALLS = 200
BATCH = 10
SECRET = "s" * 64

CONNECTION = {
    "pk": {"S": "CONNECTION#c1="},
    "sk": {"S": "CONNECTION"},
    "connectedAt": {"N": "1700000000000"},
    "ipAddress": {"S": "192.0.2.1"},
    "userAgent": {"S": "bench"},
    "grants": {"S": '{"subscribe":["*"],"publish":["*"]}'},
    "userId": {"S": "alice"},
    "expires": {"N": "4000000000"},
    "channels": {"SS": ["user/alice"]},
}

LIFE = {"epoch": {"S": "e1"}, "ttl": {"N": "4000000000"}}

CHILD = """
import json, pathlib, sys, time
folder, module, stock, calls, event = *sys.argv[1:5], json.loads(sys.argv[5])
sys.path.insert(0, folder)
begun = time.process_time()
if stock != "-":
    sys.path.append(stock)
    import boto3
    from entity_push.runtime import aws

    class Stock:
        def __init__(self, service):
            self.client = boto3.client(service)

        def __getattr__(self, name):
            return getattr(self.client, name)

        def at_once(self, calls):
            return [getattr(self.client, call.operation)(**call.parameters) for call in calls]

    aws.client = Stock

class Context:
    @staticmethod
    def get_remaining_time_in_millis():
        return 60_000

handler = __import__(module).handler
cold = time.process_time()
answer = handler(event, Context)
first = time.process_time()
assert answer.get("statusCode", 200) == 200 and '"internal_error"' not in answer.get("body", ""), answer
assert not answer.get("batchItemFailures"), answer
for _ in range(int(calls)):
    handler(event, Context)
ended = time.process_time()
status = pathlib.Path("/proc/self/status").read_text()  # resource.getrusage tells the parent's, too
memory = int(status.partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps([(cold - begun) * 1e3, (first - cold) * 1e3, (ended - first) * 1e3 / int(calls), memory]),
      file=sys.stderr)
"""

MEASURED = (("cold start", "ms CPU"), ("first call", "ms CPU"), ("warm call", "ms CPU"), ("memory", "MB"))


class _Services(JsonHandler):
    """Answers every call as if it were the first of its kind."""

    def answer(self, operation: str, asked: bytes) -> bytes:
        """Return what a service would answer."""
        return json.dumps(_answer(operation, asked)).encode()


def _answer(operation: str, asked: bytes) -> dict[str, Any]:
    match operation:
        case "GetItem":
            return {"Item": LIFE if b'"LIFE"' in asked else CONNECTION}
        case "Query":
            return {"Items": [], "Count": 1}
        case "GetSecretValue":
            return {"SecretString": SECRET}
        case "GetQueueAttributes":
            return {"Attributes": {"ApproximateNumberOfMessages": "0"}}
        case "PutEvents":
            return {"Entries": [{"EventId": "00000000-0000-4000-8000-000000000000"}], "FailedEntryCount": 0}
        case _:
            return {}


def _event(module: str) -> dict[str, Any]:
    context = {"connectionId": "c1=", "connectedAt": 1700000000000}
    if module in ("expire", "watch"):
        return {}
    if module == "authorize":
        token = mint(
            SECRET,
            user="alice",
            subscribe=["*"],
            publish=[],
            issuer="EntityPush",
            audience="EntityPush",
            claim_names=ClaimNames(),
            seconds=3600,
        )
        values = {"Authorization": f"Bearer {token}"}
        many = {name: [value] for name, value in values.items()}
        arn = "arn:aws:execute-api:us-east-1:111122223333:api/prod/$connect"
        return {
            **{"type": "REQUEST", "methodArn": arn, "headers": values, "multiValueHeaders": many},
            "requestContext": {**context, "routeKey": "$connect"},
        }
    if module == "push":
        return {"Records": [_record(number) for number in range(BATCH)]}
    if module in ("connect", "disconnect"):
        bearer = {"principalId": "alice", "userId": "alice", "grants": "{}", "expires": "4000000000"}
        return {"requestContext": {**context, "authorizer": bearer}}
    frame = {"action": module, "entityId": "orders/42", "message": {"status": "paid"}}
    return {"requestContext": context, "body": json.dumps(frame)}


def _record(number: int) -> dict[str, Any]:
    """Return a message about an entity that nobody follows."""
    detail = {"entityId": f"orders/{number}", "message": {"status": "paid"}}
    update = {"id": f"e{number}", "detail-type": "Entity Updated", "time": "2026-11-22T18:43:48Z"}
    sent = {"SentTimestamp": str(round(time.time() * 1000)), "ApproximateReceiveCount": "1"}
    return {
        **{"messageId": f"m{number}", "receiptHandle": "r", "attributes": sent},
        "body": json.dumps({**update, "detail": detail}),
    }


def _run(folder: Path, module: str, url: str, *, stock: bool) -> list[float]:
    """Run a function anew; return what is measured of it."""
    packages = sysconfig.get_path("purelib") if stock else "-"
    words = [str(folder), module, packages, str(CALLS), json.dumps(_event(module))]
    said = stderr_of(
        [sys.executable, "-S", "-s", "-P", "-B", "-c", CHILD, *words],
        {"PATH": os.environ["PATH"], **function_variables(module), "AWS_ENDPOINT_URL": url},
    )
    found: list[float] = json.loads(said.splitlines()[-1])
    return found


def _medians(runs: list[list[float]]) -> list[float]:
    return [statistics.median(values) for values in zip(*runs, strict=True)]


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    folder = bundle.build(Settings(python_version=interpreters.THIS))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
    print(f"bundle, unzipped: {size:.1f} MB")
    entries = [report.entry("bundle, unzipped", size, "MB")]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Services) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        print(f"{'':12}" + "".join(f"{f'{what}, {unit}':>26}" for what, unit in MEASURED))
        for module in FUNCTIONS:
            runs: dict[bool, list[list[float]]] = {False: [], True: []}
            for _ in range(ROUNDS):
                for stock, found in runs.items():  # in turn, so that the machine's other work falls on both
                    found.append(_run(folder, module, url, stock=stock))
            ours, theirs = _medians(runs[False]), _medians(runs[True])
            pairs = list(zip(MEASURED, ours, theirs, strict=True))
            told = "".join(f"{f'{own:.2f} ({own / other:.2f} ×)':>26}" for _, own, other in pairs)
            print(f"{module:12}{told}")
            entries += [
                report.entry(f"{module}: {what}", *(own, unit, other)) for (what, unit), own, other in pairs
            ]
        server.shutdown()
    report.write(entries)


if __name__ == "__main__":
    main()
