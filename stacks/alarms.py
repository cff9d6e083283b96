"""Alarms: what was lost, refused or late never goes unseen."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct
from entity_push.runtime.environment import METRICS_NAMESPACE

from stacks.encryption import Encryption
from stacks.expiry import Expiry
from stacks.function import AppFunction
from stacks.push_pipeline import PushPipeline

LATE_SECONDS = 60


class Alarms(Construct):
    """One topic, and an alarm per way in which updates fail to arrive.

    docs/reference/metrics-and-alarms.md says what to do.

    Attributes:
        topic: where alarms are announced; subscribe an address or a chat to it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        pipeline: PushPipeline,
        connect: AppFunction,
    ):
        super().__init__(scope, construct_id)
        self._name = name
        self.topic = self._topic()
        self._watch_pipeline(pipeline)
        self._alarm(
            "ConnectErrors",
            connect.function.metric_errors(),
            "Connections could not be opened: see the log of connect.",
        )

    def watch_tokens(self, expiry: Expiry) -> None:
        """Add the alarms of a deployment that asks for tokens."""
        self._alarm(
            "ConnectsFailed",
            self._own_metric("ConnectsFailed", "authorize"),
            "The authorizer could not verify tokens, valid or not: see its log.",
        )
        self._alarm(
            "ExpireErrors",
            expiry.function.function.metric_errors(),
            "Connections whose token has expired may still be open (they get nothing).",
        )

    def _topic(self) -> sns.Topic:
        # Without a key of ours it's not encrypted: alarms can't publish to a topic under alias/aws/sns, whose
        # policy can't be changed (AWS Knowledge Center, "cloudwatch-configure-alarm-sns").
        topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=Encryption.of(self).key)
        # A policy of one's own replaces SNS's default, and with it CloudWatch's right to publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        return topic

    def _watch_pipeline(self, pipeline: PushPipeline) -> None:
        self._alarm(
            "DeadLetters",
            pipeline.dead_letters.metric_approximate_number_of_messages_visible(statistic="Maximum"),
            "Messages could not be pushed and are in the dead-letter queue: make redrive.",
        )
        self._alarm(
            "TargetDeadLetters",
            pipeline.target_dead_letters.metric_approximate_number_of_messages_visible(statistic="Maximum"),
            "EventBridge could not put events on the queue.",
        )
        self._alarm(
            "PushErrors",
            pipeline.push.function.metric_errors(),
            "The push function failed as a whole.",
        )
        self._alarm(
            "Late",
            pipeline.queue.metric_approximate_age_of_oldest_message(statistic="Maximum"),
            f"An update has waited for more than {LATE_SECONDS} s.",
            threshold=LATE_SECONDS,
        )
        for name, what in {
            "Refused": "API Gateway refused posts for good (400, 403, 413): see the push function's log.",
            "Abandoned": "Clients were disconnected because they could not be reached.",
        }.items():
            self._alarm(name, self._own_metric(name, "push"), what)

    def _own_metric(self, name: str, service: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=name,
            dimensions_map={"Stack": self._name, "service": service},
            statistic="Sum",
        )

    def _alarm(self, name: str, metric: cloudwatch.Metric, what: str, *, threshold: int = 0) -> None:
        alarm = metric.with_(period=Duration.minutes(1)).create_alarm(
            self,
            name,
            alarm_description=f"Entity Push ({self._name}): {what}",
            threshold=threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
