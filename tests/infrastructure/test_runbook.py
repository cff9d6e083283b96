"""The runbook has a section for each alarm, and each alarm leads to its section."""

import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import assertions

from stacks.runbook import DEFAULT_RUNBOOK, heading, section_of
from stacks.saved_queries import SAVED_QUERIES
from tests.infrastructure.conftest import make_stack
from tests.infrastructure.test_alarms import DOCUMENT, ROOT, alarms_of
from tests.infrastructure.test_docs import anchors

RUNBOOK = (ROOT / DEFAULT_RUNBOOK).read_text(encoding="utf-8")
SECTIONS = re.split(r"^#{2,3} (.+)$", RUNBOOK, flags=re.MULTILINE)
SECTION_OF_ALARM = re.compile(r"^### (.+)$", re.MULTILINE)

LONGEST_DESCRIPTION = 1024
"""CloudWatch API Reference, PutMetricAlarm, AlarmDescription."""


def text_of(title: str) -> str:
    return SECTIONS[SECTIONS.index(title) + 1]


def resources_with(**context: Any) -> dict[str, Any]:
    found: dict[str, Any] = assertions.Template.from_stack(make_stack(context)).to_json()["Resources"]
    return found


def test_every_alarm_has_one_section_and_every_section_an_alarm(resources: dict[str, Any]) -> None:
    assert sorted(SECTION_OF_ALARM.findall(RUNBOOK)) == sorted(alarms_of(resources))


@pytest.mark.parametrize("title", SECTION_OF_ALARM.findall(RUNBOOK))
def test_a_section_says_what_it_means_what_to_look_at_and_what_to_do(title: str) -> None:
    assert re.findall(r"^\*\*(\w+)\.\*\*\s+\S", text_of(title), re.MULTILINE) == ["Means", "Look", "Do"]


def test_every_alarm_leads_to_its_section(resources: dict[str, Any]) -> None:
    for name, alarm in alarms_of(resources).items():
        path, _, anchor = alarm["AlarmDescription"].split()[-1].partition("#")
        assert path == DEFAULT_RUNBOOK
        assert anchor == name.lower()
        assert anchor in anchors(path)


def test_the_table_of_ways_of_failing_leads_there_too() -> None:
    links = re.findall(r"\[`(\w+)`\]\(\.\./how-to/runbook\.md#(\w+)\)", DOCUMENT.read_text(encoding="utf-8"))
    assert len(links) > 25
    assert [name for name, anchor in links if anchor != name.lower()] == []


def test_alarms_of_more_rules_share_a_section() -> None:
    names = ("NotQueued", "NotQueued2", "NotQueued12", "Late")
    assert [section_of(name) for name in names] == ["NotQueued"] * 3 + ["Late"]


def test_the_setting_makes_the_descriptions_links_that_are_not_too_long() -> None:
    url = "https://wiki.example.com/" + "x" * (512 - len("https://wiki.example.com/"))
    context = {"runbookUrl": url, "stackName": "S" * 128}
    descriptions = [alarm["AlarmDescription"] for alarm in alarms_of(resources_with(**context)).values()]
    assert all(f" {url}#" in text for text in descriptions)
    assert max(map(len, descriptions)) <= LONGEST_DESCRIPTION


def test_the_dashboard_links_a_runbook_that_has_an_address() -> None:
    assert heading("Shop", DEFAULT_RUNBOOK) == "## Entity Push: Shop"
    assert heading("Shop", "https://x.example/r") == "## Entity Push: Shop · [Runbook](https://x.example/r)"


def test_every_saved_query_is_told_and_no_other() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", text_of("Questions to the logs"), re.MULTILINE)
    assert rows == list(SAVED_QUERIES)


@pytest.mark.parametrize("document", ["docs/how-to/why-401.md", "docs/reference/metrics-and-alarms.md"])
def test_queries_that_other_documents_name_exist(document: str) -> None:
    text = " ".join(Path(document).read_text(encoding="utf-8").split())
    named = re.findall(r"saved query `([^`]+)`", text)
    assert named
    assert set(named) <= set(SAVED_QUERIES)
