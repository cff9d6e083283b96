"""Run all benchmarks, or the named ones: `python -m benchmarks [name ...]`."""

import argparse
import subprocess
import sys
import time

NAMES = {
    "delivery": "what a post costs, against boto3 and a C client",
    "reading": "what reading a page of subscribers costs",
    "growth": "time to the last of 1,000 to 100,000 subscribers",
    "patterns": "what patterns add to a push: read units and time",
    "numbering": "updates per second into one channel, and write units, 1 to 8 workers",
    "first_post": "time from a batch of ten entities to its first post",
    "authorizer": "what verifying a token costs, cold and warm",
    "client_cpu": "CPU per message of the Python client, against bare websockets",
    "cold_start": "instructions of importing each function, against boto3 and the release before",
    "first_frames": "CPU and memory of each function, cold and warm, against the same over boto3",
    "latency": "put-events to the application on the local AWS",
    "load": "put-events to frame at 20, 50 and 80 events/s on the local AWS",
    "order": "frames that step back, of 50 events put at once on the local AWS",
    "recovery": "all clients are cut at once: the time until all are whole",
    "chat": "a chat with 200 clients on the local AWS",
}


def main() -> int:
    """Run the benchmarks one after the other; return the number of failed ones."""
    listing = "\n".join(f"  {name:10} {what}" for name, what in NAMES.items())
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="Measure. Tables are printed; build/bench.json has every figure with its baseline.",
        epilog=f"benchmarks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="name", help="which ones (default: all)")
    names = parser.parse_args().names or list(NAMES)
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are: {', '.join(NAMES)}")
    failed = 0
    for name in names:
        print(f"\n=== {name}: {NAMES[name]}", flush=True)
        began = time.monotonic()
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
        print(f"    ({time.monotonic() - began:.0f} s)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
