"""The cost of reading a page of 1,000 or 10,000 subscribers, compared with pushing to them.

    python -m benchmarks.reading

The table is a stand-in that answers each Query with a recorded page over plain HTTP. So the client alone is
measured: CPU of this process. The baselines are botocore's own client and parser with every attribute, and as
many posts of the delivery engine (from build/bench.json, when benchmarks.delivery has run).
"""

import http.server
import json
import os
import threading
import time
from functools import partial
from typing import Any

import botocore.session

from benchmarks import report
from benchmarks.delivery import connection_ids
from benchmarks.standin import JsonHandler

SIZES = (1_000, 10_000)
READS = 60


def page(subscribers: int, *, projected: bool) -> bytes:
    """Return the answer to a Query for subscription items."""
    items = []
    for name in connection_ids(subscribers):
        item: dict[str, Any] = {"sk": {"S": f"SUBSCRIBER#{name}"}, "ttl": {"N": "1700007800"}}
        if not projected:
            item |= {"pk": {"S": "CHANNEL#entity/orders/42"}}
        items.append(item)
    return json.dumps({"Count": subscribers, "ScannedCount": subscribers, "Items": items}).encode()


class _Table(JsonHandler):
    pages: dict[tuple[str, bool], bytes]

    def answer(self, operation: str, asked: bytes) -> bytes:
        """Return a page of subscribers."""
        del operation  # only queries come
        query = json.loads(asked)
        if query["ExpressionAttributeValues"][":pk"]["S"].endswith("*"):
            return b'{"Items":[]}'  # patterns have no subscribers here, but their lists are read
        return self.pages[query["TableName"], "ProjectionExpression" in query]


def _serve() -> int:
    """Serve in a child process, whose CPU is not counted; return the port."""
    _Table.pages = {
        (f"of-{size}", projected): page(size, projected=projected)
        for size in SIZES
        for projected in (False, True)
    }
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Table)
    child = os.fork()
    if child == 0:
        threading.Timer(120, os._exit, (0,)).start()
        server.serve_forever()
    server.socket.close()
    port: int = server.server_address[1]
    return port


def _cpu_per_read(read: Any, subscribers: int) -> float:
    read()
    started = time.process_time()
    for _ in range(READS):
        assert len(read()) == subscribers
    return (time.process_time() - started) / READS * 1000


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    port = _serve()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    from entity_push.runtime import aws  # noqa: PLC0415 - it reads the environment
    from entity_push.table.subscribers import Subscribers  # noqa: PLC0415

    client = aws.client("dynamodb")
    stock: Any = botocore.session.get_session().create_client("dynamodb")
    engine = report.known().get("delivery: CPU per post, engine over boto3")
    entries = []
    for size in SIZES:
        table = Subscribers(f"of-{size}")
        query = {
            "TableName": f"of-{size}",
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": "CHANNEL#entity/orders/42"}},
        }
        ours = _cpu_per_read(partial(_read, table, client.at_once), size)
        baseline = _cpu_per_read(partial(_read_stock, stock, query), size)
        print(f"reading {size:,} subscribers: {ours:.2f} ms CPU; botocore, all attributes: {baseline:.2f} ms")
        entries.append(report.entry(f"read {size:,} subscribers, CPU", ours, "ms", baseline))
        if engine:
            pushing = engine["value"] * size / 1000
            print(f"  pushing to them: {pushing:.1f} ms CPU; reading costs {ours / pushing:.1%} of it")
            name = f"read {size:,} subscribers over pushing to them, CPU"
            entries.append(report.entry(name, ours, "ms", pushing))
    report.write(entries)


def _read(table: Any, make: Any) -> dict[str, int]:
    from entity_push.table.calls import each  # noqa: PLC0415 - as above

    found: dict[str, int] = next(each(table.pages("entity/orders/42"), make)).subscribers
    return found


def _read_stock(client: Any, query: Any) -> list[Any]:
    items: list[Any] = client.query(**query)["Items"]
    return items


if __name__ == "__main__":
    main()
