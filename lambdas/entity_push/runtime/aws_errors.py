"""How a call to AWS fails."""

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """A call to AWS has failed."""


class NoCredentialsError(AwsError):
    """The environment has no credentials."""

    def __init__(self) -> None:
        super().__init__("no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")


class UnansweredError(AwsError):
    """AWS could not be reached, or did not answer in time, in all tries. The call may have been done."""


class RefusedError(AwsError):
    """AWS has answered with an error.

    Attributes:
        code: the error's name, such as `ConditionalCheckFailedException`.
        status: the answer's HTTP status.
        members: what else the answer tells, such as `CancellationReasons`, or the `Item` that was in the way.
    """

    def __init__(
        self,
        operation: str,
        code: str,
        message: str = "",
        *,
        status: int = 400,
        members: Mapping[str, Any] | None = None,
    ):
        super().__init__(f"{operation}: {code}: {message}")
        self.code, self.status, self.members = code, status, members or {}


_PASSING = frozenset(
    (
        "InternalServerError",
        "PriorRequestNotComplete",
        "ReplicatedWriteConflictException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "TransactionInProgressException",
    )
)

_THROTTLES = frozenset(
    (
        "BandwidthLimitExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    )
)


def is_throttled(error: object) -> bool:
    """Tell whether a call was one too many."""
    return isinstance(error, RefusedError) and (error.status == 429 or error.code in _THROTTLES)


def passes(error: object) -> bool:
    """Tell whether this is the error of a call that may succeed soon.

    The codes: DynamoDB Developer Guide, "Error handling with DynamoDB", and botocore's standard retry mode.
    """
    if isinstance(error, RefusedError):
        return error.status >= 500 or error.code in _PASSING or is_throttled(error)
    return isinstance(error, UnansweredError)
