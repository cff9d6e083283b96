"""Scenario files are read strictly, and leave out no rule, code or field."""

import re
from pathlib import Path

import pytest

from clients.conformance import play, vocabulary
from clients.conformance.reading import ScenarioError
from clients.conformance.vocabulary import RULES, SCENARIOS, WORDS, load

ROOT = Path(__file__).parents[2]
TEXT = "".join(path.read_text(encoding="utf-8") for path in sorted(SCENARIOS.glob("*.yaml")))
README = (ROOT / "clients/conformance/README.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs/reference/protocol.md").read_text(encoding="utf-8")
ERRORS = (ROOT / "docs/reference/error-codes.md").read_text(encoding="utf-8")

GOOD = """\
name: one
about: Something holds.
rules: [5]
steps:
  - live: {orders/42: e.4}
"""


def section(document: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one."""
    return re.split(r"^## ", document.partition(f"## {heading}\n")[2], flags=re.MULTILINE)[0]


def first_cells(text: str) -> set[str]:
    """Return the words between backticks in the first cells of tables."""
    return {
        word
        for row in re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
        for word in re.findall(r"`(\w+)`", row)
    }


def load_text(folder: Path, text: str) -> list[vocabulary.Scenario]:
    (folder / "some.yaml").write_text(text, encoding="utf-8")
    return load(folder)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    (scenario,) = load_text(tmp_path, GOOD)

    (step,) = scenario.steps
    assert (scenario.name, scenario.rules, step.word, step.what) == ("one", [5], "live", {"orders/42": "e.4"})
    assert step.source == "live: {orders/42: e.4}"


@pytest.mark.parametrize(
    ("good", "bad", "line", "told"),
    [
        ("live:", "alive:", 5, "a step has exactly one word"),
        ("- live: {orders/42: e.4}", "- live: {a: e.4}\n    shown: nothing", 5, "exactly one word"),
        ("- live: {orders/42: e.4}", "- shown: nothing\n    on: A", 6, "unknown beside 'shown': 'on'"),
        ("- live: {orders/42: e.4}", "- advance: 5", 5, "a text is expected"),
        ("- live: {orders/42: e.4}", "- advance: 5 days", 5, "a duration is expected"),
        ("- live: {orders/42: e.4}", "- advance: 5 minutes", 5, "a duration is expected"),
        ("- live: {orders/42: e.4}", "- cut: soon", 5, "one of abort"),
        (
            "- live: {orders/42: e.4}",
            "- answers: {a: {cursor: e.4, recoverd: true}}",
            5,
            "unknown: 'recoverd'",
        ),
        ("- live: {orders/42: e.4}", "- live: {a: e.4, a: e.5}", 5, "'a' stands here twice"),
        ("- live: {orders/42: e.4}", "- at once: [{advance: 1 s}]", 5, "can't be done at once"),
        ("rules: [5]", "rules: [12]", 3, "there is no rule 12"),
        ("about: Something holds.\n", "", 1, "missing: about"),
        ("rules: [5]", "rules: [5]\noptons: {}", 1, "unknown: 'optons'"),
        ("rules: [5]", "rules: [5", 4, "expected ',' or ']'"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(
    tmp_path: Path, good: str, bad: str, line: int, told: str
) -> None:
    assert good in GOOD
    with pytest.raises(ScenarioError) as raised:
        load_text(tmp_path, GOOD.replace(good, bad))

    message = str(raised.value)
    assert told in message
    assert f"some.yaml:{line}:" in message or f'some.yaml", line {line}' in message


def test_two_scenarios_have_two_names(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="another scenario is called 'one'"):
        load_text(tmp_path, f"{GOOD}---\n{GOOD}")


def test_every_word_can_be_played_and_is_explained() -> None:
    for word in WORDS:
        assert hasattr(play.Player, f"_{word.replace(' ', '_')}"), word
        assert f"`{word}: " in README, word


def test_every_word_occurs_in_a_scenario() -> None:
    assert {word for word in WORDS if f"- {word}:" not in TEXT} == set()


def test_every_rule_has_a_scenario() -> None:
    assert {rule for scenario in load() for rule in scenario.rules} == set(RULES)


def test_every_error_code_of_a_frame_occurs() -> None:
    cells = first_cells(section(ERRORS, "Error frames"))
    codes = {cell for cell in cells if cell.islower()}  # and not the frame's fields in the table before
    assert len(codes) > 15
    assert {code for code in codes if not re.search(rf"\b{code}\b", TEXT)} == set()


@pytest.mark.parametrize(
    "heading", ["The answer to `subscribe`, and catching up", "Frames the server pushes"]
)
def test_every_field_that_a_client_sees_occurs(heading: str) -> None:
    fields = first_cells(section(PROTOCOL, heading)) | {"oversize"}  # which no table has
    implied = {"id", "time", "sequence", "cursor", "message", "type"}  # every update has them
    assert len(fields) >= 5
    assert {field for field in fields - implied if not re.search(rf"\b{field}\b", TEXT)} == set()
