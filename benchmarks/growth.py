"""The time of one update to the last of 1,000, 10,000 and 100,000 subscribers.

    python -m benchmarks.growth [--most 100000]

The whole push function runs, with real pages, real chunks, real retries. Stand-ins are around it: DynamoDB
and SQS over HTTP, and five workers, with which Lambda begins for a queue. The endpoint has TLS, 15 ms latency
and API Gateway's throttle of 10,000 requests/s, which answers 429. The baseline is the time that the throttle
alone allows: subscribers / 10,000 s. The workers have been busy before, so their HTTP connections are open.
The time of a first update, whose connections have to be opened, is measured too. The benchmark draws
docs/explanation/growth.svg, and measures a worker's peak memory.
"""

import argparse
import heapq
import http.server
import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.delivery import connection_ids
from benchmarks.growth_chart import draw
from testbed.endpoint import Endpoint
from testbed.function_variables import function_variables

RATE = 10_000
BURST = 200
LATENCY = 0.015
WORKERS = 5
PAGE = 10_000
ROUNDS = 5
EXPIRES = "4102444800"  # 2100-01-01
ROOT = Path(__file__).resolve().parents[1]

WORKER = """
import json, resource, sys
out, sys.stdout = sys.stdout, sys.stderr
import push
class Context:
    def get_remaining_time_in_millis(self):
        return 60_000
print("ready", file=out, flush=True)
for line in sys.stdin:
    answer = push.handler(json.loads(line), Context())
    answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(answer), file=out, flush=True)
"""


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # with the usual 5, some of 20 connections at once wait for a second


class Aws:
    """Stand-ins for DynamoDB and SQS, as far as the push function calls them."""

    def __init__(self) -> None:
        self.pages: list[bytes] = []
        self.messages: list[tuple[float, int, str]] = []
        self.lock = threading.Lock()
        self._number = 0
        aws = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # otherwise each answer waits 40 ms for an acknowledgement

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                target = self.headers.get("X-Amz-Target")
                body = aws.answer(target.split(".")[1], request) if target else aws.post()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Log nothing."""

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def subscribe(self, count: int) -> None:
        """Fill the entity's list with a number of subscribers, in pages."""
        ids = list(connection_ids(count))
        self.pages = []
        for start in range(0, count, PAGE):
            some = ids[start : start + PAGE]
            page: dict[str, Any] = {
                "Items": [{"sk": {"S": f"SUBSCRIBER#{name}"}, "ttl": {"N": EXPIRES}} for name in some]
            }
            if start + PAGE < count:
                page["LastEvaluatedKey"] = {"pk": {"S": "x"}, "sk": {"S": str(len(self.pages) + 1)}}
            self.pages.append(json.dumps(page).encode())

    def answer(self, operation: str, request: dict[str, Any]) -> bytes:
        """Answer a call."""
        if operation in ("GetItem", "PutItem", "TransactWriteItems"):
            return b"{}"
        if operation == "Query":
            values = request["ExpressionAttributeValues"]
            if ":subscriber" not in values or values[":pk"]["S"].endswith("*"):
                return b'{"Items":[]}'  # logs are empty, and patterns have no subscribers here
            return self.pages[int(request.get("ExclusiveStartKey", {}).get("sk", {}).get("S", 0))]
        assert operation == "SendMessageBatch", operation
        for entry in request["Entries"]:
            self.send(entry["MessageBody"], entry.get("DelaySeconds", 0))
        return b'{"Successful":[],"Failed":[]}'

    def post(self) -> bytes:
        """Answer a post; only `benchmarks.first_post` has them come here."""
        raise NotImplementedError

    def send(self, body: str, delay: float = 0) -> None:
        """Put a message on the queue, with a delay in seconds."""
        with self.lock:
            self._number += 1
            heapq.heappush(self.messages, (time.monotonic() + delay, self._number, body))

    def receive(self) -> list[str]:
        """Return up to ten due messages, and remove them from the queue."""
        bodies: list[str] = []
        with self.lock:
            while self.messages and self.messages[0][0] <= time.monotonic() and len(bodies) < 10:
                bodies.append(heapq.heappop(self.messages)[2])
        return bodies


class Worker:
    """A push function's execution environment."""

    def __init__(self, environment: dict[str, str], idle: "queue.Queue[Worker]"):
        self.failed: str | None = None
        self.peak = 0.0
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        threading.Thread(target=self._wait, args=(idle,), daemon=True).start()

    def run(self, bodies: list[str]) -> None:
        """Invoke the worker with a batch. The worker is idle again after its answer."""
        sent = str(round(time.time() * 1000))
        attributes = {"SentTimestamp": sent, "ApproximateReceiveCount": "1"}
        records = [
            {"messageId": str(i), "receiptHandle": str(i), "body": body, "attributes": attributes}
            for i, body in enumerate(bodies)
        ]
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"Records": records}) + "\n")
        self.process.stdin.flush()

    def _wait(self, idle: "queue.Queue[Worker]") -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line != "ready\n":
                answer = json.loads(line)
                self.peak = answer["peak"]
                self.failed = line if answer["batchItemFailures"] else None
            idle.put(self)


def environment(aws: Aws, callback_url: str, lambdas: Path = ROOT / "lambdas") -> dict[str, str]:
    """Return the variables of a worker."""
    variables = function_variables(
        "push",
        table_name="t",
        callback_url=callback_url,
        queue_url=f"{aws.url}/1/q",
        dead_letter_queue_url=f"{aws.url}/1/d",
    )
    return {
        **variables,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(lambdas),
        "AWS_ENDPOINT_URL": aws.url,
        "POWERTOOLS_SERVICE_NAME": "push",
    }


@contextmanager
def fleet(aws: Aws, endpoint: Endpoint) -> Iterator["queue.Queue[Worker]"]:
    """Start the workers; yield the queue of idle ones."""
    variables = {**environment(aws, endpoint.url), "AWS_CA_BUNDLE": str(endpoint.ca_file)}
    idle: queue.Queue[Worker] = queue.Queue()
    workers = [Worker(variables, idle) for _ in range(WORKERS)]
    try:
        while idle.qsize() < WORKERS:
            assert all(worker.process.poll() is None for worker in workers), "a worker can't be started"
            time.sleep(0.05)
        yield idle
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()


def push(aws: Aws, idle: "queue.Queue[Worker]") -> float:
    """Put one event on the queue; return the seconds until no worker and no message is left."""
    began = time.monotonic()
    aws.send(
        json.dumps(
            {
                "id": "id-1",
                "detail-type": "Entity Updated",
                "time": "2026-01-01T00:00:00Z",
                "detail": {"entityId": "e1", "message": "x" * 140},
            }
        )
    )
    while aws.messages or idle.qsize() < WORKERS:
        if aws.messages and (bodies := aws.receive()):
            worker = idle.get(timeout=60)
            assert worker.failed is None, worker.failed
            worker.run(bodies)
        else:
            time.sleep(0.001)
    return time.monotonic() - began


def measure(most: int) -> list[tuple[int, float, int]]:
    """Return (subscribers, median seconds, 429s of the last round) for each size."""
    found = []
    aws = Aws()
    with Endpoint(latency=LATENCY, rate=RATE, burst=BURST) as endpoint, fleet(aws, endpoint) as idle:
        aws.subscribe(PAGE)
        for _ in range(WORKERS):  # each worker in turn opens its HTTP connections
            push(aws, idle)
        size = 1000
        while size <= most:
            aws.subscribe(size)
            seconds = []
            for _ in range(ROUNDS):
                time.sleep(0.5)
                before = endpoint.counts()
                seconds.append(push(aws, idle))
                after = endpoint.counts()
                assert after["delivered"] - before["delivered"] - size in range(2), "somebody was missed"
            throttled = after["throttled"] - before["throttled"]
            found.append((size, statistics.median(seconds), throttled))
            print(
                f"{size:>8,} subscribers: {found[-1][1]:7.3f} s"
                f"  = {found[-1][1] / (size / RATE):.2f} x the throttle's {size / RATE:g} s"
                f"   ({min(seconds):.3f} to {max(seconds):.3f} s; {throttled} answers 429)"
            )
            size *= 10
    return found


def first() -> float:
    """Return the median seconds of an update to 1,000 subscribers by a worker without HTTP connections."""
    aws = Aws()
    aws.subscribe(1000)
    with Endpoint(latency=LATENCY, rate=RATE, burst=BURST) as endpoint, fleet(aws, endpoint) as idle:
        return statistics.median(push(aws, idle) for _ in range(WORKERS))


def peak(size: int) -> float:
    """Return the peak memory, in MB, of new workers for one update to `size` subscribers."""
    aws = Aws()
    with Endpoint(latency=LATENCY) as endpoint, fleet(aws, endpoint) as idle:
        aws.subscribe(size)
        push(aws, idle)
        return max(idle.get().peak for _ in range(WORKERS))


def main() -> None:
    """Measure, print, draw, and add to build/bench.json."""
    parser = argparse.ArgumentParser(description="Time to the last subscriber.")
    parser.add_argument("--most", type=int, default=100_000, help="the largest number of subscribers")
    found = measure(parser.parse_args().most)
    draw([(size, seconds) for size, seconds, _ in found], RATE, ROOT / "docs" / "explanation" / "growth.svg")
    opening = first()
    print(f"   1,000 subscribers: {opening:7.3f} s on a worker that has yet to open its connections")
    few, many = peak(1000), peak(100_000)
    print(
        f"a worker's peak memory: {few:.0f} MB for 1,000, {many:.0f} MB for 100,000 (target: at most 64 more)"
    )
    report.write(
        [
            report.entry(
                "growth: time to the last of 1,000, first update of a worker", opening, "s", 1000 / RATE
            ),
            report.entry("growth: a worker's peak memory, 100,000 over 1,000", many, "MB", few),
            *(
                report.entry(f"growth: time to the last of {size:,}", seconds, "s", size / RATE)
                for size, seconds, _ in found
            ),
        ]
    )


if __name__ == "__main__":
    main()
