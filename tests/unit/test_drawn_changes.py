"""Drawing changes by a seed (`mutants.drawn`), and which tests try them."""

import ast
from pathlib import Path

import pytest

from mutants import copied_tree
from mutants.changes import KINDS, changes
from mutants.drawn import draw
from mutants.importers import imports, nearness
from mutants.trial import FOUND, LIVES, Trial

LAMBDAS = {
    name: (copied_tree.ROOT / name).read_text(encoding="utf-8")
    for name in copied_tree.listed()
    if name.startswith("lambdas/") and name.endswith(".py")
}


def told(text: str, kind: str = "") -> list[str]:
    """Return a text's possible changes, of a kind or of all, as the new texts."""
    return [change.applied(text) for change in changes("x.py", text) if kind in (change.kind, "")]


def test_a_seed_draws_the_same_changes_and_another_one_others() -> None:
    drawn = draw(LAMBDAS, 7, 60)
    assert drawn == draw(dict(reversed(LAMBDAS.items())), 7, 60)
    assert len(set(drawn)) == 60
    assert len(set(drawn) & set(draw(LAMBDAS, 8, 60))) < 30
    assert {change.kind for change in drawn} == set(KINDS)


def test_each_change_compiles_and_is_another_program() -> None:
    for change in draw(LAMBDAS, 1, 300):
        text = LAMBDAS[change.path]
        changed = change.applied(text)
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text)), change


@pytest.mark.parametrize(
    ("text", "kind", "news"),
    [
        ("a == b", "condition", ["a != b"]),
        ("a and b", "condition", ["a or b"]),
        (
            "f(not (a or b) and c)",
            "condition",
            ["f(not (a or b) or c)", "f((a or b) and c)", "f(not (a and b) and c)"],
        ),
        ("a if b else c", "condition", ["c if b else a"]),
        ("a <= b", "bound", ["a < b"]),
        ("x[:3]", "bound", ["x[:4]"]),
        ("x = 5", "unit", ["x = 5000"]),
        ("x = y * 1000", "unit", ["x = (y)", "x = y * 1"]),
        ("f(a, b, c)", "arguments", ["f(b, a, c)"]),
        ("f(1)", "line", ["pass"]),
        ("x.y = z", "line", ["pass"]),
        ("x = 'ü' + str(not y)", "condition", ["x = 'ü' + str((y))"]),
    ],
)
def test_what_is_drawn(text: str, kind: str, news: list[str]) -> None:
    assert sorted(told(text, kind)) == sorted(news)


@pytest.mark.parametrize(
    "text",
    [
        '"""A docstring."""',
        "class A:\n    __slots__ = ('a', 'b' * 1000)",
        "def f(a: Literal[1]) -> Literal[2]: ...",
        "@cache(maxsize=1000)\ndef f(a): ...",
        "logger.warning('a', count=len(a) + 1)",
        "f'{a:5}'",
        "max(a, b)",
        "f(*a, b)",
        "x = True",
    ],
)
def test_what_can_change_nothing_is_not_drawn(text: str) -> None:
    assert [new for new in told(text) if new != "pass"] == []


def test_tests_are_found_by_what_they_import() -> None:
    texts = {
        "lambdas/entity_push/a.py": "",
        "lambdas/entity_push/b.py": "from entity_push import a",
        "lambdas/handler.py": "import entity_push.b",
        "tests/unit/conftest.py": "",
        "tests/unit/test_a.py": "from entity_push.a import x",
        "tests/unit/test_handler.py": "run('handler')",
        "tests/unit/test_other.py": "import json",
        "tests/model/test_all.py": "from entity_push.b import y",
    }
    imported = imports(texts)
    assert nearness(list(texts), "lambdas/entity_push/a.py", imported) == {
        "lambdas/entity_push/a.py": 0,
        "lambdas/entity_push/b.py": 1,
        "tests/unit/test_a.py": 1,
        "lambdas/handler.py": 2,
        "tests/model/test_all.py": 2,
        "tests/unit/test_handler.py": 3,
    }
    trial = Trial(Path(), imported)
    assert trial.near("lambdas/entity_push/a.py") == ["tests/unit/test_a.py"]
    assert trial.far("lambdas/entity_push/a.py") == ["tests/unit/test_handler.py", "tests/model/test_all.py"]
    everywhere = imports({**texts, "tests/unit/conftest.py": "import entity_push.a"})
    assert "tests/unit/test_other.py" in nearness(list(texts), "lambdas/entity_push/a.py", everywhere)


def test_a_change_is_found_by_a_test_that_is_green_without_it(tmp_path: Path) -> None:
    text = "def is_large(x):\n    return x > 10\n"
    (tmp_path / "code.py").write_text(text)
    (tmp_path / "test_far.py").write_text("import code_\n\ndef test_far():\n    assert code_.is_large(20)\n")
    (tmp_path / "test_edge.py").write_text(
        "import code_\n\ndef test_edge():\n    assert not code_.is_large(10)\n"
    )
    (tmp_path / "code.py").rename(tmp_path / "code_.py")
    change = next(
        change for change in changes("code_.py", text) if change.kind == "bound" and ">" in change.new
    )
    trial = Trial(tmp_path, {})
    assert trial.outcome(change, []) == (LIVES, "")
    assert trial.outcome(change, ["test_far.py"]) == (LIVES, "")
    assert trial.outcome(change, ["test_far.py", "test_edge.py"]) == (FOUND, "test_edge.py::test_edge")
    assert (tmp_path / "code_.py").read_text() == text, "the copy is whole again"
