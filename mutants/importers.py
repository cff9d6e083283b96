"""Which tests import a module, directly or through others: read from the import statements."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

ROOTS = ("lambdas/", "clients/python/src/")
"""Folders on Python's path, besides the root."""

Imports = Mapping[str, set[str]]
"""The paths that each file imports itself."""


def imports(texts: Mapping[str, str]) -> Imports:
    """Return what each of some files imports of the others, from their texts by path.

    A module's name in a text counts, too: tests load handlers by name. So do the files conftest.py: pytest
    loads them.
    """
    modules = {_module(path): path for path in texts}
    return {
        path: ({modules[name] for name in _names(text) if name in modules} | _conftests(path, texts)) - {path}
        for path, text in texts.items()
    }


def nearness(tests: list[str], module: str, imported: Imports) -> dict[str, int]:
    """Return the tests that import a module, each with the steps to it: 1 for those that name it."""
    steps, reached, edge = 0, {module: 0}, {module}
    while edge:
        steps += 1
        edge = {path for path, names in imported.items() if path not in reached and names & edge}
        reached.update(dict.fromkeys(edge, steps))
    return {test: reached[test] for test in tests if test in reached}


def _module(path: str) -> str:
    for root in ROOTS:
        path = path.removeprefix(root)
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _names(text: str) -> Iterator[str]:
    """Yield what may be names of modules."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.Constant(value=str(value)):
                yield value


def _conftests(path: str, texts: Mapping[str, str]) -> set[str]:
    return {name for parent in PurePosixPath(path).parents if (name := f"{parent}/conftest.py") in texts}
