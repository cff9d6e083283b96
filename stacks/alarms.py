"""Alarms: nothing fails, is lost, refused or late without one that rings.

docs/reference/metrics-and-alarms.md has the table of all ways of failing, and what to do.
"""

import functools
from collections.abc import Mapping, Sequence

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct
from entity_push.push import retries

from .encryption import Encryption
from .metrics import (
    ANSWERING,
    LOSSES_OF_RULES,
    MINUTE,
    own_metric,
    rule_metrics,
    stage_metric,
    total,
)
from .push_pipeline import PushPipeline
from .runbook import link_to
from .settings import Settings
from .web_socket import WebSocket

LATE_SECONDS = retries.LONGEST_DELAY_SECONDS + 60
"""A retry waits on the queue by design; what is older than the longest such wait and a minute is late."""

SCHEDULED = ("watch", "expire")
"""Functions that run every minute."""

RULES_PER_ALARM = 3
"""An alarm looks at ten metrics at most (CloudWatch User Guide, "Create an alarm based on a metric math
expression"), and each rule has three."""


class Alarms(Construct):
    """One topic, and an alarm per way of failing.

    Args:
        scope: the parent construct.
        construct_id: the construct's id.
        settings: the deployment's settings.
        name: the deployment's name.
        pipeline: what pushes.
        web_socket: what clients connect to.
        functions: all functions, by their modules; without authorize and expire, anybody may connect.

    Attributes:
        topic: where alarms are announced; subscribe an address or a chat to it.
        alarms: the alarms.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        name: str,
        pipeline: PushPipeline,
        web_socket: WebSocket,
        functions: Mapping[str, lambda_.IFunction],
    ):
        super().__init__(scope, construct_id)
        self._settings, self._name = settings, name
        self._own_metric = functools.partial(own_metric, name)
        self.topic = self._topic()
        for address in settings.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))
        self.alarms: list[cloudwatch.Alarm] = []
        self._watch_functions(functions)
        for module in SCHEDULED:
            if module in functions:
                self._watch_schedule(module, functions[module])
        if "authorize" in functions:
            self._watch_authorizer(functions["authorize"])
        self._watch_routes(web_socket)
        self._watch_rules(pipeline.dimensions_of_rules)
        self._watch_queues(pipeline)
        self._watch_pushes()

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

    def _watch_functions(self, functions: Mapping[str, lambda_.IFunction]) -> None:
        for module, function in functions.items():
            if module != "authorize":  # each of its 401 is an error
                what = f"The function {module} failed as a whole: see its log."
                self._alarm(f"{module.capitalize()}Errors", function.metric_errors(), what)
        # The function that watches the queues may itself be throttled: WatchStopped.
        throttled = {module: function for module, function in functions.items() if module != "watch"}
        self._alarm(
            "Throttled",
            total({f"{module}Throttles": each.metric_throttles() for module, each in throttled.items()}),
            "Functions could not start: the account's quota of concurrent executions is used up.",
        )

    def _watch_schedule(self, module: str, function: lambda_.IFunction) -> None:
        self._alarm(
            f"{module.capitalize()}Stopped",
            function.metric_invocations(),
            f"The function {module} does not run every minute.",
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            threshold=1,
            minutes=(2, 2),
            missing=cloudwatch.TreatMissingData.BREACHING,
        )

    def _watch_authorizer(self, authorize: lambda_.IFunction) -> None:
        self._alarm(
            "ConnectsFailed",
            self._own_metric("ConnectsFailed", "authorize"),
            "The authorizer could not verify tokens, valid or not: see its log.",
        )
        # Each 401 is an error to Lambda, so what is left is looked at. Metrics of one handshake may fall into
        # two minutes, or arrive one after the other: hence the hundredth, and two bad minutes.
        unexplained = "FILL(errors, 0) - FILL(refused, 0) - FILL(failed, 0)"
        self._alarm(
            "AuthorizeErrors",
            cloudwatch.MathExpression(
                expression=f"IF({unexplained} > FILL(errors, 0) / 100, {unexplained}, 0)",
                label="errors that are no refusal",
                using_metrics={
                    "errors": authorize.metric_errors(),
                    "refused": self._own_metric("ConnectsRefused", "authorize"),
                    "failed": self._own_metric("ConnectsFailed", "authorize"),
                },
                period=MINUTE,
            ),
            "The authorizer did not start or did not end: new connections are refused.",
            minutes=(2, 3),
        )

    def _watch_routes(self, web_socket: WebSocket) -> None:
        frames = {f"{module}Frames": self._own_metric("FramesFailed", module) for module in ANSWERING}
        self._alarm(
            "FramesFailed",
            total(frames),
            "Clients were told internal_error or not_published: see the log of the function.",
        )
        self._alarm(
            "GatewayErrors",
            stage_metric(web_socket, "ExecutionError"),
            "API Gateway could not call a function.",
        )

    def _watch_rules(self, dimensions: Sequence[Mapping[str, str]]) -> None:
        for start in range(0, len(dimensions), RULES_PER_ALARM):
            some = dimensions[start : start + RULES_PER_ALARM]
            lost: dict[str, cloudwatch.Metric] = {}
            for metric in LOSSES_OF_RULES:
                lost |= rule_metrics(metric, some)
            number = start // RULES_PER_ALARM + 1
            self._alarm(
                "NotQueued" if number == 1 else f"NotQueued{number}",
                total(lost),
                "EventBridge could not put events on the queue.",
            )

    def _watch_queues(self, pipeline: PushPipeline) -> None:
        self._alarm(
            "DeadLetters",
            self._own_metric("DeadLettersWaiting", "watch", statistic="Maximum"),
            "Messages could not be pushed and are in the dead-letter queue: make redrive.",
        )
        self._alarm(
            "TargetDeadLetters",
            self._own_metric("TargetDeadLettersWaiting", "watch", statistic="Maximum"),
            "Events that EventBridge could not put on the queue are in its dead-letter queue.",
        )
        self._alarm(
            "NotTaken",
            cloudwatch.MathExpression(
                expression="IF(FILL(invocations, 0) == 0, FILL(waiting, 0), 0)",
                label="messages that nobody takes",
                using_metrics={
                    "waiting": self._own_metric("MessagesWaiting", "watch", statistic="Maximum"),
                    "invocations": pipeline.push.function.metric_invocations(),
                },
                period=MINUTE,
            ),
            "Messages wait on the queue, and the push function is not invoked.",
            minutes=(2, 3),
        )
        self._alarm(
            "Late",
            pipeline.queue.metric_approximate_age_of_oldest_message(statistic="Maximum"),
            f"An update has waited for more than {LATE_SECONDS} s.",
            threshold=LATE_SECONDS,
        )

    def _watch_pushes(self) -> None:
        self._alarm(
            "Failed",
            self._own_metric("Failed", "push"),
            "Messages fail as a whole and come back: see the push function's log.",
            minutes=(2, 3),  # less is a disturbance that retries make up for
        )
        self._alarm(
            "Undelivered",
            cloudwatch.MathExpression(
                expression="IF(FILL(retried, 0) > FILL(delivered, 0), FILL(retried, 0), 0)",
                label="posts to be tried again, if more than were taken",
                using_metrics={
                    "retried": self._own_metric("Retried", "push"),
                    "delivered": self._own_metric("Deliveries", "push"),
                },
                period=MINUTE,
            ),
            "Most posts fail and are tried again: throttled, 403, or API Gateway does not answer.",
            minutes=(2, 3),
        )
        for name, what in {
            "Refused": "API Gateway refused posts for good (400, 413): see the push function's log.",
            "Abandoned": "Clients were disconnected because they could not be reached.",
        }.items():
            self._alarm(name, self._own_metric(name, "push"), what)

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.Metric | cloudwatch.MathExpression,
        what: str,
        *,
        threshold: int = 0,
        comparison: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        minutes: tuple[int, int] = (1, 1),
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        """Add an alarm that rings when, of the last `minutes[1]` minutes, `minutes[0]` are bad."""
        bad, last = minutes
        section = link_to(self._settings.runbook_url, name)
        if isinstance(metric, cloudwatch.Metric):
            metric = metric.with_(period=MINUTE)
        alarm = metric.create_alarm(
            self,
            name,
            alarm_description=f"Entity Push ({self._name}): {what} What to do: {section}",
            threshold=threshold,
            comparison_operator=comparison,
            datapoints_to_alarm=bad if bad < last else None,
            evaluation_periods=last,
            treat_missing_data=missing,
        )
        tell = actions.SnsAction(self.topic)
        alarm.add_alarm_action(tell)
        alarm.add_ok_action(tell)
        self.alarms.append(alarm)
