"""From EventBridge to clients: the rule, the queue, the push function and both dead-letter queues."""

import json

from aws_cdk import Annotations, Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from entity_push.push import retries
from entity_push.runtime.environment import PushEnvironment
from entity_push.table import keys

from .acknowledge import acknowledge
from .encryption import Encryption
from .event_rules import EventRules
from .function import AppFunction
from .settings import Settings
from .web_socket import WebSocket

DEAD_LETTER_RETENTION = Duration.days(14)

BATCH_SIZE = 10
"""The most that needs no batching window, which would delay every update."""


class PushPipeline(Construct):
    """Pushes events to subscribers.

    Attributes:
        queue: events on their way to the push function.
        dead_letters: what could not be pushed.
        target_dead_letters: what EventBridge could not put on the queue.
        push: the push function.
        dimensions_of_rules: those of each rule's metrics.
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
        web_socket: WebSocket,
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
            visibility_timeout=Duration.seconds(retries.VISIBILITY_SECONDS),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=retries.MAX_RECEIVES
            ),
        )
        rules = EventRules(
            self,
            settings=settings,
            name=name,
            bus=bus,
            queue=self.queue,
            dead_letters=self.target_dead_letters,
        )
        self.dimensions_of_rules = rules.dimensions
        self.push = self._push(table, web_socket)
        # New accounts have reduced quotas (Lambda Developer Guide, "Lambda quotas"); synth can't see them.
        Annotations.of(self).add_info_v2(
            "entity-push:lambda-quota",
            f"Up to {settings.push_concurrency} push functions run at once, beside those that clients call. "
            "A new account may run 10 functions in all: then pushes starve connects. "
            "`aws lambda get-account-settings` says its number. Ask for more "
            "(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), or take "
            f"{settings.as_given('push_concurrency', 2)} until you have them.",
        )

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
            # write to the queue (aws/aws-cdk#22740). The rights to the key stand in encryption.py alone.
            resource = queue.node.default_child
            assert isinstance(resource, sqs.CfnQueue)
            resource.sqs_managed_sse_enabled = None
            resource.kms_master_key_id = key.key_arn
        return queue

    def _push(self, table: dynamodb.ITable, web_socket: WebSocket) -> AppFunction:
        push = AppFunction(
            self,
            "Push",
            settings=self._settings,
            module="push",
            environment=PushEnvironment(
                deployment_name=self._name,
                table_name=table.table_name,
                replay_seconds=self._settings.replay_seconds,
                callback_url=web_socket.callback_url,
                queue_url=self.queue.queue_url,
                dead_letter_queue_url=self.dead_letters.queue_url,
            ),
            timeout=Duration.seconds(retries.FUNCTION_SECONDS),
            memory=self._settings.push_memory,
            # Chunks and retries go back to the queue. Lambda would stop that after about 16 hops of one
            # trace (Lambda Developer Guide, "Use Lambda recursive loop detection"); attempts and age are
            # bounded in lambdas/entity_push/push/settlement.py.
            recursive_loop=lambda_.RecursiveLoop.ALLOW,
            files=_rules_file(self._settings),
        )
        push.allow_items(
            table,
            ("GetItem", "PutItem", "UpdateItem", "Query", "BatchGetItem", "BatchWriteItem"),
            keys.PARTITIONS,
        )
        push.allow(("sqs:SendMessage",), self.queue.queue_arn, self.dead_letters.queue_arn)
        push.allow_connections(web_socket.stage, "POST", "DELETE")
        push.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=BATCH_SIZE,
                report_batch_item_failures=True,
                max_concurrency=self._settings.push_concurrency,
            )
        )
        return push


def _rules_file(settings: Settings) -> dict[str, str]:
    """Return the file with the rules for own events: a hundred of them do not fit into a variable."""
    rules = [dict(rule.written) for rule in settings.event_rules]
    return {"event_rules.json": json.dumps(rules)} if rules else {}
