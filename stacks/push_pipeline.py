"""From EventBridge to clients: the rule, the queue, the push function and both dead-letter queues."""

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from entity_push.protocol.events import CLIENT_SOURCE, DETAIL_TYPES
from entity_push.runtime.environment import PushEnvironment

from stacks.acknowledge import acknowledge
from stacks.encryption import Encryption
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


_REPLACED = events.EventPattern(source=["replaced"])


class PushPipeline(Construct):
    """Pushes events to subscribers.

    Attributes:
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
        name: str,
        bus: events.IEventBus,
        table: dynamodb.ITable,
        stage: apigatewayv2.WebSocketStage,
    ):
        super().__init__(scope, construct_id)
        self._settings, self._name = settings, name
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
        self._rules(bus)
        self.push = self._push(table, stage)

    def _queue(
        self,
        construct_id: str,
        *,
        retention: Duration,
        visibility_timeout: Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            construct_id,
            retention_period=retention,
            visibility_timeout=visibility_timeout,
            dead_letter_queue=dead_letter_queue,
            encryption=sqs.QueueEncryption.SQS_MANAGED,  # EventBridge can write to it without a key policy
            enforce_ssl=True,
        )
        if key := Encryption.of(self).key:
            # Not by the constructor: knowing the key, the CDK's target would let every rule of the account
            # write to the queue (aws/aws-cdk#22740). Who may use the key is said in encryption.py alone.
            resource = queue.node.default_child
            assert isinstance(resource, sqs.CfnQueue)
            resource.sqs_managed_sse_enabled = None
            resource.kms_master_key_id = key.key_arn
        return queue

    def _rules(self, bus: events.IEventBus) -> None:
        pushed = events.EventPattern(detail_type=list(DETAIL_TYPES), source=self._sources())
        self._rule("Pushed", bus, "events that are pushed", pushed)
        for number, own in enumerate(self._settings.event_rules, 1):
            rule = self._rule(f"Own{number}", bus, f"eventRules {number}", _REPLACED, own.target_input())
            resource = rule.node.default_child
            assert isinstance(resource, events.CfnRule)
            resource.event_pattern = dict(own.pattern)  # as it is: EventPattern knows fewer operators

    def _rule(
        self,
        construct_id: str,
        bus: events.IEventBus,
        what: str,
        pattern: events.EventPattern,
        message: events.RuleTargetInput | None = None,
    ) -> events.Rule:
        rule = events.Rule(
            self,
            construct_id,
            description=f"Entity Push: {what}",
            event_bus=bus,
            event_pattern=pattern,
        )
        # The target adds both queue policies: EventBridge may write to the queue and to the dead letters.
        target = targets.SqsQueue(self.queue, dead_letter_queue=self.target_dead_letters, message=message)
        rule.add_target(target)
        return rule

    def _sources(self) -> list[str] | None:
        """Return which sources the rule takes; `None` takes all."""
        sources = self._settings.event_sources
        if not sources:
            return None
        return events.Match.any_of(
            *(
                events.Match.prefix(source.removesuffix("*")) if source.endswith("*") else source
                for source in (*sources, CLIENT_SOURCE)
            )
        )

    def _push(self, table: dynamodb.ITable, stage: apigatewayv2.WebSocketStage) -> AppFunction:
        push = AppFunction(
            self,
            "Push",
            settings=self._settings,
            module="push",
            environment=PushEnvironment(
                deployment_name=self._name,
                table_name=table.table_name,
                replay_seconds=self._settings.replay_seconds,
                head_seconds=self._settings.head_seconds,
                callback_url=stage.callback_url,
                queue_url=self.queue.queue_url,
                dead_letter_queue_url=self.dead_letters.queue_url,
            ),
            timeout=PUSH_TIMEOUT,
            memory=self._settings.push_memory,
            # Chunks and retries go back to the queue. Lambda would stop that after about 16 hops of one
            # trace (Lambda Developer Guide, "Use Lambda recursive loop detection"); attempts and age are
            # bounded in lambdas/entity_push/push/settlement.py.
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
        push.allow_connections(stage, "POST", "DELETE")
        push.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=BATCH_SIZE,
                report_batch_item_failures=True,
                max_concurrency=self._settings.push_concurrency,
            )
        )
        return push
