"""Every deployment setting: typed, checked, documented, read from CDK context.

Set one with `cdk deploy -c name=value` or under `context` in cdk.json. `python -m stacks.settings`
prints them all.
"""

import difflib
import re
import sys
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self

from entity_push.runtime.environment import AuthorizationMode

from stacks.event_rules import EVENT_RULES_RULE, EventRule, read_rules
from stacks.setting_kinds import Kind, choice, flag, list_of, matching, one_of_numbers, rates, whole

SUPPORTED_PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LOG_RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    3653,
)


class SettingError(ValueError):
    """A setting is unknown or has a value that is not allowed; the message says what is."""


_CLAIM = matching(r"[!-~]{1,256}", "1 to 256 printable characters without spaces")

# Plain http to this machine is for trying things out: no token travels that way, only public keys.
_SAFE_ISSUER = re.compile(r"https://[!-~]+|http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/[!-~]*)?")


def _setting(default: Any, kind: Kind, doc: str) -> Any:
    return field(default=default, metadata={"kind": kind, "doc": doc})


def _this_python() -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return version if version in SUPPORTED_PYTHONS else SUPPORTED_PYTHONS[-1]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one deployment."""

    stack_name: str = _setting(
        "EntityPush",
        matching(r"[A-Za-z][A-Za-z0-9-]{0,127}", "a letter, then up to 127 letters, digits and hyphens"),
        "Name of the CloudFormation stack. Another name is another, independent deployment.",
    )
    stage: str = _setting(
        "prod",
        matching(r"[A-Za-z0-9_-]{1,128}", "1 to 128 letters, digits, underscores and hyphens"),
        "Name of the API's stage, the last part of its URL.",
    )
    event_bus: str = _setting(
        "default",
        choice("default", "own"),
        "Which EventBridge bus is listened to: the account's default bus, or one made for this stack.",
    )
    event_sources: tuple[str, ...] = _setting(
        (),
        list_of(
            r"[A-Za-z0-9._/-]{1,256}\*?",
            "event sources (`orders.service`) or prefixes (`orders.*`)",
        ),
        "Whose events are pushed: their `Source` has to be one of these. Nothing: every source's on the bus.",
    )
    event_rules: tuple[EventRule, ...] = _setting(
        (),
        Kind(EVENT_RULES_RULE, read_rules, lambda _rules: "none"),
        "Own events that become updates of entities as they are: which (an EventBridge event pattern), of "
        "which entity (JSON paths in braces), with which message (a JSON path, optional).",
    )
    architecture: str = _setting(
        "arm64", choice("arm64", "x86_64"), "Processor of the functions. arm64 costs a fifth less."
    )
    python_version: str = _setting(
        _this_python(),
        choice(*SUPPORTED_PYTHONS),
        "Python of the functions. The default is the one that runs the CDK app; another one must be "
        "installed here too (as python3.x), because it compiles the bytecode.",
    )
    authorization: str = _setting(
        AuthorizationMode.JWT,
        choice(*AuthorizationMode),
        "Who may connect: bearers of tokens signed with a secret that the deployment makes (jwt), of tokens "
        "of an OpenID Connect provider (oidc), or anybody (none).",
    )
    token_issuer: str = _setting(
        "",
        matching(r"[!-~]{0,256}", "an https URL (oidc), or 1 to 256 printable characters (jwt)"),
        "Issuer (`iss`) that tokens must name. With oidc it is required, and its keys are found below it; "
        "with jwt the default is the stack's name.",
    )
    token_audience: str = _setting(
        "",
        matching(r"[!-~]{0,256}", "1 to 256 printable characters"),
        "Audience (`aud`) that tokens must name: with oidc the client or API id, required; with jwt the "
        "default is the stack's name.",
    )
    user_claim: str = _setting("sub", _CLAIM, "Claim that names the user.")
    subscribe_claim: str = _setting(
        "subscribe", _CLAIM, "Claim with the patterns of what its bearer may subscribe to."
    )
    publish_claim: str = _setting(
        "publish", _CLAIM, "Claim with the patterns of what its bearer may publish to."
    )
    connections_per_user: int = _setting(
        50, whole(0, 10_000), "How many connections one user may have open. 0: any number."
    )
    client_frame_kilobytes: int = _setting(
        32, whole(1, 128), "Size in KB (1,024 bytes) of the largest frame that a client may send."
    )
    everyone: bool = _setting(
        True,
        flag(),
        "Subscribe every connection to broadcasts when it opens, at the cost of a write. false: clients that "
        "want them subscribe to the channel everyone.",
    )
    subscriptions_per_connection: int = _setting(
        100, whole(1, 1000), "How many subscriptions one connection may have."
    )
    replay_hours: int = _setting(
        24,
        whole(0, 24 * 30),
        "How long updates are kept for clients that come back. 0 stores and numbers nothing: frames have no "
        "sequence, and nobody can catch up.",
    )
    head_days: int = _setting(
        30,
        whole(1, 365),
        "How long a channel's last number and frame are kept after its last update; at least as long as "
        "replayHours.",
    )
    throttle_rate: int = _setting(
        1000,
        whole(1, 100_000),
        "Connects and client frames per second that the stage takes. The account's own quota, which "
        "pushes share, is 10,000.",
    )
    throttle_burst: int = _setting(
        500, whole(1, 100_000), "Connects and client frames that the stage takes at once."
    )
    route_throttles: tuple[tuple[str, int], ...] = _setting(
        (("$connect", 500), ("$default", 100)),
        rates(1, 100_000),
        "Requests per second, and at once, of single routes, instead of throttleRate and throttleBurst. "
        "500 connects is API Gateway's own default quota per account and Region; `$default` only answers "
        "what is no known action. This replaces the default as a whole.",
    )
    push_memory: int = _setting(
        1769, whole(256, 10_240), "Memory of the push function in MB; 1769 buys it one whole vCPU."
    )
    push_concurrency: int = _setting(10, whole(2, 1000), "How many push functions run at once at the most.")
    retain_data: bool = _setting(
        True,
        flag(),
        "Keep the table and the logs when the stack is deleted, and protect the table from deletion.",
    )
    point_in_time_recovery: bool = _setting(
        True,
        flag(),
        "Continuous backups of the table, restorable to any second of the last 35 days.",
    )
    encryption: str = _setting(
        "aws",
        choice("aws", "customer"),
        "Whose key encrypts what is stored: AWS's own (aws), or one KMS key made for this stack, rotated "
        "every year (customer): table, queues, alarm topic, logs and token secret.",
    )
    access_logs: bool = _setting(True, flag(), "Log every connect, frame and disconnect of the API.")
    api_gateway_log_role: bool = _setting(
        True,
        flag(),
        "Set the role with which API Gateway writes logs, one per account and Region, and keep it when "
        "the stack is deleted. false if the account has one already.",
    )
    log_level: str = _setting(
        "INFO",
        choice("DEBUG", "INFO"),
        "Least level that the functions log. Above INFO, Lambda would drop the metrics too.",
    )
    log_retention_days: int = _setting(30, one_of_numbers(*LOG_RETENTION_DAYS), "Days that logs are kept.")

    @property
    def replay_seconds(self) -> int:
        """How long updates are kept."""
        return self.replay_hours * 3600

    @property
    def head_seconds(self) -> int:
        """How long a channel's last number and frame are kept."""
        return self.head_days * 24 * 3600

    @property
    def issuer(self) -> str:
        """The issuer that tokens must name."""
        return self.token_issuer or self.stack_name

    @property
    def audience(self) -> str:
        """The audience that tokens must name."""
        return self.token_audience or self.stack_name

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Read the settings from an app's context, where `stack_name` is called `stackName`.

        Keys with other characters than letters and digits are the CDK's own (feature flags, look-ups)
        and are passed over.

        Raises:
            SettingError: a name is unknown, or a value is not allowed.
        """
        known = {context_name(setting): setting for setting in fields(cls)}
        values = {}
        for name, value in context.items():
            if not re.fullmatch(r"[A-Za-z0-9]+", name):
                continue
            if name not in known:
                raise SettingError(_unknown(name, list(known)))
            values[known[name].name] = _read(known[name], value)
        settings = cls(**values)
        if settings.head_days * 24 < settings.replay_hours:
            raise SettingError(
                f"The setting headDays is {settings.head_days}; with replayHours {settings.replay_hours} it "
                f"has to be at least {-(-settings.replay_hours // 24)}."
            )
        settings._check_tokens()
        return settings

    def _check_tokens(self) -> None:
        if self.authorization != AuthorizationMode.OIDC:
            return
        for name, value in (("tokenIssuer", self.token_issuer), ("tokenAudience", self.token_audience)):
            if not value:
                raise SettingError(f"With authorization oidc, the setting {name} is needed.")
        if not _SAFE_ISSUER.fullmatch(self.token_issuer):
            raise SettingError(
                f"The setting tokenIssuer is {self.token_issuer!r}; with authorization oidc it is an https "
                "URL, such as https://example.eu.auth0.com/."
            )


def context_name(setting: "Field[Any]") -> str:
    """Return a setting's name in the CDK context."""
    first, *rest = setting.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"There is no setting {name!r}.{hint} The settings are: {', '.join(known)}."


def _read(setting: "Field[Any]", value: Any) -> Any:
    kind: Kind = setting.metadata["kind"]
    try:
        return kind.read(value)
    except (ValueError, TypeError) as error:
        raise SettingError(
            f"The setting {context_name(setting)} is {value!r}; allowed is {kind.allowed}."
        ) from error


def as_markdown() -> str:
    """Return all settings as a Markdown table, for docs/reference/settings.md."""
    rows = ["| setting | default | allowed | what it does |", "|---|---|---|---|"]
    for setting in fields(Settings):
        kind: Kind = setting.metadata["kind"]
        cells = (f"`{context_name(setting)}`", _default(setting), kind.allowed, setting.metadata["doc"])
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _default(setting: "Field[Any]") -> str:
    if setting.name == "python_version":
        return "that of this machine"
    kind: Kind = setting.metadata["kind"]
    text = kind.write(setting.default)
    return f"`{text}`" if text else "nothing"


if __name__ == "__main__":
    print(as_markdown())  # noqa: T201
