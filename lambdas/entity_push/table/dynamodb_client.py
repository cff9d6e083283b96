"""DynamoDB's calls on the way of every update, without the machinery of botocore's client.

That machinery takes 1 to 2 ms of CPU per call, whatever the size of the answer: as much as pushing to 50
connections. Here botocore signs, `http.client` sends over kept-alive connections, and the answer's JSON stays
as it is: bytes in base64. Several calls are made at once without threads.

The wire format is in the Amazon DynamoDB Developer Guide, "DynamoDB low-level API". The errors worth another
try are in the same guide, "Error handling with DynamoDB".
"""

import base64
import http.client
import json
import socket
import time
import uuid
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError, HTTPClientError

from entity_push.runtime.idle import too_long_idle
from entity_push.runtime.tls import default_ca_file, trusting
from entity_push.table.calls import Call
from entity_push.table.conflicts import ConflictRetries
from entity_push.table.keys import Item

TRIES = 4
"""The most tries of one call. Each try may take `READ_SECONDS`."""

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
LATE_SECONDS = 0.05
"""For an answer that is read after those of other lanes have used up the time."""

MOST_LANES = 20
"""The most HTTP connections, and calls made at once: ten entities have about as many lists."""

_OPERATIONS = {
    "get_item": "GetItem",
    "put_item": "PutItem",
    "query": "Query",
    "transact_write_items": "TransactWriteItems",
}

_UNASKED: Item = {}

_PASSING = frozenset(
    (
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionInProgressException",
    )
)


class _Lane:
    """One kept-alive HTTP connection, with one request under way at a time.

    Attributes:
        is_kept: whether the request under way went over a connection that an earlier one had opened.
        timed_out: whether the request under way timed out: no sign of a connection closed meanwhile.
    """

    is_kept = timed_out = False

    def __init__(self, endpoint_url: str):
        self._connection = _connection(endpoint_url)
        self._used_at = 0.0
        self._path = urlsplit(endpoint_url).path or "/"

    def begin(self, body: bytes, headers: dict[str, str]) -> None:
        """Send a request over the open connection, or over a new one after a long idle time.

        A connection that was idle for long may have vanished without a word while the function was frozen.
        The request would find out only by its time-out.
        """
        now, idle_since = time.time(), self._used_at  # the wall clock goes on while the function is frozen
        self._used_at = now
        if too_long_idle(idle_since, now):
            self.close()
        self.is_kept, self.timed_out = self._connection.sock is not None, False
        if not self.is_kept:
            self._connect()
        self._connection.sock.settimeout(READ_SECONDS)  # the last answer may have left a shorter one
        self._connection.request("POST", self._path, body, headers)

    def _connect(self) -> None:
        self._connection.connect()
        self._connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def finish(self, until: float) -> tuple[int, bytes]:
        """Return the status and body of the answer to the begun request.

        Args:
            until: the `time.monotonic()` up to which the answer is waited for. One that has come is read
                later, too.

        Raises:
            TimeoutError: there is no answer.
            OSError: the connection failed.
            http.client.HTTPException: the answer can't be read.
        """
        self._connection.sock.settimeout(max(LATE_SECONDS, until - time.monotonic()))
        response = self._connection.getresponse()
        answer = response.read()
        checksum = response.getheader("x-amz-crc32")
        if checksum is not None and int(checksum) != zlib.crc32(answer):
            raise http.client.HTTPException("the answer's checksum is wrong")
        return response.status, answer

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        self._connection.close()


class DynamoDbClient:
    """Calls DynamoDB. Not thread-safe.

    Args:
        endpoint_url: the endpoint, as in the botocore client's `meta`.
        region: the Region to sign for.
        credentials: returns the current credentials; called for each try, so that rotated ones are taken up.
        pause: sleeps for a number of seconds between tries; tests replace it.
    """

    def __init__(
        self,
        endpoint_url: str,
        region: str,
        credentials: Callable[[], ReadOnlyCredentials],
        pause: Callable[[float], None] = time.sleep,
    ):
        self._url, self._lanes = endpoint_url, [_Lane(endpoint_url)]
        self._region, self._credentials, self._retries = region, credentials, ConflictRetries(pause)

    def at_once(self, calls: Sequence[Call]) -> list[Item | Exception]:
        """Make several calls at once; return an answer or an error for each, in their order.

        Each call has an HTTP connection of its own, up to `MOST_LANES`. Equal queries are one call: ten
        entities read the list of everybody's subscribers once. A call that is tried again is the same
        transaction. A put whose first answer was lost may find its own item.

        Returns:
            An error is a ClientError (DynamoDB's answer: its code; throttling and 5xx in all tries), or an
            HTTPClientError (DynamoDB could not be reached, or did not answer, in all tries).
        """
        requests = list(map(_request, calls))
        distinct = list(dict.fromkeys(requests))
        found = dict(zip(distinct, self._answers(distinct), strict=True))
        return [found[request] for request in requests]

    def _answers(self, requests: Sequence["_Request"]) -> list[Item | Exception]:
        """Return an answer or an error for each request; try those again whose error may pass."""
        answers: list[Item | Exception] = [_UNASKED] * len(requests)
        left = list(range(len(requests)))
        for tries in range(TRIES):
            for start in range(0, len(left), MOST_LANES):
                numbers = left[start : start + MOST_LANES]
                for number, answer in zip(numbers, self._wave([requests[n] for n in numbers]), strict=True):
                    answers[number] = answer
            left = [number for number in left if _passing(answers[number])]
            if not left:
                break
            if tries < TRIES - 1:
                self._retries.back_off(tries)
        return answers

    def _wave(self, requests: Sequence["_Request"]) -> list[Item | Exception]:
        """Make calls once. A call that met a closed connection is made again: it was not really tried."""
        while len(self._lanes) < len(requests):
            self._lanes.append(_Lane(self._url))
        lanes = self._lanes[: len(requests)]
        answers = self._exchange(list(zip(lanes, requests, strict=True)))
        if any(lane.is_kept and lane.timed_out for lane in lanes):
            self._close_idle(len(lanes))
        stale = [
            number
            for number, (lane, answer) in enumerate(zip(lanes, answers, strict=True))
            if isinstance(answer, HTTPClientError) and lane.is_kept and not lane.timed_out
        ]
        again = self._exchange([(lanes[number], requests[number]) for number in stale])
        for number, answer in zip(stale, again, strict=True):
            answers[number] = answer
        return answers

    def _close_idle(self, used: int) -> None:
        """Distrust the lanes that were not used now: a kept-alive one has vanished without a word."""
        for lane in self._lanes[used:]:
            lane.close()

    def _exchange(self, pairs: Sequence[tuple[_Lane, "_Request"]]) -> list[Item | Exception]:
        try:
            failures = [self._begin(lane, request) for lane, request in pairs]
            # Lanes that vanished together while the function was frozen cost one time-out together.
            until = time.monotonic() + READ_SECONDS
            return [
                failure or self._finish(lane, request, until)
                for (lane, request), failure in zip(pairs, failures, strict=True)
            ]
        except BaseException:
            for lane, _ in pairs:  # unread answers would become those of the next requests
                lane.close()
            raise

    def _begin(self, lane: _Lane, request: "_Request") -> HTTPClientError | None:
        """Send a request; return why that failed, if it did."""
        try:
            lane.begin(request.body, self._signed(*request))
        except (OSError, http.client.HTTPException) as error:
            return _unanswered(lane, request, error)
        return None

    def _finish(self, lane: _Lane, request: "_Request", until: float) -> Item | Exception:
        """Return the answer to the begun request, or its error."""
        try:
            status, answer = lane.finish(until)
        except (OSError, http.client.HTTPException) as error:
            return _unanswered(lane, request, error)
        if status == 200:
            found: Item = json.loads(answer)
            return found
        return _error(request.operation, status, answer)

    def _signed(self, operation: str, body: bytes) -> dict[str, str]:
        """Return a request's headers, with its signature."""
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        }
        request = AWSRequest("POST", self._url, headers=headers, data=body)
        SigV4Auth(self._credentials(), "dynamodb", self._region).add_auth(request)
        return dict(request.headers.items())


class _Request(NamedTuple):
    """A request: DynamoDB's name of the operation, and the body."""

    operation: str
    body: bytes


def _request(call: Call) -> _Request:
    operation, parameters = _OPERATIONS[call.operation], call.parameters
    if operation == "TransactWriteItems":  # so the transaction is done once, even if an answer is lost
        parameters = {"ClientRequestToken": str(uuid.uuid4()), **parameters}
    return _Request(operation, json.dumps(parameters, separators=(",", ":"), default=_base64).encode())


def _unanswered(lane: _Lane, request: _Request, error: Exception) -> HTTPClientError:
    lane.timed_out = isinstance(error, TimeoutError)
    lane.close()
    return HTTPClientError(error=f"{request.operation}: {error!r}")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _error(operation: str, status: int, answer: bytes) -> ClientError:
    """Return an error answer as botocore would raise it, with its other members at the top level."""
    try:
        members = json.loads(answer)
        code = members.pop("__type").rpartition("#")[2]
    except (ValueError, LookupError, TypeError, AttributeError):  # such as a proxy's page
        members, code = {}, str(status)
    message = members.pop("message", None) or members.pop("Message", "")
    response: Any = {
        **members,
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


def _connection(endpoint_url: str) -> http.client.HTTPConnection:
    parts = urlsplit(endpoint_url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = trusting(default_ca_file())
        return http.client.HTTPSConnection(host, parts.port, timeout=CONNECT_SECONDS, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=CONNECT_SECONDS)


def _passing(error: Item | Exception) -> bool:
    """Tell whether a call failed, and the same call may succeed soon."""
    if not isinstance(error, ClientError):
        return isinstance(error, HTTPClientError)
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or status == 429 or error.response["Error"]["Code"] in _PASSING
