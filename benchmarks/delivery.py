"""The cost of a post: this engine, libcurl, boto3 with threads, and a C client, against one endpoint.

    python -m benchmarks.delivery [--quick]

Each client runs as a process of its own pinned to one core, the endpoint (TLS) on the other. CPU per post is
the figure to trust: the endpoint, which is Python too, limits posts/s without latency. Rounds are
interleaved, so that noise meets all clients. Figures are medians, ratios are medians of the rounds' ratios.
"""

import argparse
import importlib.util
import json
import os
import random
import re
import resource
import shutil
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import report
from testbed.endpoint import STAGE, Endpoint

REGION = "us-east-1"
FRAME = b'{"type":"Entity Updated","entityId":"orders/42","message":"' + b"x" * 140 + b'"}'
ACCESS_KEY, SECRET_KEY, TOKEN = "AKIDEXAMPLE", "s" * 40, "t" * 700  # as long as a role's
IDS = 20_000
CLIENT_CORE, ENDPOINT_CORE = 0, 1


def connection_ids(count: int) -> Iterator[str]:
    """Yield distinct ids that look like API Gateway's, the same ids in each call."""
    source = random.Random(1)
    alphabet = string.ascii_letters + string.digits + "-_"
    for number in range(count):
        yield "".join(source.choices(alphabet, k=10)) + f"{number:05x}="


def cpu(who: int = resource.RUSAGE_SELF) -> float:
    """Return the CPU seconds (user and system) of this process or its ended children."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


class Hinted:
    """An iterable with a hint of its length."""

    def __init__(self, items: Iterable[Any], length: int) -> None:
        self._items, self._length = items, length

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __length_hint__(self) -> int:
        return self._length


def run_engine(url: str, ca_file: str, posts: int) -> dict[str, float]:
    """Post with this project's engine, after a warm-up that opens its HTTP connections."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "lambdas"))
    from entity_push.posting.deliverer import Deliverer  # noqa: PLC0415
    from entity_push.posting.posts import Outcome, Post  # noqa: PLC0415
    from entity_push.runtime.signing import Credentials  # noqa: PLC0415

    credentials = Credentials(ACCESS_KEY, SECRET_KEY, TOKEN)
    deliverer = Deliverer(url, REGION, lambda: credentials, ca_file=ca_file)

    def push(count: int) -> dict[str, float]:
        # The ids are made beforehand, as for the other clients, unless memory is measured.
        ids = list(connection_ids(count)) if count <= IDS else connection_ids(count)
        began_cpu, began = cpu(), time.perf_counter()
        source = Hinted((Post(connection_id, FRAME) for connection_id in ids), posts)
        run = deliverer.deliver(source, deadline=time.monotonic() + 60)
        delivered = sum(result.outcome is Outcome.DELIVERED for result in run)
        assert delivered == count, f"{delivered} of {count} delivered"
        return {"cpu": cpu() - began_cpu, "seconds": time.perf_counter() - began, "posts": float(count)}

    first = push(min(posts, 1_000))
    measured = push(posts)
    measured["first_ms"] = first["cpu"] * 1e3
    return measured | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def run_boto3(url: str, ca_file: str, posts: int) -> dict[str, float]:
    """Post with boto3, 64 threads and as many HTTP connections, after a warm-up (which favours boto3)."""
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    threads = 64
    config = Config(max_pool_connections=threads, retries={"total_max_attempts": 1})
    client: Any = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        aws_session_token=TOKEN,
        verify=ca_file,
        config=config,
    )

    def post(connection_id: str) -> None:
        client.post_to_connection(ConnectionId=connection_id, Data=FRAME)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(post, connection_ids(4 * threads)))
        ids = list(connection_ids(posts))
        began_cpu, began = cpu(), time.perf_counter()
        list(pool.map(post, ids))
        return {"cpu": cpu() - began_cpu, "seconds": time.perf_counter() - began, "posts": float(posts)}


def signed_requests(url: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the headers that all requests share, and a target and an Authorization header per id."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "lambdas"))
    from entity_push.posting.signing import Signer  # noqa: PLC0415
    from entity_push.runtime.signing import Credentials  # noqa: PLC0415

    signer = Signer(url, REGION)
    stamp = signer.stamp(Credentials(ACCESS_KEY, SECRET_KEY, TOKEN))
    payload_hash = signer.payload_hash(FRAME)
    requests = [stamp.sign("POST", connection_id, payload_hash) for connection_id in connection_ids(IDS)]
    return stamp.headers, requests


def run_bare(kind: str, url: str, ca_file: str, posts: int) -> dict[str, float]:
    """Post requests signed beforehand, without an engine, after a warm-up that opens the connections."""
    headers, requests = signed_requests(url)
    from benchmarks import posters  # noqa: PLC0415 - it needs the path that was set above

    poster_of = posters.TransportPoster if kind == "transport" else posters.LibcurlPoster
    poster = poster_of(url.removesuffix(f"/{STAGE}"), ca_file, headers, FRAME)
    poster.post(iter(requests[:1_000]))
    began_cpu, began = cpu(), time.perf_counter()
    delivered = poster.post(iter(requests))
    assert delivered == IDS == posts, f"{delivered} of {posts} delivered"
    return {"cpu": cpu() - began_cpu, "seconds": time.perf_counter() - began, "posts": float(posts)}


def run_wrk(url: str, _ca_file: str, posts: int) -> dict[str, float]:
    """Post with wrk, a C client, the same requests signed beforehand, for a fixed number of seconds."""
    headers, requests = signed_requests(url)
    lines = [FRAME.decode(), *("\t".join([*request, *headers]) for request in requests)]
    script = Path(__file__).with_name("wrk_posts.lua")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(lines))
        file.flush()
        seconds = max(2, posts // 25_000)
        command = ["wrk", "-t1", "-c256", f"-d{seconds}s", "-s", str(script), url, "--", file.name]
        began = cpu(resource.RUSAGE_CHILDREN)
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        used = cpu(resource.RUSAGE_CHILDREN) - began
    found = re.search(r"(\d+) requests in", output)
    assert found, output
    assert "Non-2xx" not in output, output
    return {"cpu": used, "seconds": float(seconds), "posts": float(found[1])}


CLIENTS: dict[str, Callable[[str, str, int], dict[str, float]]] = {
    "engine": run_engine,
    "transport": partial(run_bare, "transport"),
    "libcurl": partial(run_bare, "libcurl"),
    "boto3": run_boto3,
    "wrk": run_wrk,
}


def measure(client: str, endpoint: Endpoint, posts: int) -> dict[str, float]:
    """Run one client in a process of its own; return its figures."""
    command = [sys.executable, "-m", "benchmarks.delivery", f"--client={client}", f"--posts={posts}"]
    command += [f"--url={endpoint.url}", f"--ca-file={endpoint.ca_file}"]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120).stdout
    measured: dict[str, float] = json.loads(output)
    return measured


def compare(rounds: int) -> list[report.Entry]:
    """Measure each client's CPU per post, without latency."""
    clients = ["engine", "boto3"]
    if importlib.util.find_spec("pycurl"):
        clients += ["transport", "libcurl"]
    else:
        print("pycurl is not installed (`make bench` does it): no comparison with libcurl.")
    if shutil.which("wrk"):
        clients.append("wrk")
    else:
        print("wrk is not installed (Debian package wrk): no comparison with C.")
    used: dict[str, list[float]] = {client: [] for client in clients}
    speed: dict[str, list[float]] = {client: [] for client in clients}
    first: list[float] = []
    with Endpoint(cpu=ENDPOINT_CORE) as endpoint:
        for _ in range(rounds):
            for client in clients:
                measured = measure(client, endpoint, 1_500 if client == "boto3" else IDS)
                first += [measured["first_ms"]] if client == "engine" else []
                used[client].append(measured["cpu"] / measured["posts"] * 1e6)
                speed[client].append(measured["posts"] / measured["seconds"])
    print(f"\nCPU per post, {IDS:,} distinct ids, {len(FRAME)}-byte frame, TLS, median of {rounds} rounds")
    print("(boto3: 1,500 posts per round; its CPU per post does not depend on their number. All after a")
    print("warm-up, but wrk's figure includes its connections. Engine and boto3 sign; transport, which is")
    print("the engine's HTTP, and libcurl send in one bare loop what is signed already, and so does wrk.)\n")
    print(f"{'client':10} {'CPU µs/post':>12} {'lowest':>8} {'highest':>8} {'posts/s':>9}")
    for client in clients:
        figures = used[client]
        print(
            f"{client:10} {statistics.median(figures):12.1f} {min(figures):8.1f} {max(figures):8.1f}"
            f" {statistics.median(speed[client]):9,.0f}"
        )
    print(f"engine, the first 1,000 posts with its 256 connections: {statistics.median(first):.0f} ms CPU")
    entries = []
    for mine, other, target in (
        ("engine", "boto3", 1 / 20),
        ("engine", "wrk", 3.0),
        ("transport", "libcurl", 1 / 1.5),
    ):
        if other in used:
            ratio = statistics.median([a / b for a, b in zip(used[mine], used[other], strict=True)])
            print(f"{mine} / {other}: {ratio:.3f} (target: at most {target:.3g})")
            figure = report.entry(
                f"delivery: CPU per post, {mine} over {other}",
                statistics.median(used[mine]),
                "µs",
                statistics.median(used[other]),
            )
            figure["ratio"] = float(f"{ratio:.3g}")
            entries.append(figure)
    return entries


def with_latency(rounds: int) -> list[report.Entry]:
    """Measure posts per second from one core with 15 ms latency; target: 10,000."""
    with Endpoint(cpu=ENDPOINT_CORE, latency=0.015) as endpoint:
        figures = [measure("engine", endpoint, IDS) for _ in range(rounds)]
    speeds = [figure["posts"] / figure["seconds"] for figure in figures]
    median = statistics.median(speeds)
    print(f"\n15 ms latency: {median:,.0f} posts/s (from {min(speeds):,.0f} to {max(speeds):,.0f});", end=" ")
    print("target: at least 10,000")
    return [report.entry("delivery: posts/s at 15 ms latency", median, "posts/s", 10_000)]


def memory() -> list[report.Entry]:
    """Measure the peak memory of a client that posts to 100,000, compared with one that posts to 1,000."""
    with Endpoint(cpu=ENDPOINT_CORE) as endpoint:
        few, many = (measure("engine", endpoint, posts)["peak_mb"] for posts in (1_000, 100_000))
    print(f"\npeak memory: {few:.0f} MB for 1,000 posts, {many:.0f} MB for 100,000;", end=" ")
    print(f"{many - few:+.0f} MB (target: at most +64)")
    return [report.entry("delivery: peak memory, 100,000 posts over 1,000", many, "MB", few)]


def main() -> None:
    """Run the benchmark, or one client of it."""
    parser = argparse.ArgumentParser(description="What a post costs (see the module's docstring).")
    parser.add_argument("--quick", action="store_true", help="one round instead of five")
    parser.add_argument("--client", choices=sorted(CLIENTS), help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    parser.add_argument("--ca-file", default="", help=argparse.SUPPRESS)
    parser.add_argument("--posts", type=int, default=IDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        os.sched_setaffinity(0, {CLIENT_CORE})
        print(json.dumps(CLIENTS[options.client](options.url, options.ca_file, options.posts)))
        return
    rounds = 1 if options.quick else 5
    entries = [*compare(rounds), *with_latency(1 if options.quick else 3), *memory()]
    report.write(entries)
    print(f"\nwritten to {report.RESULTS}")


if __name__ == "__main__":
    main()
