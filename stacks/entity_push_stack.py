"""The stack: it only composes."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.alarms import Alarms
from stacks.authorization import Authorization
from stacks.bus import event_bus
from stacks.encryption import Encryption
from stacks.expiry import Expiry
from stacks.push_pipeline import PushPipeline
from stacks.settings import Settings
from stacks.storage import Storage
from stacks.web_socket import WebSocket


class EntityPushStack(Stack):
    """Everything that one deployment is."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings):
        super().__init__(
            scope, construct_id, description="Entity Push: subscription-based push over WebSockets"
        )
        Encryption(self, settings=settings)
        storage = Storage(self, "Storage", settings=settings)
        bus = event_bus(self, settings)
        authorization = Authorization(self, "Authorizer", settings=settings)
        web_socket = WebSocket(
            self,
            "WebSocket",
            settings=settings,
            table=storage.table,
            bus=bus,
            authorizer=authorization.authorizer,
        )
        pipeline = PushPipeline(
            self,
            "Notifications",
            settings=settings,
            bus=bus,
            table=storage.table,
            stage=web_socket.stage,
        )
        expiry = None
        if authorization.authorizer:
            expiry = Expiry(self, "Expiry", settings=settings, table=storage.table, stage=web_socket.stage)
        alarms = Alarms(
            self,
            "Alarms",
            settings=settings,
            pipeline=pipeline,
            connect=web_socket.connect,
            expiry=expiry,
        )
        outputs = {
            "WebSocketUrl": (web_socket.stage.url, "Where clients connect"),
            "CallbackUrl": (
                web_socket.stage.callback_url,
                "Where frames are posted to connections",
            ),
            "TableName": (storage.table.table_name, "The table"),
            "QueueUrl": (pipeline.queue.queue_url, "Events on their way to the push function"),
            "DeadLetterQueueUrl": (
                pipeline.dead_letters.queue_url,
                "Messages that could not be pushed",
            ),
            "TargetDeadLetterQueueUrl": (
                pipeline.target_dead_letters.queue_url,
                "Events that EventBridge could not put on the queue",
            ),
            "AlarmTopicArn": (alarms.topic.topic_arn, "Where alarms are announced"),
            "EventBusName": (bus.event_bus_name, "Where services put events"),
            **authorization.outputs,
        }
        for name, (value, description) in outputs.items():
            CfnOutput(self, name, value=value, description=description)
