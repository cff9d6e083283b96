"""``unsubscribe``: from the answer on, the client gets no more updates of the entity."""

from entity_push import aws, frames
from entity_push.environment import variable
from entity_push.frames import Frame
from entity_push.routes import Request, message_route
from entity_push.table.subscriptions import Subscriptions

table = Subscriptions(aws.client("dynamodb"), variable("TABLE_NAME"))


@message_route
def handler(request: Request) -> Frame:
    """End the connection's subscription to the entity that the frame names."""
    entity_id, channel = request.entity()
    was_subscribed = table.unsubscribe(request.connection_id, channel)
    return frames.unsubscribed(entity_id, was_subscribed=was_subscribed)
