"""The dashboard: whether updates arrive, and if not, where they stop.

docs/reference/metrics-and-alarms.md has the table of its widgets.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import TypeVar

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from .alarms import LATE_SECONDS
from .metrics import ANSWERING, LOSSES_OF_RULES, MINUTE, own_metric, rule_metrics, stage_metric, total
from .push_pipeline import PushPipeline
from .runbook import heading
from .web_socket import WebSocket

Line = cloudwatch.IMetric
Item = TypeVar("Item")

SHOWN_AT_FIRST = Duration.hours(3)

ALARMS_PER_WIDGET = 100
"""CloudWatch API Reference, "Dashboard Body Structure and Syntax", alarm status widget."""

MOST_RULES = 30
"""Rules whose metrics are shown: those of hundreds would not fit into the template. Alarms look at all."""

REQUEST_QUOTAS = {
    10_000: "default quota",
    2_500: "default quota of 13 Regions",
}
"""Requests per second that an account may make of API Gateway in a Region, posts to connections included
(API Gateway Developer Guide, "Amazon API Gateway quotas"). No metric of AWS has an account's own quota."""

REQUESTS_OF_HTTP_AND_WEB_SOCKET_APIS = (
    "SUM(SEARCH('{AWS/ApiGateway,ApiId} "
    'MetricName=("MessageCount" OR "ConnectCount" OR "Count")\', \'Sum\', 60)) / 60'
)
REQUESTS_OF_REST_APIS = "SUM(SEARCH('{AWS/ApiGateway,ApiName} MetricName=\"Count\"', 'Sum', 60)) / 60"


class Dashboard(Construct):
    """One dashboard of a deployment, from what clients notice down to what the account allows.

    Args:
        scope: the parent construct.
        construct_id: the construct's id.
        name: the deployment's name.
        runbook: where the runbook is.
        alarms: the alarms, whose states come first.
        pipeline: what pushes.
        web_socket: what clients connect to.
        functions: all functions, by their modules.
        table: the table.

    Attributes:
        dashboard_name: what CloudWatch calls it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        runbook: str,
        alarms: Sequence[cloudwatch.IAlarm],
        pipeline: PushPipeline,
        web_socket: WebSocket,
        functions: Mapping[str, lambda_.IFunction],
        table: dynamodb.ITable,
    ):
        super().__init__(scope, construct_id)
        self._own = functools.partial(own_metric, name)
        self._pushed = functools.partial(own_metric, name, service="push")
        self._rules = pipeline.dimensions_of_rules[:MOST_RULES]
        dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            default_interval=SHOWN_AT_FIRST,
            # With other periods, counts would not be those of a minute.
            period_override=cloudwatch.PeriodOverride.INHERIT,
        )
        self.dashboard_name = dashboard.dashboard_name
        dashboard.add_widgets(cloudwatch.TextWidget(markdown=heading(name, runbook), width=24, height=1))
        for some in _parts(alarms, ALARMS_PER_WIDGET):
            dashboard.add_widgets(
                cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(some), width=24, height=4)
            )
        for row in (
            self._pushes(),
            self._queues(pipeline),
            self._clients(web_socket, functions),
            _functions(functions),
            _table_and_account(table),
        ):
            dashboard.add_widgets(*row)

    def _pushes(self) -> list[cloudwatch.IWidget]:
        on_the_bus = rule_metrics("IngestionToInvocationSuccessLatency", self._rules, statistic="Average")
        time_to_last_post = {
            percentile: self._pushed("TimeToLastPost", statistic=percentile).with_(
                label=f"queue to last post, {percentile}"
            )
            for percentile in ("p50", "p99")
        }
        slowest = cloudwatch.MathExpression(
            expression=f"MAX([{', '.join(on_the_bus)}])",
            label="bus to queue, average of the slowest rule",
            using_metrics=dict(on_the_bus),
            period=MINUTE,
        )
        return [
            _graph(
                "Updates and posts",
                [self._pushed("Updates"), self._pushed("Deliveries")],
                right=[self._pushed("SubscribersPerUpdate", statistic="Average")],
            ),
            _graph("Time to the last post", [*time_to_last_post.values(), slowest], unit="milliseconds"),
            _graph(
                "Posts that were not taken",
                [self._pushed(each) for each in ("Gone", "Retried", "Refused", "Expired", "Abandoned")],
            ),
            _graph(
                "Updates that went otherwise",
                [self._pushed(each) for each in ("Superseded", "Repeated", "Oversize")],
            ),
        ]

    def _queues(self, pipeline: PushPipeline) -> list[cloudwatch.IWidget]:
        shown, all_rules = len(self._rules), len(pipeline.dimensions_of_rules)
        of_some = f" of the first {shown} rules" if shown < all_rules else ""
        waiting = functools.partial(self._own, service="watch", statistic="Maximum")
        late = cloudwatch.HorizontalAnnotation(value=LATE_SECONDS, label="Late")
        return [
            _graph("Messages on the queue", [waiting("MessagesWaiting"), self._pushed("Failed")]),
            _graph(
                "Age of the oldest message",
                [pipeline.queue.metric_approximate_age_of_oldest_message(statistic="Maximum")],
                unit="seconds",
                lines=[late],
            ),
            _graph(
                "Dead letters",
                [
                    waiting("DeadLettersWaiting"),
                    waiting("TargetDeadLettersWaiting"),
                    self._pushed("DeadLetters"),
                ],
            ),
            _graph(
                "Lost before the queue",
                [total(rule_metrics(each, self._rules), each + of_some) for each in LOSSES_OF_RULES],
            ),
        ]

    def _clients(
        self, web_socket: WebSocket, functions: Mapping[str, lambda_.IFunction]
    ) -> list[cloudwatch.IWidget]:
        ends = functions["disconnect"].metric_invocations(label="ends of connections")
        opened = [stage_metric(web_socket, "ConnectCount"), ends]
        ends_of_tokens = []
        if "authorize" in functions:
            names = ("ConnectsAllowed", "ConnectsRefused", "ConnectsFailed")
            opened += [self._own(each, "authorize") for each in names]
            warnings = [self._own(each, "expire") for each in ("Warned", "NotWarned")]
            ends_of_tokens = [_graph("Ends of tokens", warnings)]
        frames = [
            stage_metric(web_socket, each) for each in ("MessageCount", "ClientError", "ExecutionError")
        ]
        failed = [self._named("FramesFailed", each) for each in ANSWERING]
        forbidden = [self._named("Forbidden", each) for each in ("subscribe", "publish", "connect")]
        return [
            _graph("Connections that begin and end", opened),
            *ends_of_tokens,
            _graph("Frames", frames),
            _graph("Frames that failed or were forbidden", [*failed, *forbidden]),
        ]

    def _named(self, name: str, service: str) -> cloudwatch.Metric:
        return self._own(name, service).with_(label=f"{name}: {service}")


def _functions(functions: Mapping[str, lambda_.IFunction]) -> list[cloudwatch.IWidget]:
    """Return the widgets of all functions: a line for each."""
    each = functions.items()
    return [
        _graph("Invocations", [item.metric_invocations(label=module) for module, item in each]),
        _graph("Errors", [item.metric_errors(label=module) for module, item in each]),
        _graph("Throttles", [item.metric_throttles(label=module) for module, item in each]),
        _graph(
            "Durations (p99)",
            [item.metric_duration(label=module, statistic="p99") for module, item in each],
            unit="milliseconds",
        ),
    ]


def _table_and_account(table: dynamodb.ITable) -> list[cloudwatch.IWidget]:
    taken = ("ConsumedWriteCapacityUnits", "ConsumedReadCapacityUnits")
    throttled = ("WriteThrottleEvents", "ReadThrottleEvents")
    # All functions of the account and Region; there is no dimension (Lambda Developer Guide, "Monitoring
    # concurrency").
    claimed = cloudwatch.Metric(
        namespace="AWS/Lambda", metric_name="ClaimedAccountConcurrency", statistic="Maximum"
    )
    return [
        _graph("Table: units", [table.metric(each, statistic="Sum") for each in taken]),
        _graph("Table: throttles", [table.metric(each, statistic="Sum") for each in throttled]),
        _graph(
            "Account: requests of API Gateway per second",
            [
                cloudwatch.MathExpression(
                    expression=REQUESTS_OF_HTTP_AND_WEB_SOCKET_APIS, label="HTTP and WebSocket APIs"
                ),
                cloudwatch.MathExpression(expression=REQUESTS_OF_REST_APIS, label="REST APIs"),
            ],
            unit="per second, average of a minute",
            lines=[
                cloudwatch.HorizontalAnnotation(value=value, label=label)
                for value, label in REQUEST_QUOTAS.items()
            ],
            stacked=True,
        ),
        _graph("Account: functions at once", [claimed], unit="at once"),
    ]


def _parts(items: Sequence[Item], most: int) -> list[Sequence[Item]]:
    return [items[start : start + most] for start in range(0, len(items), most)]


def _graph(
    title: str,
    left: Sequence[Line],
    *,
    right: Sequence[Line] = (),
    unit: str = "per minute",
    lines: Sequence[cloudwatch.HorizontalAnnotation] = (),
    stacked: bool = False,
) -> cloudwatch.GraphWidget:
    """Return a widget, of which four make a row.

    Args:
        title: its title, by which the documents know it.
        left: what is on the left axis.
        right: what is on the right one.
        unit: the unit of the left axis.
        lines: horizontal lines on the left axis.
        stacked: whether the left ones are stacked on each other.
    """
    return cloudwatch.GraphWidget(
        title=title,
        left=list(left),
        right=list(right),
        left_y_axis=cloudwatch.YAxisProps(label=unit, min=0, show_units=False),
        right_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        left_annotations=list(lines),
        stacked=stacked,
        period=MINUTE,
        width=6,
        height=6,
    )
