"""Whether somebody would be told: a fault that rings, an alarm that gets through, queries that run."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from operations.smoke.check import Check, Target, eventually
from stacks.saved_queries import SAVED_QUERIES

RINGS_WITHIN_SECONDS = 300
"""A minute until the watch function looks, one for the metric, one for the alarm; and as much again."""

TOLD_WITHIN_SECONDS = 60
QUERIED_WITHIN_SECONDS = 60


def _resources(target: Target, kind: str) -> Iterator[tuple[str, str]]:
    """Yield the logical and the physical id of each resource of a type."""
    pages = target.client("cloudformation").get_paginator("list_stack_resources")
    for page in pages.paginate(StackName=target.found.stack):
        for item in page["StackResourceSummaries"]:
            if item["ResourceType"] == kind:
                yield item["LogicalResourceId"], item["PhysicalResourceId"]


def _alarm(target: Target, name: str) -> str:
    """Return what CloudWatch calls an alarm."""
    found = [
        physical
        for logical, physical in _resources(target, "AWS::CloudWatch::Alarm")
        if logical[:-8].endswith(f"Alarms{name}")
    ]
    return found[0]


def _planted_fault(target: Target) -> str:
    sqs, cloudwatch = target.client("sqs"), target.client("cloudwatch")
    name = _alarm(target, "DeadLetters")
    sqs.send_message(QueueUrl=target.found.outputs["QueueUrl"], MessageBody="planted by make smoke")

    def state() -> Any:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return alarm["StateValue"] if alarm["StateValue"] == "ALARM" else None

    seen = eventually(state, seconds=RINGS_WITHIN_SECONDS)
    sqs.purge_queue(QueueUrl=target.found.outputs["DeadLetterQueueUrl"])
    return str(seen)


def _drill(state: str) -> Callable[[Target], str]:
    def see(target: Target) -> str:
        cloudwatch = target.client("cloudwatch")
        name, began = _alarm(target, "Late"), time.time()
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="make smoke")

        def told() -> Any:
            history = cloudwatch.describe_alarm_history(
                AlarmName=name, HistoryItemType="Action", StartDate=began - 1, EndDate=time.time() + 60
            )["AlarmHistoryItems"]
            return history[0]["HistorySummary"].split(" arn:")[0] if history else None

        return str(eventually(told, seconds=TOLD_WITHIN_SECONDS))

    return see


def _queries(target: Target) -> str:
    logs = target.client("logs")
    ids = {physical for _, physical in _resources(target, "AWS::Logs::QueryDefinition")}
    saved = [
        each
        for each in logs.describe_query_definitions()["queryDefinitions"]
        if each["queryDefinitionId"] in ids
    ]
    ends = int(time.time())
    statuses = set()
    for query in saved:
        started = logs.start_query(
            logGroupNames=query["logGroupNames"],
            startTime=ends - 3600,
            endTime=ends,
            queryString=query["queryString"],
        )["queryId"]

        def status(query_id: str = started) -> Any:
            found = logs.get_query_results(queryId=query_id)["status"]
            return None if found in ("Scheduled", "Running") else found

        statuses.add(str(eventually(status, seconds=QUERIED_WITHIN_SECONDS)))
    return f"{len(saved)} queries: {', '.join(sorted(statuses))}"


EXECUTED = "Successfully executed action"
SNS_KEYS = (
    'SNS Developer Guide, "Managing Amazon SNS encryption keys and costs": CloudWatch needs two rights to '
    "the key, and the topic's policy has to let it publish"
)

CHECKS = (
    Check("an alarm that rings", EXECUTED, SNS_KEYS, _drill("ALARM"), here=False),
    Check("an alarm that ends", EXECUTED, SNS_KEYS, _drill("OK"), here=False),
    Check(
        "a planted fault: a message that is no event",
        "ALARM",
        "docs/reference/metrics-and-alarms.md: DeadLetters rings at the first minute above 0",
        _planted_fault,
        here=False,
    ),
    Check(
        "the saved queries run",
        f"{len(SAVED_QUERIES)} queries: Complete",
        'CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax"',
        _queries,
        here=False,
    ),
)
