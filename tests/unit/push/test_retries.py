from entity_push.push.retries import MAX_RECEIVES, MAX_ROUNDS, comes_back_after, delay_seconds


def test_retries_wait_longer_each_time_with_jitter_and_within_bounds() -> None:
    for rounds in range(1, MAX_ROUNDS):
        delays = {delay_seconds(rounds) for _ in range(200)}
        assert min(delays) >= min(30, 2**rounds // 2)
        assert max(delays) <= min(60, 2**rounds)
        assert rounds < 2 or len(delays) > 1


def test_a_message_that_failed_comes_back_later_each_time_and_within_bounds() -> None:
    seconds = [comes_back_after(receives) for receives in range(1, MAX_RECEIVES + 1)]
    assert seconds == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert sum(seconds) >= 15 * 60  # the trouble that needs nobody
