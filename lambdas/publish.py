"""`publish`, `onMessage`, `message`: what a client says becomes an event, and travels as any other."""

from entity_push.protocol import frames
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.events import CLIENT_SOURCE, DEPLOYMENT
from entity_push.protocol.frames import Frame
from entity_push.routes.admission import admitted
from entity_push.routes.event_bus import Bus, NotPutError
from entity_push.routes.forbidden import Forbidden
from entity_push.routes.message_route import Request, message_route
from entity_push.routes.publications import publication_in
from entity_push.runtime import aws
from entity_push.runtime.environment import PublishEnvironment
from entity_push.runtime.telemetry import logger
from entity_push.table.connections import Connections

environment = PublishEnvironment.read()
connections = Connections(aws.client("dynamodb"), environment.table_name)
forbidden = Forbidden(environment.deployment_name)
bus = Bus(aws.client("events"), environment.event_bus_name, CLIENT_SOURCE)


@message_route(most_frame_bytes=environment.client_frame_bytes, deployment_name=environment.deployment_name)
def handler(request: Request) -> Frame:
    """Publish what the frame says, if the connection's token grants it."""
    publication = publication_in(request.frame.fields)
    connection = admitted(connections, request.connection_id, environment.authorization)
    bearer = connection.bearer
    if not bearer.grants.may_publish(publication.grant):
        forbidden.count(connection, request.frame.fields.get("action", "publish"), [publication.grant])
        whom = "this" if publication.named else "everyone"
        raise ProtocolError(ErrorCode.FORBIDDEN, f"Your token has no grant to publish to {whom}.")
    sender = {}
    if bearer.user_id is not None:
        sender = {"from": bearer.user_id}
    elif publication.own_id is not None:
        sender = {"connection": request.connection_id}  # an id of one's own counts for its sender alone
    detail = {**publication.detail, **sender, DEPLOYMENT: environment.deployment_address}
    try:
        event_id = bus.put(publication.detail_type, detail)
    except NotPutError as error:
        logger.error("not published", connection_id=request.connection_id, reason=str(error))
        raise ProtocolError(
            ErrorCode.NOT_PUBLISHED, "EventBridge did not take the event. Try again after a pause."
        ) from error
    return frames.published(publication.named, event_id, publication.own_id)
