"""Warns and closes connections when their token expires: API Gateway has no timer for them."""

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct
from entity_push.runtime.environment import ExpireEnvironment
from entity_push.table import keys

from .function import AppFunction
from .schedule import run_every_minute
from .settings import Settings
from .web_socket import WebSocket


class Expiry(Construct):
    """A function that runs every minute.

    Attributes:
        function: the function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        name: str,
        table: dynamodb.ITable,
        web_socket: WebSocket,
    ):
        super().__init__(scope, construct_id)
        self.function = AppFunction(
            self,
            "Expire",
            settings=settings,
            module="expire",
            environment=ExpireEnvironment(
                deployment_name=name, table_name=table.table_name, callback_url=web_socket.callback_url
            ),
            timeout=Duration.seconds(55),  # so that runs do not meet
        )
        self.function.allow_items(table, ("Query", "BatchWriteItem"), (keys.EXPIRES,))
        self.function.allow_connections(web_socket.stage, "POST", "DELETE")
        run_every_minute(self, self.function, "warns and closes connections when their token expires")
