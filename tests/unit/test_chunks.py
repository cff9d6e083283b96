import json
from typing import Any

import pytest
from entity_push.chunks import CHUNK_SIZE, MAX_ATTEMPTS, Chunk, delay_seconds, split
from entity_push.events import UnusableEventError, Update
from entity_push.messages import read_message
from hypothesis import given
from hypothesis import strategies as st

UPDATE = Update("entity/e1", "id-1", b'{"type":"Entity Updated"}', 1_700_000_000_000)


@given(
    frame=st.text(st.characters(exclude_categories=["Cs"])),
    ids=st.lists(st.text(min_size=1), max_size=5),
    attempt=st.integers(0, 9),
)
def test_a_chunk_survives_the_queue(frame: str, ids: list[str], attempt: int) -> None:
    chunk = Chunk(Update("entity/e1", "id-1", frame.encode(), 7), tuple(ids), attempt)
    body = chunk.to_message()
    assert body.isascii()
    assert body.isprintable()
    assert read_message(body, sent_at=99) == chunk


@pytest.mark.parametrize(
    "change",
    [{"channel": 1}, {"frame": None}, {"connectionIds": "c1"}, {"connectionIds": [1]}, {"attempt": "1"}],
    ids=repr,
)
def test_a_chunk_of_another_form_is_unusable(change: dict[str, Any]) -> None:
    message = json.loads(Chunk(UPDATE, ("c1",)).to_message())
    message["chunk"].update(change)
    with pytest.raises(UnusableEventError):
        read_message(json.dumps(message), sent_at=7)


def test_splitting_keeps_everybody_once_and_reads_pages_as_they_are_needed() -> None:
    read = []

    def pages() -> Any:
        for number in range(3):
            read.append(number)
            yield [f"{number}-{i}" for i in range(2500)]

    chunks = split(UPDATE, pages())
    first = next(chunks)
    assert read == [0]
    rest = list(chunks)
    assert [len(chunk.connection_ids) for chunk in (first, *rest)] == [1000, 1000, 500] * 3
    everybody = [name for chunk in (first, *rest) for name in chunk.connection_ids]
    assert len(set(everybody)) == len(everybody) == 7500


def test_a_chunk_fits_a_queue_message_whatever_the_frame() -> None:
    largest = Update("entity/" + "e" * 256, "i" * 36, b'"' * 128 * 1024, 7)
    assert len(Chunk(largest, ("L0SM9cOFvHcCIhw=",) * CHUNK_SIZE).to_message()) < 1024 * 1024


def test_retries_wait_longer_each_time_with_jitter_and_within_bounds() -> None:
    for attempt in range(1, MAX_ATTEMPTS):
        delays = {delay_seconds(attempt) for _ in range(200)}
        assert min(delays) >= min(30, 2**attempt // 2)
        assert max(delays) <= min(60, 2**attempt)
        assert attempt < 2 or len(delays) > 1
