"""DynamoDB's calls on the way of every update, without the machinery of botocore's client.

That machinery takes 1 to 2 ms of CPU per call, whatever the size of the answer: as much as pushing to 50
connections. Here botocore signs, `http.client` sends over kept-alive connections, and the answer's JSON stays
as it is. Methods take and return the same as the botocore client's methods of the same name. `queries` is
this module's own.

The wire format is in the Amazon DynamoDB Developer Guide, "DynamoDB low-level API". The errors worth another
try are in the same guide, "Error handling with DynamoDB".
"""

import contextlib
import http.client
import json
import socket
import time
import uuid
import zlib
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError, HTTPClientError

from entity_push.runtime.tls import default_ca_file, trusting
from entity_push.table.conflicts import ConflictRetries
from entity_push.table.keys import Item

TRIES = 4
"""The most tries of one call. Each try may take `READ_SECONDS`."""

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
IDLE_SECONDS = 60.0

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
    """One kept-alive HTTP connection, with one request under way at a time."""

    def __init__(self, endpoint_url: str):
        self._connection = _connection(endpoint_url)
        self._used_at = 0.0
        self._path = urlsplit(endpoint_url).path or "/"

    def exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send a request; return the status and body of its answer.

        A kept-alive connection may have been closed meanwhile, above all while the function was frozen. A
        request that meets a closed connection is sent again on a new one, and does not count as a try.
        """
        if self._connection.sock is not None:
            with contextlib.suppress(ConnectionError):  # RemoteDisconnected is one
                self.begin(body, headers)
                return self.finish()
            self.close()
        self.begin(body, headers)
        return self.finish()

    def begin(self, body: bytes, headers: dict[str, str]) -> None:
        """Send a request over the open connection, or over a new one after a long idle time.

        A connection that was idle for long may have vanished without a word while the function was frozen.
        The request would find out only by its time-out.
        """
        now, idle_since = time.time(), self._used_at  # the wall clock goes on while the function is frozen
        self._used_at = now
        if now - idle_since > IDLE_SECONDS:
            self.close()
        if self._connection.sock is None:
            self._connect()
        self._connection.request("POST", self._path, body, headers)

    def _connect(self) -> None:
        self._connection.connect()
        self._connection.sock.settimeout(READ_SECONDS)
        self._connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def finish(self) -> tuple[int, bytes]:
        """Return the status and body of the answer to the begun request."""
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

    Raises, from every call:
        ClientError: DynamoDB answered with an error, whose code it has; throttling and 5xx in `TRIES` tries.
        HTTPClientError: DynamoDB could not be reached, or did not answer, in `TRIES` tries.

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

    def get_item(self, **parameters: Any) -> Item:
        """Read an item."""
        return self._call("GetItem", parameters)

    def query(self, **parameters: Any) -> Item:
        """Read items of one partition."""
        return self._call("Query", parameters)

    def queries(self, several: Sequence[Item]) -> list[Item]:
        """Make several queries at once; return the answers in the order of the queries.

        Each query has an HTTP connection of its own. A query that fails is tried again by itself.
        """
        while len(self._lanes) < len(several):
            self._lanes.append(_Lane(self._url))
        lanes = self._lanes[: len(several)]
        try:
            begun = [self._begin(lane, parameters) for lane, parameters in zip(lanes, several, strict=True)]
            done = [self._finish(lane) if began else None for lane, began in zip(lanes, begun, strict=True)]
        except BaseException:
            for lane in lanes:  # unread answers would become those of the next requests
                lane.close()
            raise
        return [
            self.query(**parameters) if answer is None else answer
            for answer, parameters in zip(done, several, strict=True)
        ]

    def transact_write_items(self, **parameters: Any) -> Item:
        """Write all or nothing, and only once, even if the answer to the first try is lost."""
        return self._call("TransactWriteItems", {"ClientRequestToken": str(uuid.uuid4()), **parameters})

    def _call(self, operation: str, parameters: Item) -> Item:
        body = json.dumps(parameters, separators=(",", ":")).encode()
        tries = 0
        while True:
            try:
                return self._try(operation, body)
            except (ClientError, HTTPClientError) as error:
                if tries == TRIES - 1 or not _passing(error):
                    raise
            self._retries.back_off(tries)
            tries += 1

    def _try(self, operation: str, body: bytes) -> Item:
        headers = self._signed(operation, body)
        try:
            status, answer = self._lanes[0].exchange(body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._lanes[0].close()
            raise HTTPClientError(error=f"{operation}: {error!r}") from error
        if status == 200:
            found: Item = json.loads(answer)
            return found
        raise _error(operation, status, answer)

    def _begin(self, lane: _Lane, parameters: Item) -> bool:
        """Send a query; tell whether sending worked."""
        body = json.dumps(parameters, separators=(",", ":")).encode()
        try:
            lane.begin(body, self._signed("Query", body))
        except (OSError, http.client.HTTPException):
            lane.close()
            return False
        return True

    def _finish(self, lane: _Lane) -> Item | None:
        """Return the answer to the begun query; None if there is no answer, or if it is an error."""
        try:
            status, answer = lane.finish()
        except (OSError, http.client.HTTPException):
            lane.close()
            return None
        return json.loads(answer) if status == 200 else None

    def _signed(self, operation: str, body: bytes) -> dict[str, str]:
        """Return a request's headers, with its signature."""
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        }
        request = AWSRequest("POST", self._url, headers=headers, data=body)
        SigV4Auth(self._credentials(), "dynamodb", self._region).add_auth(request)
        return dict(request.headers.items())


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


def _passing(error: ClientError | HTTPClientError) -> bool:
    """Tell whether the same call may succeed soon."""
    if isinstance(error, HTTPClientError):
        return True
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or status == 429 or error.response["Error"]["Code"] in _PASSING
