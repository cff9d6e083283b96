"""What a random history takes for a gap, a repetition, or a step back."""

import pytest

from clients.conformance.driving import ConformanceError
from clients.conformance.random_histories import check_next


@pytest.mark.parametrize(
    ("before", "at", "begins"),
    [
        ("life1.4", "life1.5", False),
        ("life1.9", "life1.10", False),
        ("life1.4", "life1.5", True),
        ("life1.4", "life1.2", True),  # the state was newer than its cursor
        ("life2.1", "life1.7", True),
    ],
)
def test_what_follows(before: str, at: str, begins: bool) -> None:
    check_next("orders/1", before, at, begins=begins)


@pytest.mark.parametrize(
    ("before", "at", "begins"),
    [
        ("life1.4", "life1.6", False),
        ("life1.4", "life1.4", False),
        ("life1.4", "life1.3", False),
        ("life1.4", "life2.5", False),
        ("life1.4", "life1.6", True),
        ("life1.4", "life2.1", True),
    ],
)
def test_what_does_not_follow(before: str, at: str, begins: bool) -> None:
    with pytest.raises(ConformanceError, match=f"was shown {at} after {before}"):
        check_next("orders/1", before, at, begins=begins)
