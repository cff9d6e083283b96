"""Events as AWS services and partners put them, each with a rule that makes an update of it.

Each is written from the structure that its service publishes. The source is left out of the patterns:
`put-events` takes no source that begins with "aws.".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ACCOUNT, REGION = "111122223333", "us-east-1"
ALARM = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:ServerCpuTooHigh"
TASK = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/shop/9b3f1c8ad2a54c1e8d7f"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A real event with its rule, and the update that it becomes.

    Attributes:
        rule: the rule, without its pattern.
        detail_type: what the pattern asks for.
        detail: the event's detail.
        resources: the event's resources.
        entity_id: the entity to subscribe to; empty for a user's notification.
        user: who has to be connected.
        message: the update's message.
    """

    rule: Mapping[str, Any]
    detail_type: str
    detail: Mapping[str, Any]
    message: Any
    resources: tuple[str, ...] = ()
    entity_id: str = ""
    user: str = "somebody"

    @property
    def whole_rule(self) -> dict[str, Any]:
        """The rule as the setting has it."""
        return {**self.rule, "pattern": {"detail-type": [self.detail_type]}}


S3 = Shape(
    rule={
        "name": "s3",
        "entityId": "objects/{$.detail.bucket.name}/{+$.detail.object.key}",
        "message": {"size": "$.detail.object.size", "version": "$.detail.object.version-id"},
    },
    detail_type="Object Created",
    resources=("arn:aws:s3:::amzn-s3-demo-bucket1",),
    detail={
        "version": "0",
        "bucket": {"name": "amzn-s3-demo-bucket1"},
        "object": {
            "key": "2026/May + June/über uns.pdf",
            "size": 5,
            "etag": "b1946ac92492d2347c6235b4d2611184",
            "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
            "sequencer": "617f08299329d189",
        },
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "source-ip-address": "1.2.3.4",
        "reason": "PutObject",
    },
    entity_id="objects/amzn-s3-demo-bucket1/2026/May + June/über uns.pdf",
    message={"size": 5, "version": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"},
)

PIPES = Shape(
    rule={
        "name": "pipes",
        "entityId": "items/{$.detail.dynamodb.Keys.pk.S}/{$.detail.dynamodb.Keys.sk.N}",
        "message": "$.detail.dynamodb.NewImage.state.S",
    },
    detail_type="Event from aws:dynamodb",
    detail={
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": 1796000000,
            "Keys": {"pk": {"S": "ACCOUNT#7"}, "sk": {"N": "101"}},
            "NewImage": {"pk": {"S": "ACCOUNT#7"}, "sk": {"N": "101"}, "state": {"S": "paid"}},
            "SequenceNumber": "111",
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Orders/stream/2026-11-29T00:00:00.000",
    },
    entity_id="items/ACCOUNT#7/101",
    message="paid",
)

STRIPE = Shape(
    rule={
        "name": "stripe",
        "entityId": "payments/{$.detail.data.object.id}",
        "message": {"status": "$.detail.data.object.status", "amount": "$.detail.data.object.amount"},
    },
    detail_type="payment_intent.succeeded",
    detail={
        "id": "evt_3MtwBwLkdIwHu7ix0snN0B15",
        "object": "event",
        "api_version": "2024-06-20",
        "created": 1796000000,
        "data": {
            "object": {
                "id": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
                "object": "payment_intent",
                "amount": 2000,
                "currency": "usd",
                "metadata": {},
                "payment_method_types": ["card"],
                "status": "succeeded",
            }
        },
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": "payment_intent.succeeded",
    },
    entity_id="payments/pi_3MtwBwLkdIwHu7ix28a3tqPa",
    message={"status": "succeeded", "amount": 2000},
)

SHOPIFY = Shape(
    rule={
        "name": "shopify",
        "entityId": "{$.detail.metadata['X-Shopify-Shop-Domain']}/orders/{$.detail.payload.id}",
        "message": {
            "topic": "$.detail.metadata['X-Shopify-Topic']",
            "first": "$.detail.payload.line_items[0].title",
        },
    },
    detail_type="shopifyWebhook",
    detail={
        "payload": {
            "id": 820982911946154508,
            "admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
            "financial_status": "paid",
            "line_items": [{"id": 866550311766439020, "title": "IPod Nano - 8GB", "quantity": 1}],
        },
        "metadata": {
            "Content-Type": "application/json",
            "X-Shopify-Topic": "orders/paid",
            "X-Shopify-Shop-Domain": "my-shop.myshopify.com",
            "X-Shopify-Hmac-SHA256": "K0FQKj0sVhzq7mXo0w==",
            "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
            "X-Shopify-API-Version": "2026-07",
        },
    },
    entity_id="my-shop.myshopify.com/orders/820982911946154508",
    message={"topic": "orders/paid", "first": "IPod Nano - 8GB"},
)

AUTH0 = Shape(
    rule={"name": "auth0", "userId": "{$.detail.data.user_id}", "message": "$.detail.data.description"},
    detail_type="Auth0 log",
    detail={
        "log_id": "90020211103191629468473145118138548580447177",
        "data": {
            "date": "2026-11-29T10:00:00.000Z",
            "type": "scpr",
            "description": "You can now log in with the new password.",
            "connection": "Username-Password-Authentication",
            "client_id": "AaiyAPdpYdesoKnqjj8HJqRn4T5titww",
            "ip": "198.51.100.7",
            "user_id": "auth0|5f7c8ec7c33c6c004bbafe82",
            "user_name": "user@example.com",
        },
    },
    user="auth0|5f7c8ec7c33c6c004bbafe82",
    message="You can now log in with the new password.",
)

ZENDESK = Shape(
    rule={
        "name": "zendesk",
        "entityId": "tickets/{$.detail.ticket_event.ticket.id}",
        "message": "$.detail.ticket_event.comment.body",
    },
    detail_type="Support Ticket: Comment Created",
    detail={
        "ticket_event": {
            "meta": {
                "version": "1.0",
                "occurred_at": "2026-11-29T10:00:00Z",
                "ref": "3-2486784000000",
                "sequence": {"id": "8A4C4F2F0B2D", "position": 1, "total": 1},
            },
            "type": "Comment Created",
            "comment": {"id": 1904128281128, "body": 'It says "no" \\ again', "is_public": True},
            "ticket": {"id": 35436, "created_at": "2026-11-28T09:00:00Z", "via": {"channel": "web"}},
        }
    },
    entity_id="tickets/35436",
    message='It says "no" \\ again',
)

SALESFORCE = Shape(
    rule={
        "name": "salesforce",
        "entityIds": "$.detail.payload.ChangeEventHeader.recordIds",
        "message": {
            "kind": "$.detail.payload.ChangeEventHeader.changeType",
            "phone": "$.detail.payload.Phone",
        },
    },
    detail_type="AccountChangeEvent",
    detail={
        "payload": {
            "Phone": "(650) 555-0100",
            "LastModifiedDate": "2026-11-29T10:00:00.000Z",
            "ChangeEventHeader": {
                "commitNumber": 10585193272713,
                "commitUser": "005B0000007tYqBIAU",
                "sequenceNumber": 1,
                "entityName": "Account",
                "changeType": "UPDATE",
                "changedFields": ["Phone", "LastModifiedDate"],
                "changeOrigin": "com/salesforce/api/soap/61.0;client=SfdcInternalAPI/",
                "transactionKey": "0002343d-9d90-e395-ed20-cf416ba652ad",
                "commitTimestamp": 1796000000000,
                "recordIds": ["001B000000FpF3xIAF", "001B000000FpF3yIAF"],
            },
        },
        "schemaId": "L3GjsHWGNM83TXhv3plQfA",
        "id": "e8f42b2c-8d1d-4c9f-a53c-0f5a3e0fd5b8",
    },
    entity_id="001B000000FpF3yIAF",
    message={"kind": "UPDATE", "phone": "(650) 555-0100"},
)

CLOUDWATCH = Shape(
    rule={"name": "alarms", "entityIds": "$.resources", "message": "$.detail.state.value"},
    detail_type="CloudWatch Alarm State Change",
    resources=(ALARM,),
    detail={
        "alarmName": "ServerCpuTooHigh",
        "configuration": {"description": "Goes into alarm.", "metrics": [{"id": "m1", "returnData": True}]},
        "previousState": {"reason": "Thresholds crossed", "timestamp": "x", "value": "OK"},
        "state": {
            "reason": "Threshold crossed",
            "timestamp": "2026-11-29T10:00:00.000+0000",
            "value": "ALARM",
        },
    },
    entity_id=ALARM,
    message="ALARM",
)

CODE_PIPELINE = Shape(
    rule={
        "name": "pipelines",
        "entityId": "pipelines/{$.detail.pipeline}/{$.detail['execution-id']}",
        "message": "$.detail.state",
    },
    detail_type="CodePipeline Pipeline Execution State Change",
    resources=(f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:myPipeline",),
    detail={
        "pipeline": "myPipeline",
        "execution-id": "12345678-1234-5678-abcd-12345678abcd",
        "start-time": "2026-11-29T10:00:00.000Z",
        "state": "SUCCEEDED",
        "version": 3.0,
        "pipeline-execution-attempt": 1.0,
    },
    entity_id="pipelines/myPipeline/12345678-1234-5678-abcd-12345678abcd",
    message="SUCCEEDED",
)

ECS = Shape(
    rule={
        "name": "tasks",
        "entityId": "{+$.detail.taskArn}",
        "message": {"now": "$.detail.lastStatus", "exit": "$.detail.containers[0].exitCode"},
    },
    detail_type="ECS Task State Change",
    resources=(TASK,),
    detail={
        "clusterArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/shop",
        "containers": [{"name": "web", "lastStatus": "STOPPED", "exitCode": 0, "taskArn": TASK}],
        "desiredStatus": "STOPPED",
        "group": "service:web",
        "lastStatus": "STOPPED",
        "launchType": "FARGATE",
        "startedBy": "ecs-svc/1234567890123456789",
        "taskArn": TASK,
        "version": 5,
    },
    entity_id=TASK,
    message={"now": "STOPPED", "exit": 0},
)

SHAPES = (S3, PIPES, STRIPE, SHOPIFY, AUTH0, ZENDESK, SALESFORCE, CLOUDWATCH, CODE_PIPELINE, ECS)
