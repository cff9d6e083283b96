"""The retry policy of the push: the numbers of its rounds, messages and reserves in one place.

The packages `posting` and `table` have the numbers of their own retries. The documentation has a table of all
rungs. A connection is tried in rounds. A round is one invocation, in which the posting engine tries several
times.
"""

import random

MAX_ROUNDS = 8
"""The most rounds of a connection, over about two minutes. Then the connection is closed."""

LONGEST_DELAY_SECONDS = 60
"""The longest wait between two rounds."""

MAX_AGE_SECONDS = 60 * 60
"""The age of an event from which its updates are not tried again: for a screen, they have no meaning."""

FUNCTION_SECONDS = 60
"""The longest invocation of the push function."""

VISIBILITY_SECONDS = 6 * FUNCTION_SECONDS
"""The time for which the queue hides a message that is being pushed: six times the function's time-out, as
the Lambda Developer Guide says ("Using Lambda with Amazon SQS")."""

MAX_RECEIVES = 12
"""The most receives of a message that fails as a whole. Then the message is a dead letter. With the delays of
`comes_back_after`, trouble of a quarter of an hour needs nobody."""

LONGEST_RETURN_SECONDS = 300
"""The longest wait for a message that failed as a whole."""

MAX_EXCUSED_ROUNDS = 6
"""The most silent rounds that are held to be the endpoint's fault. With the delays of `delay_seconds` they
last for a minute at least. Then silence counts as the connections' own, or two that never answer would keep
workers busy for an hour."""

UNKNOWN_RULE_SECONDS = 10 * 60
"""How long a message comes back whose rule this version of the push function lacks: a deployment may be under
way. Then it is a dead letter."""

SEND_TRIES = 5
"""The most tries to send messages that SQS refuses."""

# Reserves: each step ends this many seconds before the invocation does.
PREPARE_RESERVE_SECONDS = 25.0
"""Kept from preparing, for delivering and settling the prepared updates."""

SETTLE_RESERVE_SECONDS = 12.0
"""Kept from delivering, for settling: closing, forgetting, and handing back connections."""

FORGET_RESERVE_SECONDS = 4.0
"""Kept from forgetting gone connections, for handing back the others."""

CLOSE_RESERVE_SECONDS = 1.0
"""Kept from closing connections that can't be reached."""

FORGET_AT_ONCE = 10
"""Connections forgotten between two looks at the clock. Each may have a thousand subscriptions."""


def delay_seconds(rounds: int) -> int:
    """Return the seconds before a connection's next round: twice as many each time, with jitter.

    Jitter separates connections that failed together.

    Args:
        rounds: the number of rounds that have failed, or were excused, at least one.
    """
    longest = min(LONGEST_DELAY_SECONDS, 1 << rounds)
    return random.randint((longest + 1) // 2, longest)  # noqa: S311 - not for secrets


def comes_back_after(receives: int) -> int:
    """Return the seconds after which the queue hands out a message that failed as a whole again.

    Args:
        receives: the number of times that the queue has handed out the message.
    """
    return min(LONGEST_RETURN_SECONDS, 1 << receives)


def send_pause_seconds(tries: int) -> float:
    """Return the seconds, at random, before messages that SQS refused are sent again.

    Args:
        tries: the number of tries so far, less one.
    """
    return random.uniform(0, 0.05 * 2**tries)  # noqa: S311 - not for secrets
