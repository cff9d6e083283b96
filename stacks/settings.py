"""Every deployment setting: typed, checked, documented, read from CDK context.

Set one with ``cdk deploy -c name=value`` or under ``context`` in cdk.json. ``python -m stacks.settings``
prints them all.
"""

import difflib
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self

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


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: what is allowed, in words, and how it is read (ValueError: not allowed)."""

    allowed: str
    read: Callable[[Any], Any]


def _choice(*values: str) -> Kind:
    def read(value: Any) -> str:
        if value not in values:
            raise ValueError
        return str(value)

    return Kind("one of " + ", ".join(values), read)


def _matching(pattern: str, allowed: str) -> Kind:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError
        return value

    return Kind(allowed, read)


def _whole(low: int, high: int) -> Kind:
    def read(value: Any) -> int:
        number = int(value) if isinstance(value, str) else value
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
            raise ValueError
        return number

    return Kind(f"a whole number from {low} to {high}", read)


def _one_of_numbers(*numbers: int) -> Kind:
    def read(value: Any) -> int:
        if int(value) not in numbers:
            raise ValueError
        return int(value)

    return Kind("one of " + ", ".join(map(str, numbers)), read)


def _flag() -> Kind:
    def read(value: Any) -> bool:
        text = str(value).lower()
        if text not in ("true", "false"):
            raise ValueError
        return text == "true"

    return Kind("true or false", read)


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
        _matching(r"[A-Za-z][A-Za-z0-9-]{0,127}", "a letter, then up to 127 letters, digits and hyphens"),
        "Name of the CloudFormation stack. Another name is another, independent deployment.",
    )
    stage: str = _setting(
        "prod",
        _matching(r"[A-Za-z0-9_-]{1,128}", "1 to 128 letters, digits, underscores and hyphens"),
        "Name of the API's stage, the last part of its URL.",
    )
    event_bus: str = _setting(
        "default",
        _choice("default", "own"),
        "Which EventBridge bus is listened to: the account's default bus, or one made for this stack.",
    )
    architecture: str = _setting(
        "arm64", _choice("arm64", "x86_64"), "Processor of the functions. arm64 costs a fifth less."
    )
    python_version: str = _setting(
        _this_python(),
        _choice(*SUPPORTED_PYTHONS),
        "Python of the functions. The default is the one that runs the CDK app; another one must be "
        "installed here too (as python3.x), because it compiles the bytecode.",
    )
    subscriptions_per_connection: int = _setting(
        100, _whole(1, 1000), "How many subscriptions one connection may have."
    )
    replay_hours: int = _setting(
        24,
        _whole(0, 24 * 30),
        "How long updates are kept for clients that come back. 0 stores and numbers nothing: frames have no "
        "sequence, and nobody can catch up.",
    )
    head_days: int = _setting(
        30,
        _whole(1, 365),
        "How long a channel's last number and frame are kept after its last update; at least as long as "
        "replayHours.",
    )
    throttle_rate: int = _setting(
        1000,
        _whole(1, 100_000),
        "Connects and client frames per second that the stage takes. The account's own quota, which "
        "pushes share, is 10,000.",
    )
    throttle_burst: int = _setting(
        500, _whole(1, 100_000), "Connects and client frames that the stage takes at once."
    )
    push_memory: int = _setting(
        1769, _whole(256, 10_240), "Memory of the push function in MB; 1769 buys it one whole vCPU."
    )
    push_concurrency: int = _setting(10, _whole(2, 1000), "How many push functions run at once at the most.")
    retain_data: bool = _setting(
        True,
        _flag(),
        "Keep the table and the logs when the stack is deleted, and protect the table from deletion.",
    )
    point_in_time_recovery: bool = _setting(
        True,
        _flag(),
        "Continuous backups of the table, restorable to any second of the last 35 days.",
    )
    access_logs: bool = _setting(True, _flag(), "Log every connect, frame and disconnect of the API.")
    api_gateway_log_role: bool = _setting(
        True,
        _flag(),
        "Set the role with which API Gateway writes logs, one per account and Region, and keep it when "
        "the stack is deleted. false if the account has one already.",
    )
    log_level: str = _setting(
        "INFO",
        _choice("DEBUG", "INFO"),
        "Least level that the functions log. Above INFO, Lambda would drop the metrics too.",
    )
    log_retention_days: int = _setting(30, _one_of_numbers(*LOG_RETENTION_DAYS), "Days that logs are kept.")

    @property
    def history_environment(self) -> dict[str, str]:
        """What functions that read or write the history are told."""
        return {
            "REPLAY_SECONDS": str(self.replay_hours * 3600),
            "HEAD_SECONDS": str(self.head_days * 24 * 3600),
        }

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Read the settings from an app's context, where ``stack_name`` is called ``stackName``.

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
        return settings


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
    """Return all settings as a Markdown table, for docs/settings.md."""
    rows = ["| setting | default | allowed | what it does |", "|---|---|---|---|"]
    for setting in fields(Settings):
        kind: Kind = setting.metadata["kind"]
        cells = (f"`{context_name(setting)}`", _default(setting), kind.allowed, setting.metadata["doc"])
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _default(setting: "Field[Any]") -> str:
    if setting.name == "python_version":
        return "that of this machine"
    value = setting.default
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    print(as_markdown())  # noqa: T201
