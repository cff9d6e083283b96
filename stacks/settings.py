"""Every setting of a deployment: typed, checked, documented.

Our own app reads them from the CDK context (stacks/app_settings.py); another app makes them as an object.
"""

import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field, fields
from typing import Any, Self

from entity_push.protocol.event_rules import EVENT_RULES_RULE, EventRule, read_rules
from entity_push.runtime.environment import AuthorizationMode

from .contract import ClaimNames
from .retention import LOG_RETENTIONS
from .runbook import DEFAULT_RUNBOOK
from .setting_checks import (
    GONE,
    SettingError,
    check_companions,
    check_issuer,
    context_name,
    read,
    unknown,
)
from .setting_kinds import (
    Kind,
    choice,
    choice_or,
    flag,
    list_of,
    matching,
    one_of_numbers,
    rates,
    whole,
)

SUPPORTED_PYTHONS = ("3.11", "3.12", "3.13", "3.14")

DEFAULT_PYTHON = "3.13"
"""One for all machines: otherwise two people who deploy in turn would change every function's runtime."""


_CLAIM = matching(r"[!-~]{1,256}", "1 to 256 printable characters without spaces")


def setting_field(default: Any, kind: Kind, doc: str) -> Any:
    """Return the field of a setting, with what is allowed and what it does."""
    return field(default=default, metadata={"kind": kind, "doc": doc})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one deployment."""

    stage: str = setting_field(
        "prod",
        matching(r"[A-Za-z0-9_-]{1,128}", "1 to 128 letters, digits, underscores and hyphens"),
        "Name of the API's stage, the last part of its URL.",
    )
    event_bus: str = setting_field(
        "default",
        choice_or(
            "default",
            "own",
            pattern=r"arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._/-]{1,256}",
            allowed="the ARN of a bus",
        ),
        "Which EventBridge bus is listened to: the account's default bus, one made for this stack, or "
        "another one of the same account and Region.",
    )
    event_sources: tuple[str, ...] = setting_field(
        (),
        list_of(
            r"[A-Za-z0-9._/-]{1,256}\*?",
            "event sources (`orders.service`) or prefixes (`orders.*`)",
        ),
        "Whose events are pushed: their `Source` has to be one of these. Nothing: every source's on the bus.",
    )
    event_accounts: tuple[str, ...] = setting_field(
        (),
        list_of(r"[0-9]{12}", "account ids"),
        "Accounts whose events are pushed, besides its own. A bus may take events of others, too.",
    )
    event_rules: tuple[EventRule, ...] = setting_field(
        (),
        Kind(EVENT_RULES_RULE, read_rules, lambda _rules: "none"),
        "Own events that become updates as they are: which (an EventBridge event pattern), for which "
        "audience (`entityId`, `entityIds`, `userId` or `broadcast`), with which `message`. See "
        "[own events](../how-to/own-events.md).",
    )
    architecture: str = setting_field(
        "arm64", choice("arm64", "x86_64"), "Processor of the functions. arm64 costs a fifth less."
    )
    python_version: str = setting_field(
        DEFAULT_PYTHON,
        choice(*SUPPORTED_PYTHONS),
        "Python of the functions, wherever they are deployed from. Where it is installed (as python3.x), it "
        "compiles their bytecode. Elsewhere they go without, cold starts take longer, and the synth warns.",
    )
    authorization: str = setting_field(
        AuthorizationMode.JWT,
        choice(*AuthorizationMode),
        "Which clients may connect: those with a token signed by the deployment's secret (jwt), with a token "
        "of an OpenID Connect provider (oidc), or anybody (none).",
    )
    token_issuer: str = setting_field(
        "",
        matching(r"[!-~]{0,256}", "an https URL (oidc), or 1 to 256 printable characters (jwt)"),
        "Issuer (`iss`) that tokens must name. With oidc it is required, and its keys are found below it; "
        "with jwt the default is the stack's name.",
    )
    token_audience: str = setting_field(
        "",
        matching(r"[!-~]{0,256}", "1 to 256 printable characters"),
        "Audience (`aud`) that tokens must name: with oidc the client or API id, required; with jwt the "
        "default is the stack's name.",
    )
    user_claim: str = setting_field(ClaimNames.user, _CLAIM, "Claim that names the user.")
    subscribe_claim: str = setting_field(
        ClaimNames.subscribe, _CLAIM, "Claim with the patterns of what its bearer may subscribe to."
    )
    publish_claim: str = setting_field(
        ClaimNames.publish, _CLAIM, "Claim with the patterns of what its bearer may publish to."
    )
    connections_per_user: int = setting_field(
        50, whole(0, 10_000), "How many connections one user may have open. 0: any number."
    )
    client_frame_kilobytes: int = setting_field(
        32, whole(1, 128), "Size in KB (1,024 bytes) of the largest frame that a client may send."
    )
    everyone: bool = setting_field(
        True,
        flag(),
        "Subscribe every connection to broadcasts when it opens, at the cost of a write. false: clients that "
        "want them subscribe to the channel everyone.",
    )
    subscriptions_per_connection: int = setting_field(
        100, whole(1, 1000), "How many subscriptions one connection may have."
    )
    replay_hours: int = setting_field(
        24,
        whole(0, 24 * 30),
        "How long updates are kept for clients that come back. A channel's cursors and its latest update are "
        "kept as long, and at most twice as long. 0 stores and numbers nothing: frames have no sequence, and "
        "clients can't catch up.",
    )
    throttle_rate: int = setting_field(
        1000,
        whole(1, 100_000),
        "Connects and client frames per second that the stage takes. The account's own quota, which "
        "pushes share, is 10,000.",
    )
    throttle_burst: int = setting_field(
        500, whole(1, 100_000), "Connects and client frames that the stage takes at once."
    )
    route_throttles: tuple[tuple[str, int], ...] = setting_field(
        (("$connect", 500), ("$default", 100)),
        rates(1, 100_000),
        "Requests per second, and at once, of single routes, instead of throttleRate and throttleBurst. "
        "500 connects is API Gateway's own default quota per account and Region; `$default` only answers "
        "what is no known action. This replaces the default as a whole.",
    )
    push_memory: int = setting_field(
        1769, whole(256, 10_240), "Memory of the push function in MB; 1769 buys it one whole vCPU."
    )
    push_concurrency: int = setting_field(
        10, whole(2, 1000), "How many push functions run at once at the most."
    )
    retain_data: bool = setting_field(
        True,
        flag(),
        "Keep the table and the logs when the stack is deleted, and protect the table from deletion.",
    )
    point_in_time_recovery: bool = setting_field(
        True,
        flag(),
        "Continuous backups of the table, restorable to any second of the last 35 days.",
    )
    encryption: str = setting_field(
        "aws",
        choice_or(
            "aws",
            "customer",
            pattern=r"arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,128}",
            allowed="the ARN of a KMS key",
        ),
        "Whose key encrypts what is stored (table, queues, alarm topic, logs and token secret): AWS's own "
        "(aws), one KMS key made for this stack, rotated every year (customer), or "
        "[one that there is](../how-to/deploy-in-a-company.md#an-existing-key).",
    )
    domain_name: str = setting_field(
        "",
        matching(r"(([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63})?", "a domain name in lower case"),
        "Domain of one's own for the WebSocket URL: `wss://push.example.com`, without the stage. It needs a "
        "certificate. See [its own domain](../how-to/deploy-in-a-company.md#a-domain-of-its-own).",
    )
    certificate_arn: str = setting_field(
        "",
        matching(r"(arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]{1,64})?", "an ARN of ACM"),
        "Certificate of domainName, in ACM, in the deployment's Region.",
    )
    hosted_zone_id: str = setting_field(
        "",
        matching(r"[A-Z0-9]{0,32}", "the id of a hosted zone"),
        "Route 53 hosted zone that gets a record for domainName. Nothing: the record is yours to make.",
    )
    execute_api_endpoint: bool = setting_field(
        True,
        flag(),
        "Leave API Gateway's own URL open. false: clients connect, and updates are posted, through "
        "domainName only.",
    )
    subnet_ids: tuple[str, ...] = setting_field(
        (),
        list_of(r"subnet-[0-9a-f]{8,17}", "ids of subnets"),
        "Subnets of a VPC that the functions run in, which must have a way to AWS's APIs. Nothing: no VPC. "
        "See [functions in a VPC](../how-to/deploy-in-a-company.md#functions-in-a-vpc).",
    )
    security_group_ids: tuple[str, ...] = setting_field(
        (),
        list_of(r"sg-[0-9a-f]{8,17}", "ids of security groups"),
        "Security groups of the functions in a VPC.",
    )
    access_logs: bool = setting_field(True, flag(), "Log every connect, frame and disconnect of the API.")
    tracing: bool = setting_field(
        True,
        flag(),
        "Trace invocations in X-Ray: one a second of each function, and 5 % of the others. false saves up to "
        "a sixth of [the bill](../explanation/costs.md).",
    )
    api_gateway_log_role: bool = setting_field(
        True,
        flag(),
        "Set the role with which API Gateway writes logs, one per account and Region, and keep it when "
        "the stack is deleted. false if the account has one already.",
    )
    log_level: str = setting_field(
        "INFO",
        choice("DEBUG", "INFO"),
        "Least level that the functions log. Above INFO, Lambda would drop the metrics too.",
    )
    log_retention_days: int = setting_field(30, one_of_numbers(*LOG_RETENTIONS), "Days that logs are kept.")
    alarm_email: tuple[str, ...] = setting_field(
        (),
        list_of(r"[^\s@,/]{1,64}@[A-Za-z0-9.-]{1,190}", "e-mail addresses"),
        "Who is told of [alarms](metrics-and-alarms.md#alarms), and when they end. Each address has to "
        "confirm the mail that SNS sends it first.",
    )
    runbook_url: str = setting_field(
        DEFAULT_RUNBOOK,
        matching(r"[!-~]{1,512}", "a path or a URL"),
        "Where your team reads the [runbook](../how-to/runbook.md): an alarm's description names its section "
        "there. For a link, give the page's URL.",
    )
    dashboard: bool = setting_field(
        True,
        flag(),
        "Make a [dashboard](metrics-and-alarms.md#dashboard) in CloudWatch, for $3 a month.",
    )
    console_page: bool = setting_field(
        False,
        flag(),
        "Host the [console page](../how-to/use-the-console.md) with S3 and CloudFront, at the output "
        "ConsoleUrl. Anybody can open it, and needs a token to connect.",
    )
    head_days: InitVar[None] = None  # gone; a TypeError would not say what replaced it

    @property
    def replay_seconds(self) -> int:
        """How long updates are kept."""
        return self.replay_hours * 3600

    @classmethod
    def as_given(cls, name: str, value: Any) -> str:
        """Return how a setting is given a value, for advice: in another app, as an argument."""
        return f"Settings({name}={value!r})"

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Read the settings from an app's context, where `event_bus` is called `eventBus`.

        Keys with other characters than letters and digits are the CDK's own (feature flags, look-ups)
        and are passed over.

        Raises:
            SettingError: a name is unknown or gone, or a value is not allowed.
        """
        known = {context_name(setting): setting.name for setting in fields(cls)}
        values = {}
        for name, value in context.items():
            if not re.fullmatch(r"[A-Za-z0-9]+", name):
                continue
            if name not in known:
                raise SettingError(GONE.get(name) or unknown(name, list(known)))
            values[known[name]] = value
        return cls(**values)

    def __post_init__(self, head_days: None) -> None:
        """Check the values, from the context or from an object.

        Raises:
            SettingError: a value is not allowed, or a setting is gone.
        """
        if head_days is not None:
            raise SettingError(GONE["headDays"])
        for setting in fields(self):
            object.__setattr__(self, setting.name, read(setting, getattr(self, setting.name)))
        check_companions(self)
        check_issuer(self)
