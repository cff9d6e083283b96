"""Where the runbook is: each alarm says which of its sections is about it."""

import re

DEFAULT_RUNBOOK = "docs/how-to/runbook.md"


def section_of(alarm: str) -> str:
    """Return the title of an alarm's section: that of the first, for `NotQueued2` and so on."""
    return re.sub(r"[0-9]+$", "", alarm)


def link_to(runbook: str, alarm: str) -> str:
    """Return the address of an alarm's section.

    Args:
        runbook: the address of the page (setting `runbookUrl`).
        alarm: the alarm's construct id.
    """
    return f"{runbook}#{section_of(alarm).lower()}"


def heading(name: str, runbook: str) -> str:
    """Return a heading in Markdown: the deployment, with a link to the runbook if that has one."""
    link = f" · [Runbook]({runbook})" if re.match("https?://", runbook) else ""
    return f"## Entity Push: {name}{link}"
