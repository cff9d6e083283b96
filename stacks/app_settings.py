"""The settings of our own app, which deploys one `EntityPush` as a stack: read from the CDK context.

Set one with `cdk deploy -c name=value` or under `context` in cdk.json. `python -m stacks.app_settings`
prints them all.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from typing import Any, Self

from stacks.contract import DEFAULT_STACK_NAME
from stacks.setting_kinds import Kind, matching
from stacks.settings import SettingError, Settings, context_name, setting_field


@dataclass(frozen=True, kw_only=True)
class AppSettings(Settings):
    """The settings of one deployment, and the name of its stack."""

    stack_name: str = setting_field(
        DEFAULT_STACK_NAME,
        matching(r"[A-Za-z][A-Za-z0-9-]{0,127}", "a letter, then up to 127 letters, digits and hyphens"),
        "Name of the CloudFormation stack. Another name is another, independent deployment.",
    )

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Read the settings from an app's context, where `stack_name` is called `stackName`.

        Keys with other characters than letters and digits are the CDK's own (feature flags, look-ups)
        and are passed over.

        Raises:
            SettingError: a name is unknown, or a value is not allowed.
        """
        known = {context_name(setting): setting.name for setting in _all()}
        values = {}
        for name, value in context.items():
            if not re.fullmatch(r"[A-Za-z0-9]+", name):
                continue
            if name not in known:
                raise SettingError(_unknown(name, list(known)))
            values[known[name]] = value
        return cls(**values)


def _all() -> "list[Field[Any]]":
    """Return every setting, the stack's name first."""
    return sorted(fields(AppSettings), key=lambda setting: setting.name != "stack_name")


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"There is no setting {name!r}.{hint} The settings are: {', '.join(known)}."


def as_markdown() -> str:
    """Return all settings as a Markdown table, for docs/reference/settings.md."""
    rows = ["| setting | default | allowed | what it does |", "|---|---|---|---|"]
    for setting in _all():
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
