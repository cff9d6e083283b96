"""The stack: it only composes."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.alarms import Alarms
from stacks.notifications import Notifications
from stacks.settings import Settings
from stacks.storage import Storage
from stacks.web_socket import WebSocket


class EntityPushStack(Stack):
    """Everything that one deployment is."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings):
        super().__init__(
            scope, construct_id, description="Entity Push: subscription-based push over WebSockets"
        )
        storage = Storage(self, "Storage", settings=settings)
        web_socket = WebSocket(self, "WebSocket", settings=settings, table=storage.table)
        notifications = Notifications(
            self,
            "Notifications",
            settings=settings,
            table=storage.table,
            stage=web_socket.stage,
        )
        alarms = Alarms(self, "Alarms", settings=settings, notifications=notifications)
        outputs = {
            "WebSocketUrl": (web_socket.stage.url, "Where clients connect"),
            "CallbackUrl": (
                web_socket.stage.callback_url,
                "Where frames are posted to connections",
            ),
            "TableName": (storage.table.table_name, "The table"),
            "QueueUrl": (notifications.queue.queue_url, "Events on their way to the push function"),
            "DeadLetterQueueUrl": (
                notifications.dead_letters.queue_url,
                "Messages that could not be pushed",
            ),
            "TargetDeadLetterQueueUrl": (
                notifications.target_dead_letters.queue_url,
                "Events that EventBridge could not put on the queue",
            ),
            "AlarmTopicArn": (alarms.topic.topic_arn, "Where alarms are announced"),
            "EventBusName": (notifications.bus.event_bus_name, "Where services put events"),
        }
        for name, (value, description) in outputs.items():
            CfnOutput(self, name, value=value, description=description)
