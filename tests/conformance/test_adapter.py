"""An adapter that does not keep its protocol is told of, and does not stop the runner."""

import asyncio
import sys

import pytest

from clients.conformance.adapter import Adapter, AdapterError, Report

HELLO = 'print(\'{"report":"hello","client":"c","version":"1","has":["header"]}\', flush=True)\n'
ANSWER = """
import json, sys
for line in sys.stdin:
    order = json.loads(line)
    print(json.dumps({"report": "state", "state": order["do"]}))
    if order["do"] == "sync":
        counts = {"now": 1.5, "opened": 2, "closed": 1}
        print(json.dumps({"report": "synced", "number": order["number"], **counts}))
    sys.stdout.flush()
"""


async def _sync(program: str, reports: list[Report]) -> tuple[str, float, int, int]:
    adapter = Adapter([sys.executable, "-c", program], reports.append)
    try:
        await adapter.start()
        adapter.order("random", value=0.5)
        with adapter.together():
            adapter.order("close")
        synced = await adapter.sync()
    finally:
        await adapter.stop()
    return adapter.client, synced.now, synced.opened, synced.closed


def test_orders_and_reports() -> None:
    reports: list[Report] = []

    assert asyncio.run(_sync(HELLO + ANSWER, reports)) == ("c", 1.5, 2, 1)
    assert [report["state"] for report in reports] == ["random", "together", "sync"]


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("", "the adapter has ended"),
        (HELLO, "the adapter has ended"),
        ("print('Ready.')", "this line is no report: b'Ready"),
        ("print('[1]')", "this line is no report"),
        ('print(\'{"report":"made up"}\')', "this line is no report"),
        ('print(\'{"report":"hello","client":"c"}\')', "a report without has"),
        (HELLO + 'print(\'{"report":"update","as":"a"}\')', "a report without update"),
        (
            HELLO + 'print(\'{"report":"broken","message":"no such"}\')',
            "the adapter says: no such",
        ),
    ],
)
def test_a_broken_adapter_is_told_of(program: str, told: str) -> None:
    with pytest.raises(AdapterError, match=told):
        asyncio.run(_sync(program, []))


def test_a_command_that_does_not_exist_is_told_of() -> None:
    with pytest.raises(AdapterError, match="no-such-program does not start"):
        asyncio.run(Adapter(["no-such-program"], lambda _report: None).start())
