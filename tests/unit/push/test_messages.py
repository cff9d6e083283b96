import json
from typing import Any

import pytest
from entity_push.protocol.dead_letter_reasons import UnusableMessageError
from entity_push.protocol.events import Update
from entity_push.push.messages import (
    CHUNK_SIZE,
    MAX_EXCUSED,
    Chunk,
    Rest,
    read_message,
    split,
)
from hypothesis import given
from hypothesis import strategies as st

UPDATE = Update("entity/e1", "id-1", b'{"type":"Entity Updated"}', 1_700_000_000_000)


@given(
    frame=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers()),
    subscribers=st.dictionaries(st.text(min_size=1), st.integers(0, 2**53), max_size=5),
    rounds=st.integers(0, 9),
    excused=st.integers(0, MAX_EXCUSED),
)
def test_a_chunk_survives_the_queue(
    frame: dict[str, int], subscribers: dict[str, int], rounds: int, excused: int
) -> None:
    wire = json.dumps(frame, ensure_ascii=False).encode()
    chunk = Chunk(Update("entity/e1", "id-1", wire, 7), subscribers, rounds, excused)
    body = chunk.to_message()
    assert body.isascii()
    assert body.isprintable()
    assert read_message(body, sent_at=99) == chunk


@pytest.mark.parametrize(
    "change",
    [
        *({"channel": 1}, {"frame": None}, {"attempt": "1"}, {"attempt": -1}, {"attempt": 10**9}),
        *({"channel": "x" * 16_384}, {"channel": ""}, {"eventId": "x" * 1025}),
        *({"frame": text} for text in ("", "{", "7", "[]", '{"type":"', '{"a":NaN}', '{"a":"\ud800"}')),
        *({"sentAt": -1}, {"sentAt": 10**30}, {"sequence": -1}, {"subscribers": {"x" * 2000: 7}}),
        *({"sentAt": 2**53}, {"sequence": 2**53}),  # JSON's readers would round it
        *({"excused": value} for value in ("1", None, True, -1, MAX_EXCUSED + 1)),
        *({"subscribers": ["c1"]}, {"subscribers": {"c1": None}}, {"subscribers": {"c1": True}}),
    ],
    ids=repr,
)
def test_a_chunk_of_another_form_is_unusable(change: dict[str, Any]) -> None:
    message = json.loads(Chunk(UPDATE, {"c1": 7}).to_message())
    message["chunk"].update(change)
    with pytest.raises(UnusableMessageError):
        read_message(json.dumps(message), sent_at=7)


def test_a_chunk_of_an_earlier_version_has_no_excuses() -> None:
    message = json.loads(Chunk(UPDATE, {"c1": 7}, rounds=3, excused=4).to_message())
    del message["chunk"]["excused"]
    assert read_message(json.dumps(message), sent_at=7) == Chunk(UPDATE, {"c1": 7}, rounds=3)


@pytest.mark.parametrize("change", [{"after": ""}, {"after": "x" * 2000}, {"before": -1}], ids=repr)
def test_a_rest_of_another_form_is_unusable(change: dict[str, Any]) -> None:
    message = json.loads(Rest(UPDATE, "c1", 7).to_message())
    message["rest"].update(change)
    with pytest.raises(UnusableMessageError):
        read_message(json.dumps(message), sent_at=7)


def test_splitting_keeps_everybody_once_with_the_end_of_their_right() -> None:
    subscribers = {f"c{number}": 1000 + number for number in range(2500)}
    parts = list(split(Chunk(UPDATE, subscribers, rounds=3)))
    assert [len(part.subscribers) for part in parts] == [1000, 1000, 500]
    assert {name: ends for part in parts for name, ends in part.subscribers.items()} == subscribers
    assert {(part.update, part.rounds) for part in parts} == {(UPDATE, 3)}
    assert list(split(Chunk(UPDATE, {}))) == []


def test_the_next_rounds_is_for_those_that_failed_with_the_end_of_their_right() -> None:
    chunk = Chunk(UPDATE, {"a": 1, "b": 2, "c": 3}, rounds=4)
    assert chunk.again(["c", "a"]) == Chunk(UPDATE, {"a": 1, "c": 3}, rounds=5)
    assert chunk.only(["b"]) == Chunk(UPDATE, {"b": 2}, rounds=4)


def test_a_chunk_fits_a_queue_message_whatever_the_frame() -> None:
    subscribers = {f"L0SM9cOFvHc{number:04}=": 1_795_000_000 for number in range(CHUNK_SIZE)}
    largest = Update("entity/" + "e" * 256, "i" * 36, b'"' * 128 * 1024, 7)
    assert len(Chunk(largest, subscribers).to_message()) < 1024 * 1024
