"""`unsubscribe`: from the answer on, the client gets no more updates of what it names."""

from collections.abc import Sequence

from entity_push.protocol import frames
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.frames import Frame
from entity_push.routes.admission import admitted
from entity_push.routes.interests import USER, Question, answer_each
from entity_push.routes.message_route import Request, message_route
from entity_push.runtime import aws
from entity_push.runtime.environment import UnsubscribeEnvironment
from entity_push.table.connections import Connections
from entity_push.table.subscriptions import Subscriptions

environment = UnsubscribeEnvironment.read()
client = aws.client("dynamodb")
connections = Connections(client, environment.table_name)
subscriptions = Subscriptions(client, environment.table_name)


@message_route(most_frame_bytes=environment.client_frame_bytes, deployment_name=environment.deployment_name)
def handler(request: Request) -> Frame:
    """End the connection's subscription to what the frame names."""
    connection = admitted(connections, request.connection_id, environment.authorization)

    def answer(questions: Sequence[Question], _room: int) -> list[Frame | ProtocolError]:
        if any(question.interest.named.get("channel") == USER for question in questions):
            # By it the user's connections are counted.
            raise ProtocolError(ErrorCode.INVALID_CHANNEL, "A connection stays in its user's channel.")
        channels = [question.interest.channel for question in questions]
        ended = set(subscriptions.unsubscribe(connection, channels))
        answers: list[Frame | ProtocolError] = []
        for question in questions:
            was_subscribed = question.interest.channel in ended
            ended.discard(question.interest.channel)  # a frame that names it twice ends it once
            answers.append(frames.unsubscribed(question.interest.named, was_subscribed=was_subscribed))
        return answers

    return answer_each(request.frame.fields, connection, answer)
