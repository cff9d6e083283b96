"""From EventBridge to clients: the rule, the queue, the push function and both dead-letter queues."""

from typing import cast

from aws_cdk import CfnElement, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from entity_push.events import ENTITY_UPDATED

from stacks.acknowledge import acknowledge
from stacks.function import AppFunction
from stacks.settings import Settings

PUSH_TIMEOUT = Duration.seconds(60)
VISIBILITY_TIMEOUT = Duration.seconds(6 * 60)
"""6 × the function's timeout (Lambda Developer Guide, "Using Lambda with Amazon SQS")."""

DEAD_LETTER_RETENTION = Duration.days(14)
RECEIVES = 12
"""With the delays of Queue.come_back_soon: trouble of a quarter of an hour needs nobody."""

BATCH_SIZE = 10
"""The most that needs no batching window, which would delay every update."""


class Notifications(Construct):
    """Pushes events to subscribers.

    Attributes:
        bus: the bus that is listened to.
        queue: events on their way to the push function.
        dead_letters: what could not be pushed.
        target_dead_letters: what EventBridge could not put on the queue.
        push: the push function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        table: dynamodb.ITable,
        stage: apigatewayv2.WebSocketStage,
    ):
        super().__init__(scope, construct_id)
        self._settings = settings
        self.bus = self._bus()
        self.dead_letters = self._queue("DeadLetters", retention=DEAD_LETTER_RETENTION)
        self.target_dead_letters = self._queue("TargetDeadLetters", retention=DEAD_LETTER_RETENTION)
        acknowledge(
            self.target_dead_letters,
            "SQS3",
            "It is a dead-letter queue itself: EventBridge's, for what it could not put on the queue.",
        )
        self.queue = self._queue(
            "Queue",
            retention=Duration.days(4),
            visibility_timeout=VISIBILITY_TIMEOUT,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=RECEIVES),
        )
        self._rule()
        self.push = self._push(table, stage)

    def _bus(self) -> events.IEventBus:
        if self._settings.event_bus == "own":
            return events.EventBus(self, "Bus")
        return events.EventBus.from_event_bus_name(self, "Bus", "default")

    def _queue(
        self,
        construct_id: str,
        *,
        retention: Duration,
        visibility_timeout: Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            retention_period=retention,
            visibility_timeout=visibility_timeout,
            dead_letter_queue=dead_letter_queue,
            encryption=sqs.QueueEncryption.SQS_MANAGED,  # EventBridge can write to it without a key policy
            enforce_ssl=True,
        )

    def _rule(self) -> None:
        rule = events.Rule(
            self,
            "EntityUpdated",
            description="Entity Push: updates of entities",
            event_bus=self.bus,
            event_pattern=events.EventPattern(detail_type=[ENTITY_UPDATED]),
        )
        # The target adds both queue policies: EventBridge may write to the queue and to the dead letters.
        rule.add_target(targets.SqsQueue(self.queue, dead_letter_queue=self.target_dead_letters))

    def _push(self, table: dynamodb.ITable, stage: apigatewayv2.WebSocketStage) -> AppFunction:
        push = AppFunction(
            self,
            "Push",
            settings=self._settings,
            module="push",
            environment={
                "STACK_NAME": self._settings.stack_name,
                "TABLE_NAME": table.table_name,
                **self._settings.history_environment,
                "CALLBACK_URL": stage.callback_url,
                "QUEUE_URL": self.queue.queue_url,
                "DEAD_LETTER_QUEUE_URL": self.dead_letters.queue_url,
            },
            timeout=PUSH_TIMEOUT,
            memory=self._settings.push_memory,
            # Chunks and retries go back to the queue. Lambda would stop that after about 16 hops of one
            # trace (Lambda Developer Guide, "Use Lambda recursive loop detection"); attempts and age are
            # bounded in lambdas/entity_push/settlement.py.
            recursive_loop=lambda_.RecursiveLoop.ALLOW,
        )
        push.allow(
            (
                *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
                *("dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"),
            ),
            table.table_arn,
        )
        push.allow(("sqs:SendMessage",), self.queue.queue_arn, self.dead_letters.queue_arn)
        self._allow_connections(push, stage)
        push.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=BATCH_SIZE,
                report_batch_item_failures=True,
                max_concurrency=self._settings.push_concurrency,
            )
        )
        return push

    def _allow_connections(self, push: AppFunction, stage: apigatewayv2.WebSocketStage) -> None:
        """Let push post to the stage's connections, and close those that it can't reach."""
        stack = Stack.of(self)
        api_id = stack.get_logical_id(cast(CfnElement, stage.api.node.default_child))
        for method in ("POST", "DELETE"):
            path = f"{stage.stage_name}/{method}/@connections/*"
            push.allow(
                ("execute-api:ManageConnections",),
                stack.format_arn(service="execute-api", resource=stage.api.api_id, resource_name=path),
            )
            acknowledge(
                push,
                "IAM5[Resource::arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:"
                f"<{api_id}>/{path}]",
                "Connections come and go; all those of this stage, and nothing else, may be reached.",
            )
