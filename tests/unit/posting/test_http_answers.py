"""Reading answers, however they are cut."""

import contextlib

import pytest
from entity_push.posting.http_answers import Answer, NotHttpError, read_answer
from hypothesis import given
from hypothesis import strategies as st

from tests.delivery.faults import ANSWERS

WHOLE = {
    **ANSWERS,
    "no_reason": b"HTTP/1.1 200\r\ncontent-length:0\r\n\r\n",
}
SHORT = {name: answer for name, answer in WHOLE.items() if len(answer) < 1_000 and name != "ok_chunked"}


@pytest.mark.parametrize("name", sorted(SHORT))
def test_a_part_is_no_answer_and_all_of_it_is(name: str) -> None:
    whole = SHORT[name]
    for cut in range(len(whole)):
        assert read_answer(whole[:cut]) is None
    answer = read_answer(whole)
    assert answer is not None
    assert answer.kept
    assert answer == read_answer(whole, ended=True)
    more = read_answer(whole + b"HTTP/1.1 200 OK")
    assert more is not None
    assert not more.kept, "what follows was not asked for"


def test_a_status_line_is_enough_at_the_end() -> None:
    whole = ANSWERS["gone"]
    line = whole.index(b"\r\n") + 2
    for cut in range(len(whole)):
        answer = read_answer(whole[:cut], ended=True)
        if cut < line:
            assert answer is None
        else:
            assert answer is not None
            assert (answer.status, answer.kept) == (410, False)


@pytest.mark.parametrize(
    "head",
    ["HTTP/1.1 200 OK\r\nConnection: close", "HTTP/1.1 200 OK\r\ncOnNection:foo, CLOSE", "HTTP/1.0 200 OK"],
)
def test_a_connection_that_will_be_closed_is_not_kept(head: str) -> None:
    assert read_answer(f"{head}\r\nContent-Length: 0\r\n\r\n".encode()) == Answer(200, "", False)


@pytest.mark.parametrize(
    "rest",
    [
        *(f"Content-Length: {length}\r\n\r\n" for length in ("-1", "1_0", "²", "1" * 5000)),
        "Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_a_malformed_length_costs_the_connection(rest: str) -> None:
    assert read_answer(f"HTTP/1.1 200 OK\r\n{rest}".encode()) == Answer(200, "", False)


def test_a_chunked_body_is_waited_for() -> None:
    """What is in it may say that the credentials have expired. Where it ends is not looked at closely."""
    for cut in range(len(ANSWERS["ok_chunked"])):
        assert read_answer(ANSWERS["ok_chunked"][:cut]) is None
    assert read_answer(ANSWERS["ok_chunked"]) == Answer(200, "", False)
    answer = b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwhy\r\n0\r\n\r\n"
    assert read_answer(answer[:-1]) is None
    assert read_answer(answer) == Answer(403, "3\r\nwhy\r\n0\r\n\r\n", False)
    assert read_answer(answer[:-7], ended=True) == Answer(403, "3\r\nwhy", False)


@pytest.mark.parametrize("line", ["Transfer-Encoding: chunked", "transfer-encoding : chunked"])
def test_an_empty_chunked_body_costs_no_connection_and_any_other_does(line: str) -> None:
    head = f"HTTP/1.1 200 OK\r\n{line}\r\nContent-Length: 0\r\n\r\n".encode()
    for cut in range(5):
        assert read_answer(head + b"0\r\n\r\n"[:cut]) is None
    assert read_answer(head + b"0\r\n\r\n") == Answer(200, "", True)
    for body in (b"0\r\nX: y\r\n\r\n", b"2\r\nab\r\n0\r\n\r\n", b"2\r\nab\r\n0\r\nX: y\r\n\r\n"):
        assert read_answer(head + body) == Answer(200, "", False)


def test_a_body_that_must_not_be_costs_the_connection() -> None:
    head = b"HTTP/1.1 204 No Content\r\nContent-Length: %d\r\n\r\n"
    assert read_answer(head % 0) == Answer(204, "", True)
    assert read_answer(head % 5) == Answer(204, "", False)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    answer = b"HTTP/1.1 403 Forbidden\r\n\r\nwhy"
    assert read_answer(answer) is None
    assert read_answer(answer, ended=True) == Answer(403, "why", False)


def test_a_reason_is_short() -> None:
    assert read_answer(ANSWERS["error_503"]) == Answer(503, "ServiceUnavailable", True)
    long = b"HTTP/1.1 400 Bad\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    assert read_answer(long) == Answer(400, "x" * 200, True)


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail))
def test_anything_may_come(data: bytes) -> None:
    with contextlib.suppress(NotHttpError):
        for ended in (False, True):
            answer = read_answer(data, ended=ended)
            assert answer is None or 200 <= answer.status <= 999
