"""The documents: every link leads somewhere, and what they name in code exists."""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from entity_push.auth.refusals import Refusal
from entity_push.protocol.closing_codes import ClosingCode
from entity_push.protocol.dead_letter_reasons import Reason

from stacks.app_settings import AppSettings
from stacks.setting_checks import context_name

ROOT = Path(__file__).resolve().parents[2]
MADE = {line.strip("/\n") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()} | {
    ".git"
}
"""Folders that are made here and are not of the repository."""

_FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINKS = (
    re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\s*\)"),  # [text](target "title"), images, too
    re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", re.MULTILINE),  # [name]: target
    re.compile(r"<[^>]+\b(?:href|src)=[\"']([^\"']+)"),
)
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*\.(?:py|md|json|toml|txt|in|svg|lua)|[\w.-]+(?:/[\w.-]+)*/")


def _files() -> list[str]:
    tops = [entry for entry in ROOT.iterdir() if entry.name not in MADE]
    return sorted(
        path.relative_to(ROOT).as_posix()
        for top in tops
        for path in ([top] if top.is_file() else top.rglob("*"))
        if path.is_file() and MADE.isdisjoint(path.parts)
    )


FILES = _files()
DOCUMENTS = [name for name in FILES if name.endswith(".md")]
FOLDERS = {name.partition("/")[0] for name in FILES if "/" in name}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def _prose(document: str) -> str:
    """Return a document without its fenced blocks."""
    return _FENCE.sub("", _text(document))


def anchors(document: str) -> set[str]:
    """Return the anchors that GitHub gives a document's headings."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ +(.+?) *$", _prose(document), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def _code(document: str) -> Iterator[str]:
    """Yield a document's code: fenced blocks, and what stands between backticks."""
    yield from (found[0] for found in _FENCE.finditer(_text(document)))
    yield from _CODE.findall(_prose(document))


def _is_there(path: str, document: str) -> bool:
    """Tell whether a path is one of the repository, of its functions' package, or a file's bare name."""
    if path.partition("/")[0] in MADE:
        return True
    if path.endswith("/"):
        return path.partition("/")[0] not in FOLDERS or any(name.startswith(path) for name in FILES)
    beside = Path(document).parent.joinpath(path).as_posix()
    return beside in FILES or any(name == path or name.endswith(f"/{path}") for name in FILES)


def _links(prose: str) -> list[str]:
    """Return the targets of all links, in whatever of Markdown's forms."""
    shown = _CODE.sub("", prose)
    return [target for form in _LINKS for target in form.findall(shown)]


def _leads_somewhere(link: str, document: str) -> bool:
    """Tell whether a link of a document is to the web, or to a file, folder or heading of the repository."""
    if re.match(r"[a-z]+:", link):
        return True
    target, _, anchor = link.partition("#")
    path = os.path.normpath(Path(document).parent / target) if target else document
    if path in FILES:
        return not anchor or anchor in anchors(path)
    return not anchor and any(name.startswith(f"{path}/") for name in FILES)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_and_anchor_leads_somewhere(document: str) -> None:
    links = _links(_prose(document))
    assert [link for link in links if not _leads_somewhere(link, document)] == []


@pytest.mark.parametrize(
    "text",
    [
        "[a](missing.md)",
        "[a](README.md#missing)",
        "[a](#missing)",
        '[a](missing.md "title")',
        "[a](<missing.md>)",
        "[`a`](missing.md)",
        "![a](missing.png)",
        "[![a](how-to/console-light.png)](missing.md)",
        "[a]\n\n[a]: missing.md",
        '<img src="missing.png">',
        "[a](../build/docs/index.html)",
        "[a](../../README.md)",
        "[a](readme.md)",
        "[a](how-to#deploy)",
    ],
)
def test_a_dead_link_of_any_form_is_found(text: str) -> None:
    assert [link for link in _links(text) if not _leads_somewhere(link, "docs/README.md")] != []


@pytest.mark.parametrize(
    "text",
    [
        "[a](glossary.md)",
        "[a](../README.md#limits-in-short)",
        "[a](#documentation)",
        "[a](how-to)",
        "[a](how-to/)",
        "[a](https://example.com/missing.md#x)",
        "`[a](missing.md)`",
        "![a](how-to/console-light.png)",
    ],
)
def test_a_link_that_leads_somewhere_is_not_found(text: str) -> None:
    assert [link for link in _links(text) if not _leads_somewhere(link, "docs/README.md")] == []


def _torn_tables(prose: str) -> list[str]:
    """Return the first lines of tables without a head: what an empty line has cut off is shown as text."""
    rows = re.findall(r"(?:^|(?<=\n\n))(\|[^\n]*)\n?([^\n]*)", prose)
    return [first for first, second in rows if not re.fullmatch(r"\|(?: ?:?-+:? ?\|)+", second)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_table_is_torn(document: str) -> None:
    assert _torn_tables(_prose(document)) == []


def test_a_torn_table_is_found() -> None:
    assert _torn_tables("| a | b |\n|---|---|\n| 1 | 2 |\n\n| 3 | 4 |\n\n## Next\n") == ["| 3 | 4 |"]
    assert _torn_tables("text\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n") == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_make_exists(document: str) -> None:
    named = {name for code in _code(document) for name in re.findall(r"\bmake (?:-s )?([a-z]+)", code)}
    assert named - TARGETS == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_module_that_is_run_exists(document: str) -> None:
    named = {name for code in _code(document) for name in re.findall(r"\bpython -m ([a-z_.]+)", code)}
    ours = {name for name in named if name.split(".")[0] not in sys.stdlib_module_names}
    paths = {name: name.replace(".", "/") for name in ours}
    assert {
        name for name, path in paths.items() if not {f"{path}.py", f"{path}/__main__.py"} & set(FILES)
    } == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_between_backticks_exists(document: str) -> None:
    named = (code.partition("::")[0] for code in _CODE.findall(_prose(document)))
    paths = {path for path in named if _PATH.fullmatch(path)}
    assert {path for path in paths if not _is_there(path, document)} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_setting_that_is_set_exists(document: str) -> None:
    known = {context_name(setting) for setting in AppSettings.__dataclass_fields__.values()}
    named = {name for code in _code(document) for name in re.findall(r"-c \"?([A-Za-z]+)=", code)}
    assert named - known - {"name"} == set()


@pytest.mark.parametrize(("section", "codes"), [("Handshakes", Refusal), ("Reasons of dead letters", Reason)])
def test_every_reason_is_documented_and_no_other(section: str, codes: type[Refusal | Reason]) -> None:
    text = _text("docs/reference/error-codes.md").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", text, re.MULTILINE)
    assert {code for row in rows for code in _CODE.findall(row)} == set(codes)


def test_every_reason_of_closing_is_documented_and_no_other() -> None:
    text = _text("docs/reference/protocol.md").partition("\n## Closing\n")[2]
    table = text.partition("| `code` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)) == set(ClosingCode)


def test_every_refusal_of_a_handshake_has_its_advice() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", _text("docs/how-to/why-401.md"), re.MULTILINE)
    assert sorted(rows) == sorted(Refusal)


def test_every_document_is_in_the_index() -> None:
    linked = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in _links(_prose("docs/README.md"))}
    documents = {ROOT / name for name in DOCUMENTS if name.startswith("docs/") and name != "docs/README.md"}
    assert documents - linked == set()
