"""The shell around every route: API Gateway event in, API Gateway response out.

A route's own code takes a request and returns a frame. Every exception becomes an error frame. An exception
that escapes would reach the client as API Gateway's `Internal server error`, which names neither the request
nor a remedy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from entity_push.protocol import frames
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.frames import ClientFrame, Frame
from entity_push.runtime import invocations
from entity_push.runtime.telemetry import count, logger

Event = dict[str, Any]
Response = dict[str, Any]
Handler = Callable[[Event, Any], Response]


@dataclass(frozen=True, slots=True)
class Request:
    """A client's frame and the connection that it came on.

    Attributes:
        connection_id: API Gateway's id of the connection.
        frame: the frame.
    """

    connection_id: str
    frame: ClientFrame


Answer = Callable[[Request], Frame]

OUR_FAULTS = frozenset({ErrorCode.INTERNAL_ERROR, ErrorCode.NOT_PUBLISHED})
"""Codes of what no client can mend. There is an alarm on them: to Lambda, such a frame is a success."""


def message_route(*, most_frame_bytes: int, deployment_name: str) -> Callable[[Answer], Handler]:
    """Turn a function from request to answer into a Lambda handler whose route response is the answer.

    Args:
        most_frame_bytes: the largest frame that is taken, in bytes.
        deployment_name: what failures are counted under.
    """

    def route(answer: Answer) -> Handler:
        def handler(event: Event, context: Any) -> Response:
            invocations.begin(context)
            reply = _reply(answer, event, most_frame_bytes)
            if reply.get("code") in OUR_FAULTS:
                count(deployment_name, "FramesFailed")
            return {"statusCode": 200, "body": frames.encode(reply).decode()}

        return handler

    return route


def _reply(answer: Answer, event: Event, most_frame_bytes: int) -> Frame:
    frame = None
    try:
        frame = frames.parse_client_frame(event.get("body"), most_bytes=most_frame_bytes)
        reply = answer(Request(event["requestContext"]["connectionId"], frame))
        return frames.answer(reply, frame.request_id)
    except ProtocolError as error:
        return frames.error(error, frame)
    except Exception:
        logger.exception("the route failed", connection_id=_connection_id(event))
        problem = ProtocolError(ErrorCode.INTERNAL_ERROR, "Something went wrong here. Trying again is safe.")
        return frames.error(problem, frame)


def _connection_id(event: Event) -> Any:
    return event.get("requestContext", {}).get("connectionId")
