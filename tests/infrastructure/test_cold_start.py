"""A cold start does not grow unnoticed: importing a function has a budget, its clients and TLS included."""

from benchmarks import cold_start
from testbed import release
from tests import left_out

BUDGETS = {
    **dict.fromkeys(("default", "disconnect", "watch"), 0.35),
    **dict.fromkeys(("connect", "publish", "subscribe", "unsubscribe"), 0.45),
    **dict.fromkeys(("authorize", "expire", "push"), 0.55),
}
"""Instructions over those of making a bare `boto3.client`, by a function's module."""


def measured() -> dict[str, float]:
    """Return the instructions of each function over those of boto3's client."""
    found = cold_start.functions(release.ROOT)
    cold_start.BOTO3.write_bytecode()
    *ours, boto3 = cold_start.counts([*found.values(), cold_start.BOTO3])
    return {module: value / boto3 for module, value in zip(found, ours, strict=True)}


def test_importing_each_function_is_within_its_budget() -> None:
    try:
        ratios = measured()
    except cold_start.NoValgrindError as error:
        left_out.leave_out(str(error))
    assert ratios.keys() == BUDGETS.keys()
    over = {module: ratio for module, ratio in ratios.items() if ratio > BUDGETS[module]}
    assert over == {}, ratios
    assert min(ratios.values()) > 0.1, f"that is less than Python and Powertools take: {ratios}"
