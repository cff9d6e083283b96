"""The quota of new connections, by which the recovery benchmark admits them."""

from benchmarks.recovery import Quota


def test_a_second_s_worth_is_admitted_at_once_and_then_only_the_rate() -> None:
    now = [0.0]
    quota = Quota(2, lambda: now[0])
    assert [quota.admits() for _ in range(3)] == [True, True, False]
    now[0] = 0.5
    assert [quota.admits() for _ in range(2)] == [True, False]
    now[0] = 60.0
    assert [quota.admits() for _ in range(3)] == [True, True, False]
