import pytest
from entity_push.protocol.cursors import Cursor, InvalidCursorError, new_epoch
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(0, 10**16 - 1))
def test_a_cursor_survives_the_client(sequence: int) -> None:
    cursor = Cursor(new_epoch(), sequence)
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "",
        ".",
        "a",
        "a.",
        ".1",
        "a.01",
        "a.-1",
        "a.1.2",
        "A.1",
        "a.1\n",
        "a." + "9" * 17,
        "é.1",
        ["a.1"],
    ],
    ids=repr,
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(InvalidCursorError):
        Cursor.parse(value)


def test_epochs_differ() -> None:
    assert len({new_epoch() for _ in range(1000)}) == 1000
