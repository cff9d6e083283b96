"""The keys that sign the deployment's own tokens, read from AWS Secrets Manager and remembered.

Two versions of the secret are valid: the current one, which signs, and the previous one, so that a rotation
does not end the tokens that are out.
"""

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from entity_push.runtime.telemetry import logger

MAX_AGE_SECONDS = 5 * 60
"""After this, the keys are read again: so long does a key that was rotated away stay valid at the most."""

EARLY_READS = 3
"""For tokens that fit no key the secret is read before its time, so that a new key works at once; so often
in a row, since whoever forges tokens must not be able to use up the quota of Secrets Manager ..."""

EARLY_READ_SECONDS = 10
"""... and after that once in this time."""

STALE_SECONDS = 60 * 60
"""How long keys are relied on that can't be read again: an outage passes, a right taken away does not."""

VALID_STAGES = ("AWSCURRENT", "AWSPREVIOUS")
"""Labels of the secret's versions ("What's in a Secrets Manager secret?", Secrets Manager User Guide)."""


class SecretKeys:
    """The keys in one secret.

    Args:
        client: a Secrets Manager client.
        secret_arn: the secret.
        clock: seconds; tests replace it.
    """

    def __init__(self, client: Any, secret_arn: str, clock: Callable[[], float] = time.time):
        self._client, self._secret_arn, self._clock = client, secret_arn, clock
        self._keys: tuple[str, ...] = ()
        self._read_at = 0.0
        self._early_reads, self._counted_at = float(EARLY_READS), clock()

    def keys(self) -> tuple[str, ...]:
        """Return the valid keys, the current one first; at most five minutes old if they can be read.

        Raises:
            ClientError: Secrets Manager refused, and there are no keys from before.
            BotoCoreError: it could not be reached, and there are no keys from before.
        """
        if self._keys and self._clock() - self._read_at < MAX_AGE_SECONDS:
            return self._keys
        return self.latest()

    def latest(self) -> tuple[str, ...]:
        """Return the valid keys, read just now unless that was done too often; raises as `keys` does."""
        if self._keys and not self._may_read():
            return self._keys
        try:
            self._keys, self._read_at = self._read(), self._clock()
        except (ClientError, BotoCoreError) as error:
            # A read that fails takes seconds: the next handshakes must not wait for another one.
            self._early_reads, self._counted_at = 0.0, self._clock()
            if not self._keys or self._clock() - self._read_at > STALE_SECONDS:
                raise
            logger.warning("the keys can't be read; going on with those from before", error=str(error))
        return self._keys

    def _may_read(self) -> bool:
        """Tell whether there is an early read left, and use it up."""
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
        except ClientError as error:
            never_rotated = error.response["Error"]["Code"] == "ResourceNotFoundException"
            if never_rotated and stage == "AWSPREVIOUS":
                return None
            raise
        key: str = answer["SecretString"]
        return key
