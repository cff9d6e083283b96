"""A client for the services that speak AWS's JSON protocol: DynamoDB, EventBridge, Secrets Manager, SQS.

botocore's session and client are half of a cold start, and take 1 to 2 ms of CPU per call. Here an
operation's parameters are its JSON, and the answer's JSON is taken as it is: bytes in base64, both ways.
Several calls are made at once without threads.

The protocol: Smithy, "AWS JSON 1.0 protocol" (https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html).
"""

import base64
import functools
import http.client
import json
import os
import random
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from entity_push.runtime.aws_errors import (
    NoCredentialsError,
    RefusedError,
    UnansweredError,
    is_throttled,
    passes,
)
from entity_push.runtime.deadlines import Deadline
from entity_push.runtime.endpoints import Endpoint
from entity_push.runtime.invocations import seconds_left
from entity_push.runtime.lanes import READ_SECONDS, Answer, Connector, Lane
from entity_push.runtime.signing import Credentials, RequestSigner, credentials

TRIES = 4
"""The most tries of one call."""

CALL_SECONDS = 9.0
"""All tries of a call together, or what the invocation has left: a route can still say that it failed."""

MOST_LANES = 20
"""The most HTTP connections, and calls made at once: ten entities have about as many lists."""

PAUSE_SECONDS, THROTTLED_PAUSE_SECONDS = 0.01, 0.1
"""The longest pause before the second try, doubled for each further one."""

Parameters = dict[str, Any]


class Call(NamedTuple):
    """A call: the operation as a method of botocore's client is named, and its parameters."""

    operation: str
    parameters: Parameters


class Service(NamedTuple):
    """How a service is spoken to.

    Attributes:
        name: its name in host names and signatures.
        target: what the operations' names are written after.
        version: of the protocol.
        other_headers: what it needs besides.
    """

    name: str
    target: str
    version: str
    other_headers: tuple[tuple[str, str], ...] = ()


class _Request(NamedTuple):
    """A request: the service's name of the operation, and the body."""

    operation: str
    body: bytes


class JsonClient:
    """Calls a service. Not thread-safe.

    An operation is a method, named as botocore's client names it: `client.get_item(TableName=…)`. It returns
    the answer, or raises what `at_once` returns for an error.

    Args:
        service: the service.
        url: its endpoint.
        region: the Region to sign for.
        credentials: returns the current credentials; called for each try, so that rotated ones are taken up.
        pause: sleeps for a number of seconds between tries; tests replace it.

    Raises:
        ValueError: the URL is no endpoint's.
        OSError: the authorities to trust can't be read.
    """

    def __init__(
        self,
        service: Service,
        url: str,
        region: str,
        credentials: Callable[[], Credentials] = credentials,
        pause: Callable[[float], None] = time.sleep,
    ):
        self._service, self._credentials, self._pause = service, credentials, pause
        endpoint = Endpoint.at(url)
        self._signer = RequestSigner(service.name, region, endpoint.authority, endpoint.path)
        connector = Connector(endpoint)
        self._new_lane = functools.partial(Lane, endpoint, connector)
        self._lanes = [self._new_lane()]

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        if operation.startswith("_"):
            raise AttributeError(operation)

        def call(**parameters: Any) -> Any:
            (answer,) = self.at_once([Call(operation, parameters)])
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def connect_early(self, seconds: float) -> None:
        """Open a connection before the first call, in at most so many seconds; a failure changes nothing."""
        with suppress(NoCredentialsError):
            self._signed(_Request("", b""))  # the day's key is made now, too
        self._lanes[0].connect_early(seconds)

    def at_once(self, calls: Sequence[Call]) -> list[Any]:
        """Make several calls at once; return an answer or an error for each, in their order.

        Each call has an HTTP connection of its own, up to `MOST_LANES`. Equal calls are one: ten entities
        read the list of everybody's subscribers once. A call that is tried again is the same transaction. A
        put whose first answer was lost may find its own item.

        Returns:
            An error is a RefusedError (the service's answer: its code; throttling and 5xx in all tries), or
            an UnansweredError (the service could not be reached, or did not answer, in all tries).

        Raises:
            NoCredentialsError: there are none.
        """
        requests = list(map(_request, calls))
        distinct = list(dict.fromkeys(requests))
        found = dict(zip(distinct, self._answers(distinct), strict=True))
        return [found[request] for request in requests]

    def _answers(self, requests: Sequence[_Request]) -> list[Any]:
        """Return an answer or an error for each request; try those again whose error may pass."""
        answers: list[Any] = [None] * len(requests)
        left, deadline = list(range(len(requests))), Deadline(min(CALL_SECONDS, seconds_left()))
        for tries in range(TRIES):
            for start in range(0, len(left), MOST_LANES):
                numbers = left[start : start + MOST_LANES]
                found = self._wave([requests[number] for number in numbers], deadline)
                for number, answer in zip(numbers, found, strict=True):
                    answers[number] = answer
            left = [number for number in left if passes(answers[number])]
            if (
                not left
                or tries == TRIES - 1
                or not self._waited(tries, [answers[n] for n in left], deadline)
            ):
                break
        return answers

    def _waited(self, tries: int, errors: Sequence[Exception], deadline: Deadline) -> bool:
        """Wait at random, so that not all come back together; tell whether there is time for another try."""
        longest = THROTTLED_PAUSE_SECONDS if any(map(is_throttled, errors)) else PAUSE_SECONDS
        self._pause(random.uniform(0, longest * 2**tries))  # noqa: S311 - not for secrets
        return not deadline.is_over

    def _wave(self, requests: Sequence[_Request], deadline: Deadline) -> list[Any]:
        """Make calls once. A call that met a closed connection is made again: it was not really tried."""
        while len(self._lanes) < len(requests):
            self._lanes.append(self._new_lane())
        lanes = self._lanes[: len(requests)]
        answers = self._exchange(list(zip(lanes, requests, strict=True)), deadline)
        if any(lane.is_kept and lane.timed_out for lane in lanes):
            for lane in self._lanes[len(lanes) :]:  # they may have vanished without a word, too
                lane.close()
        stale = [
            number
            for number, (lane, answer) in enumerate(zip(lanes, answers, strict=True))
            if isinstance(answer, UnansweredError) and lane.is_kept and not lane.timed_out
        ]
        again = self._exchange([(lanes[number], requests[number]) for number in stale], deadline)
        for number, answer in zip(stale, again, strict=True):
            answers[number] = answer
        return answers

    def _exchange(self, pairs: Sequence[tuple[Lane, _Request]], deadline: Deadline) -> list[Any]:
        try:
            failures = [self._begin(lane, request, deadline) for lane, request in pairs]
            # Lanes that vanished together while the function was frozen cost one time-out together.
            until = deadline.or_within(READ_SECONDS)
            return [
                failure or self._finish(lane, request, until)
                for (lane, request), failure in zip(pairs, failures, strict=True)
            ]
        except BaseException:
            for lane, _ in pairs:  # unread answers would become those of the next requests
                lane.close()
            raise

    def _begin(self, lane: Lane, request: _Request, deadline: Deadline) -> UnansweredError | None:
        """Send a request; return why that failed, if it did."""
        headers = self._signed(request)
        try:
            lane.begin(headers, request.body, deadline)
        except OSError as error:
            return _unanswered(lane, request, error)
        return None

    def _finish(self, lane: Lane, request: _Request, deadline: Deadline) -> Any:
        """Return the answer to the begun request, or its error."""
        try:
            answer = lane.finish(deadline)
            checksum = answer.headers.get("x-amz-crc32")
            if checksum is not None and int(checksum) != zlib.crc32(answer.body):
                raise ValueError("the answer's checksum is wrong")
            if answer.status == 200:
                return json.loads(answer.body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return _unanswered(lane, request, error)
        return _refused(request.operation, answer)

    def _signed(self, request: _Request) -> dict[str, str]:
        """Return a request's headers, with its signature."""
        headers = {
            "content-type": f"application/x-amz-json-{self._service.version}",
            "x-amz-target": f"{self._service.target}.{request.operation}",
            **dict(self._service.other_headers),
        }
        return self._signer.signed(headers, request.body, self._credentials())


def _request(call: Call) -> _Request:
    operation = "".join(map(str.capitalize, call.operation.split("_")))
    parameters = call.parameters
    if operation == "TransactWriteItems":  # so the transaction is done once, even if an answer is lost
        parameters = {"ClientRequestToken": os.urandom(16).hex(), **parameters}
    return _Request(operation, json.dumps(parameters, separators=(",", ":"), default=_base64).encode())


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _unanswered(lane: Lane, request: _Request, error: Exception) -> UnansweredError:
    lane.timed_out = isinstance(error, TimeoutError)
    lane.close()
    return UnansweredError(f"{request.operation}: {error!r}")


def _refused(operation: str, answer: Answer) -> RefusedError:
    """Return an error answer, with the code that botocore would name."""
    try:
        members = json.loads(answer.body)
        code = members.pop("__type").partition(":")[0].rpartition("#")[2]
    except (ValueError, LookupError, TypeError, AttributeError):  # such as a proxy's page
        members, code = {}, str(answer.status)
    # SQS tells by which names its errors were known before it spoke JSON.
    older, _, kind = answer.headers.get("x-amzn-query-error", "").partition(";")
    message = members.pop("message", None) or members.pop("Message", "")
    return RefusedError(
        operation, older if older and kind else code, message, status=answer.status, members=members
    )
