"""`subscribe`: from the answer on, the client gets the updates; and what it missed, if it asks.

The order is what closes the gap between the past and the present: the subscription is written, then the
history is read. The push function stores an update, then reads the subscribers. So every update is either in
this answer or pushed to this connection.
"""

from collections.abc import Sequence

from entity_push.protocol import faults, frames
from entity_push.protocol.catch_up import CatchUp
from entity_push.protocol.channels import is_entity
from entity_push.protocol.cursors import Cursor, InvalidCursorError
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.frames import Frame
from entity_push.routes.admission import admitted
from entity_push.routes.forbidden import Forbidden
from entity_push.routes.interests import Question, answer_each
from entity_push.routes.message_route import Request, message_route
from entity_push.routes.replay import Retelling
from entity_push.runtime import aws
from entity_push.runtime.environment import SubscribeEnvironment
from entity_push.table.calls import one_by_one
from entity_push.table.connections import Connection, Connections
from entity_push.table.history import History
from entity_push.table.subscriptions import (
    MAX_CHANNELS_BYTES,
    ConnectionGoneError,
    Outcome,
    Subscribed,
    Subscriptions,
)

environment = SubscribeEnvironment.read()
client = aws.client("dynamodb")
connections = Connections(client, environment.table_name)
subscriptions = Subscriptions(client, environment.table_name)
history = History.kept(environment)
limit = environment.subscriptions_per_connection
forbidden = Forbidden(environment.deployment_name)

HISTORIES_PER_SUBSCRIPTION = 2
"""A connection begins no more histories after so many times its limit of subscriptions: each is an item that
lives on, and subscribing and unsubscribing could go on for ever."""

TOO_MUCH = {
    Outcome.TOO_MANY: f"A connection has at most {limit} subscriptions."
    " Unsubscribe from one, or open another connection.",
    Outcome.TOO_LARGE: f"The names of a connection's subscriptions have at most {MAX_CHANNELS_BYTES:,} bytes"
    " together. Unsubscribe from some, or open another connection.",
}


@message_route(most_frame_bytes=environment.client_frame_bytes, deployment_name=environment.deployment_name)
def handler(request: Request) -> Frame:
    """Subscribe the connection to what the frame names, and tell it what it missed."""
    connection = admitted(connections, request.connection_id, environment.authorization)

    def answer(questions: Sequence[Question], room: int) -> list[Frame | ProtocolError]:
        refusals = [_refusal(connection, question) for question in questions]
        asked = list(zip(questions, refusals, strict=True))
        forbidden.count(connection, "subscribe", _without_grant(asked))
        subscribed = _subscribe(connection, [one.interest.channel for one, refusal in asked if not refusal])
        past = Retelling(history, one_by_one(client), room) if history else None
        named: set[str] = set()
        answers = []
        for question, refusal in asked:
            again = question.interest.channel in named  # an entity that the frame names twice
            answers.append(refusal or _answer(question, subscribed, past, again=again))
            named.add(question.interest.channel)
        return answers

    return answer_each(request.frame.fields, connection, answer)


def _refusal(connection: Connection, question: Question) -> ProtocolError | None:
    """Return why a question has no other answer; None if it has one."""
    try:
        _cursor(question.since)
    except InvalidCursorError:
        fault = "is no cursor" if isinstance(question.since, str) else faults.no_string(question.since)
        text = f'The "since" {fault}. Send the last "cursor" that you got, or leave it out.'
        return ProtocolError(ErrorCode.INVALID_CURSOR, text)
    grant = question.interest.grant
    if grant is not None and not connection.bearer.grants.may_subscribe(grant):
        return ProtocolError(ErrorCode.FORBIDDEN, "Your token has no grant to subscribe to this.")
    return None


def _without_grant(asked: Sequence[tuple[Question, ProtocolError | None]]) -> list[str]:
    """Return what was refused for want of a grant."""
    return [
        question.interest.grant
        for question, refusal in asked
        if question.interest.grant and refusal and refusal.code is ErrorCode.FORBIDDEN
    ]


def _cursor(since: object) -> Cursor | None:
    return None if since is None else Cursor.parse(since)


def _subscribe(connection: Connection, channels: list[str]) -> Subscribed:
    histories = limit * HISTORIES_PER_SUBSCRIPTION
    try:
        return subscriptions.subscribe(connection, channels, limit=limit, histories=histories)
    except ConnectionGoneError as error:
        raise ProtocolError(ErrorCode.CONNECTION_GONE, "This connection is closed. Connect again.") from error


def _answer(
    question: Question, subscribed: Subscribed, past: Retelling | None, *, again: bool
) -> Frame | ProtocolError:
    """Return the answer to a question, after the subscription was written."""
    interest = question.interest
    outcome = subscribed.outcomes[interest.channel]
    if outcome in TOO_MUCH:
        return ProtocolError(ErrorCode.TOO_MANY_SUBSCRIPTIONS, TOO_MUCH[outcome])
    told = CatchUp()
    if past and interest.history:
        begin = subscribed.may_begin or not is_entity(interest.history)
        told = past.of(interest.history, _cursor(question.since), begin=begin)
    already = again or outcome is Outcome.ALREADY
    return frames.subscribed(interest.named, already_subscribed=already, catch_up=told)
