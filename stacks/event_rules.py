"""The EventBridge rules: which events go to the push queue, and by which right."""

import hashlib
import json
from typing import Any

import jsii
from aws_cdk import Fn, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from entity_push.protocol.event_rules import EventRule
from entity_push.protocol.events import CLIENT_SOURCE, DEPLOYMENT, DETAIL_TYPES

from .bus import deployment_address
from .settings import Settings

_REPLACED = events.EventPattern(source=["replaced"])


def rule_name_prefix(name: str) -> str:
    """Return what the names of a deployment's own rules begin with, and no other deployment's do.

    A rule's name has at most 64 characters, and the name of a stack may have 128: so the hash.
    The underscore ends the prefix, since names of stacks and constructs have none.

    Args:
        name: the deployment's name.
    """
    return f"{name[:15]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}_"


@jsii.implements(events.IRuleTarget)
class _Queue:
    """The push queue as a target. The CDK's own target adds a statement to both policies for every rule."""

    def __init__(self, queue: sqs.IQueue, dead_letters: sqs.IQueue):
        self._queue, self._dead_letters = queue, dead_letters

    def bind(self, _rule: events.IRule, _target_id: str | None = None) -> events.RuleTargetConfig:
        """Return what the rule says of its target."""
        return events.RuleTargetConfig(
            arn=self._queue.queue_arn,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self._dead_letters.queue_arn),
        )


class EventRules:
    """The rule for the documented events, and one for each of a team's own.

    Args:
        scope: the construct that they are in.
        settings: the deployment's settings.
        name: the deployment's name.
        bus: where the events are.
        queue: where they go.
        dead_letters: where they go if EventBridge can't put them on the queue.

    Attributes:
        dimensions: those of each rule's metrics.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        name: str,
        bus: events.IEventBus,
        queue: sqs.Queue,
        dead_letters: sqs.Queue,
    ):
        self._scope, self._settings, self._bus = scope, settings, bus
        self._target = _Queue(queue, dead_letters)
        self._accounts = [Stack.of(scope).account, *settings.event_accounts]
        self._prefix = rule_name_prefix(name)
        # Nothing marks what services put, nor what clients have published by an earlier version of ours. Any
        # one of the values is enough (https://github.com/aws/event-ruler, "Simple matching").
        self._deployments = {DEPLOYMENT: [deployment_address(scope, name), {"exists": False}]}
        self.dimensions: list[dict[str, str]] = []
        pushed = self._rule(
            "Pushed",
            "events that are pushed",
            events.EventPattern(
                account=self._accounts,
                detail_type=list(DETAIL_TYPES),
                source=self._sources(),
                detail=self._deployments,
            ),
        )
        for target in (queue, dead_letters):
            self._let_write(target, pushed)
        for own in settings.event_rules:
            self._own_rule(own).node.add_dependency(queue, dead_letters)

    def _rule(
        self, construct_id: str, what: str, pattern: events.EventPattern, name: str | None = None
    ) -> events.Rule:
        rule = events.Rule(
            self._scope,
            construct_id,
            rule_name=name,
            description=f"Entity Push: {what}",
            event_bus=self._bus,
            event_pattern=pattern,
            targets=[self._target],  # type: ignore[list-item]  # jsii implements it at run time
        )
        self.dimensions.append(self._dimensions(rule))
        return rule

    def _dimensions(self, rule: events.Rule) -> dict[str, str]:
        """Return the dimensions of a rule's metrics; on another bus than the default one, the bus is one too.

        Source: EventBridge User Guide, "Monitoring Amazon EventBridge". The name is taken from the ARN, which
        ends in `rule/NAME` or `rule/BUS/NAME`: `Ref` of a rule on such a bus is `BUS|NAME`.
        """
        bus = self._bus.event_bus_name
        if bus == "default":
            return {"RuleName": Fn.select(1, Fn.split("/", rule.rule_arn))}
        return {"EventBusName": bus, "RuleName": Fn.select(2, Fn.split("/", rule.rule_arn))}

    def _own_rule(self, own: EventRule) -> events.Rule:
        """Hand on a team's own events whole, as data, with the name of the rule that reads them.

        Source: EventBridge User Guide, "Amazon EventBridge input transformation", predefined variables.
        """
        rule = self._rule(f"Own-{own.name}", f"eventRules {own.name}", _REPLACED, self._prefix + own.name)
        resource = rule.node.default_child
        assert isinstance(resource, events.CfnRule)
        detail = {**own.pattern.get("detail", {}), **self._deployments}
        pattern: dict[str, Any] = {**own.pattern, "account": self._accounts, "detail": detail}
        resource.event_pattern = pattern  # as it is: EventPattern knows fewer operators
        template = f'{{"rule":{json.dumps(own.name)},"event":<aws.events.event.json>}}'
        resource.add_property_override("Targets.0.InputTransformer", {"InputTemplate": template})
        return rule

    def _let_write(self, queue: sqs.Queue, pushed: events.Rule) -> None:
        """Let EventBridge write to a queue for this deployment's rules, by one statement for all of them.

        A policy has at most 20 statements, 10 conditions and 8,192 bytes (SQS Developer Guide, "Amazon SQS
        policy quotas").
        """
        stack = Stack.of(self._scope)
        bus = self._bus.event_bus_name
        # On another bus than the default one, the bus is part of a rule's ARN.
        path = self._prefix if bus == "default" else f"{bus}/{self._prefix}"
        own = stack.format_arn(service="events", resource="rule", resource_name=f"{path}*")
        queue.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions={
                    "ArnLike": {"aws:SourceArn": [pushed.rule_arn, own]},
                    "StringEquals": {"aws:SourceAccount": stack.account},
                },
            )
        )

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
