"""The keys that sign the deployment's own tokens, read from AWS Secrets Manager and cached.

Two versions of the secret are valid: the current one, which signs, and the previous one. So issued tokens
survive a rotation.
"""

import time
from collections.abc import Callable
from typing import Any

from entity_push.runtime.aws_errors import AwsError, RefusedError
from entity_push.runtime.telemetry import logger

MAX_AGE_SECONDS = 5 * 60
"""The age at which the keys are read again. A key that was rotated away stays valid for about this time."""

EARLY_READS = 3
"""The most early reads in a row. A token that fits no key causes an early read, so that a new key works at
once. Forged tokens must not use up the quota of Secrets Manager."""

EARLY_READ_SECONDS = 10
"""The time after which one more early read is allowed."""

STALE_SECONDS = 60 * 60
"""The age up to which keys stay valid while a read fails: an outage passes, a right taken away does not."""

VALID_STAGES = ("AWSCURRENT", "AWSPREVIOUS")
"""Labels of the secret's versions ("What's in a Secrets Manager secret?", Secrets Manager User Guide)."""


class SecretKeys:
    """The keys in one secret.

    Args:
        client: a Secrets Manager client.
        secret_arn: the secret's ARN.
        clock: seconds since 1970; tests replace the clock.
    """

    def __init__(self, client: Any, secret_arn: str, clock: Callable[[], float] = time.time):
        self._client, self._secret_arn, self._clock = client, secret_arn, clock
        self._keys: tuple[str, ...] = ()
        self._read_at = 0.0
        self._failure: Exception | None = None
        self._early_reads, self._counted_at = float(EARLY_READS), clock()

    def keys(self) -> tuple[str, ...]:
        """Return the valid keys, the current one first. Keys older than five minutes are read again.

        Raises:
            RefusedError: Secrets Manager refused, and there are no keys from the last hour.
            UnansweredError: Secrets Manager could not be reached, and there are no keys from the last hour.
        """
        if self._keys and self._clock() - self._read_at < MAX_AGE_SECONDS:
            return self._keys
        return self.latest()

    def latest(self) -> tuple[str, ...]:
        """Return the valid keys, read just now unless that was done too often; raises as `keys` does."""
        if (self._keys or self._failure) and not self._may_read():
            if self._failure and not self._keys:
                raise self._failure.with_traceback(None)  # which would grow each time
            return self._keys
        try:
            self._keys, self._read_at, self._failure = self._read(), self._clock(), None
        except AwsError as error:
            # A read that fails takes seconds. The next handshakes must not wait for another one.
            self._early_reads, self._counted_at = 0.0, self._clock()
            self._failure = error
            if self._clock() - self._read_at > STALE_SECONDS:
                self._keys = ()
            if not self._keys:
                raise
            logger.warning("the keys can't be read; going on with those from before", error=str(error))
        return self._keys

    def _may_read(self) -> bool:
        """Use up an early read; tell whether one was left."""
        now = self._clock()
        gained = (now - self._counted_at) / EARLY_READ_SECONDS
        self._early_reads, self._counted_at = min(EARLY_READS, self._early_reads + gained), now
        if self._early_reads < 1:
            return False
        self._early_reads -= 1
        return True

    def _read(self) -> tuple[str, ...]:
        versions = (self._version(stage) for stage in VALID_STAGES)
        return tuple(key for key in versions if key is not None)

    def _version(self, stage: str) -> str | None:
        try:
            answer = self._client.get_secret_value(SecretId=self._secret_arn, VersionStage=stage)
        except RefusedError as error:
            never_rotated = error.code == "ResourceNotFoundException"
            if never_rotated and stage == "AWSPREVIOUS":
                return None
            raise
        key: str = answer["SecretString"]
        return key
