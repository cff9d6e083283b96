"""The retry policy of the push: all its numbers in one place. The documentation has a table of all rungs.

A connection is tried in rounds. A round is one invocation, in which the posting engine tries several times.
"""

import random

MAX_ROUNDS = 8
"""Rounds that try a connection, over about two minutes. Then the connection is closed."""

LONGEST_DELAY_SECONDS = 60
"""The longest wait between two rounds."""

MAX_AGE_SECONDS = 60 * 60
"""An update that still waits for its turn after this time has no meaning for a screen any more."""

FUNCTION_SECONDS = 60
"""The longest invocation of the push function."""

VISIBILITY_SECONDS = 6 * FUNCTION_SECONDS
"""How long the queue hides a message that is being pushed: six times the function's time-out, as the Lambda
Developer Guide says ("Using Lambda with Amazon SQS")."""

MAX_RECEIVES = 12
"""How often the queue hands out a message that fails as a whole. Then it is a dead letter. With the delays
of `comes_back_after`, trouble of a quarter of an hour needs nobody."""

LONGEST_RETURN_SECONDS = 300

UNKNOWN_RULE_SECONDS = 10 * 60
"""How long a message comes back whose rule this version of the push function lacks: a deployment may be under
way. Then it is a dead letter."""

SEND_TRIES = 5
"""How often a message is sent to the queue that SQS refuses."""

# What an invocation keeps back of its time, in seconds before its end.
PREPARE_RESERVE_SECONDS = 25.0
"""From preparing, for delivering and settling what is prepared."""

SETTLE_RESERVE_SECONDS = 12.0
"""From delivering, for settling: closing the unreachable, forgetting the gone, handing back the rest."""

FORGET_RESERVE_SECONDS = 4.0
"""From forgetting, for handing back the rest."""

CLOSE_RESERVE_SECONDS = 1.0
"""From closing connections that can't be reached."""

FORGET_AT_ONCE = 10
"""Connections forgotten between two looks at the clock: each may have a thousand subscriptions."""


def delay_seconds(rounds: int) -> int:
    """Return how long a connection waits for its next round: twice as long each time, with jitter.

    Connections that failed together must not come back together.

    Args:
        rounds: how many rounds have failed, at least one.
    """
    longest = min(LONGEST_DELAY_SECONDS, 2**rounds)
    return random.randint((longest + 1) // 2, longest)  # noqa: S311 - not for secrets


def comes_back_after(receives: int) -> int:
    """Return after how many seconds a message that failed as a whole is handed out again.

    Args:
        receives: how often the queue has handed it out.
    """
    return min(LONGEST_RETURN_SECONDS, 1 << receives)


def send_pause_seconds(tries: int) -> float:
    """Return how long to wait before messages that SQS refused are sent again, at random.

    Args:
        tries: how often they were sent, less one.
    """
    return random.uniform(0, 0.05 * 2**tries)  # noqa: S311 - not for secrets
