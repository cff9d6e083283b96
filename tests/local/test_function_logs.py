"""What a function of the local AWS has printed is told with its invocation, however late it comes."""

import queue
import threading
import time

import pytest

from local.emulator.function_logs import END, collect


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([END], ""),
        (["one", "two", END], "one\ntwo"),
        (["one", "", "three", END], "one\n\nthree"),
        (["one", f"without a line break{END}"], "one\nwithout a line break"),
        (["one", END, "of the next invocation"], "one"),
    ],
)
def test_all_up_to_the_end_of_the_invocation_is_told(lines: list[str], told: str) -> None:
    printed: queue.Queue[str] = queue.Queue()
    for line in lines:
        printed.put(line)
    began = time.monotonic()
    assert collect(printed, seconds=10) == told
    assert time.monotonic() - began < 5, "the end is not waited for"


def test_lines_that_come_late_are_waited_for() -> None:
    printed: queue.Queue[str] = queue.Queue()

    def print_slowly() -> None:
        for line in ("one", "two", END):
            time.sleep(0.1)
            printed.put(line)

    threading.Thread(target=print_slowly).start()
    assert collect(printed, seconds=30) == "one\ntwo"


def test_of_a_worker_that_has_died_all_there_is_is_told() -> None:
    printed: queue.Queue[str] = queue.Queue()
    printed.put("the last words")
    assert collect(printed, seconds=0.1) == "the last words"
