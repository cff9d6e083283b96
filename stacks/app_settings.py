"""The settings of our own app, which deploys one `EntityPush` as a stack: read from the CDK context.

Set one with `cdk deploy -c name=value` or under `context` in cdk.json. `python -m stacks.app_settings`
prints them all.
"""

from dataclasses import Field, dataclass, fields
from typing import Any

from .contract import DEFAULT_STACK_NAME
from .setting_checks import context_name
from .setting_kinds import Kind, matching, tags
from .settings import Settings, setting_field


@dataclass(frozen=True, kw_only=True)
class AppSettings(Settings):
    """The settings of one deployment, and the name of its stack."""

    stack_name: str = setting_field(
        DEFAULT_STACK_NAME,
        matching(r"[A-Za-z][A-Za-z0-9-]{0,127}", "a letter, then up to 127 letters, digits and hyphens"),
        "Name of the CloudFormation stack. Another name is another deployment: "
        "[side by side](limits.md#side-by-side).",
    )
    tags: tuple[tuple[str, str], ...] = setting_field(
        (), tags(), "Tags of the stack, which CloudFormation gives to everything in it."
    )
    permissions_boundary: str = setting_field(
        "",
        matching(
            r"([A-Za-z0-9+=,.@_-]{1,128}|arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[!-~]{1,512})?",
            "the name or the ARN of a managed policy",
        ),
        "Permissions boundary of every role in the stack.",
    )

    @classmethod
    def as_given(cls, name: str, value: Any) -> str:
        """Return how a setting is given a value: as an option of the CDK."""
        return f"-c {context_name(cls.__dataclass_fields__[name])}={value}"


def _all() -> "list[Field[Any]]":
    """Return every setting, the stack's name first."""
    return sorted(fields(AppSettings), key=lambda setting: setting.name != "stack_name")


def as_markdown() -> str:
    """Return all settings as a Markdown table, for docs/reference/settings.md."""
    rows = ["| setting | default | allowed | what it does |", "|---|---|---|---|"]
    for setting in _all():
        kind: Kind = setting.metadata["kind"]
        cells = (f"`{context_name(setting)}`", _default(setting), kind.allowed, setting.metadata["doc"])
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _default(setting: "Field[Any]") -> str:
    kind: Kind = setting.metadata["kind"]
    text = kind.write(setting.default)
    return f"`{text}`" if text else "nothing"


if __name__ == "__main__":
    print(as_markdown())  # noqa: T201
