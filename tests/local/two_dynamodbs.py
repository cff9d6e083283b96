"""MiniStack's DynamoDB twice, in one child process: as released, and as adapted by the emulator."""

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Self

from local.aws import ROOT

MODULE = "ministack.services.dynamodb"


class Answer(NamedTuple):
    """An answer of DynamoDB.

    Attributes:
        status: the HTTP status.
        body: the HTTP body.
        work: the number of function calls for the answer, of the adapted DynamoDB only.
        parsed: the number of expressions parsed for the answer, of the adapted DynamoDB only.
    """

    status: int
    body: dict[str, Any]
    work: int = 0
    parsed: int = 0


class TwoDynamoDbs:
    """The parent's side: each request goes to both."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, self._directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={"PATH": os.defpath, "STATE_DIR": str(self._directory), "S3_DATA_DIR": str(self._directory)},
        )
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def both(self, operation: str, request: Mapping[str, Any]) -> tuple[Answer, Answer]:
        """Return the answers of the released and of the adapted DynamoDB."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps([operation, request])}\n")
        self._process.stdin.flush()
        released, adapted = json.loads(self._process.stdout.readline())
        return Answer(*released), Answer(*adapted)

    def done(self, operation: str, request: Mapping[str, Any]) -> None:
        """Send a request, which must succeed, to both."""
        assert [answer.status for answer in self.both(operation, request)] == [200, 200]

    def same(self, operation: str, request: Mapping[str, Any]) -> Answer:
        """Return the adapted DynamoDB's answer, which must equal the released one's."""
        released, adapted = self.both(operation, request)
        assert (adapted.status, adapted.body) == (released.status, released.body)
        return adapted


def _main() -> None:
    from local.emulator import seams, server  # noqa: PLC0415

    specification = importlib.util.find_spec(MODULE)
    assert specification
    assert specification.loader
    released = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(released)
    seams.app.main = lambda: None
    server.serve(server.Settings(port=0, directory=Path(sys.argv[1]), search_path=os.defpath, workers=1))
    loop = asyncio.new_event_loop()
    for line in sys.stdin:
        request = json.loads(line)
        answers = [
            loop.run_until_complete(_answer(released, *request)),
            loop.run_until_complete(_counted(_answer(seams.dynamodb, *request))),
        ]
        print(json.dumps(answers), flush=True)


async def _answer(dynamodb: Any, operation: str, request: dict[str, Any]) -> Answer:
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}"}
    status, _headers, body = await dynamodb.handle_request(
        "POST", "/", headers, json.dumps(request).encode(), {}
    )
    return Answer(status, json.loads(body))


async def _counted(answer: Awaitable[Answer]) -> Answer:
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        calls[f"{event} {frame.f_code.co_name}"] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        answered = await answer
    finally:
        sys.setprofile(None)
    return answered._replace(work=calls.total(), parsed=calls["call _condition_syntax_error"])


if __name__ == "__main__":
    _main()
