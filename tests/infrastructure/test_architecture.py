"""The layout of the functions' code: which package may import which; no module imports in a circle."""

import ast
import graphlib
from pathlib import Path

import pytest

LAMBDAS = Path(__file__).parents[2] / "lambdas"
PACKAGE = "entity_push"

MAY_IMPORT = {
    "protocol": set[str](),
    "runtime": set[str](),
    "auth": {"protocol", "runtime"},
    "posting": {"runtime"},
    "table": {"auth", "protocol", "runtime"},
    "routes": {"auth", "posting", "protocol", "runtime", "table"},
    "push": {"posting", "protocol", "runtime", "table"},
}
"""From top to bottom: `protocol` has no I/O, `posting` knows no table, and nothing imports what runs."""

MODULES = {
    ".".join(path.relative_to(LAMBDAS).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (LAMBDAS / PACKAGE).rglob("*.py")
}


def imported(path: Path) -> set[str]:
    """Return which of our modules a module imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return found & MODULES.keys()


def package(module: str) -> str:
    return module.split(".")[1]


def test_every_module_is_in_a_package() -> None:
    assert {module for module in MODULES if module.count(".") == 0} == {PACKAGE}
    assert {package(module) for module in MODULES if module != PACKAGE} == MAY_IMPORT.keys()
    assert not imported(MODULES[PACKAGE])


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {PACKAGE}))
def test_a_package_imports_only_from_the_floors_below(module: str) -> None:
    others = {package(name) for name in imported(MODULES[module])} - {package(module)}
    assert others <= MAY_IMPORT[package(module)]


def test_the_floors_have_no_edge_that_nobody_uses() -> None:
    used = {(package(module), package(name)) for module in MODULES for name in imported(MODULES[module])}
    assert {(upper, lower) for upper, lowers in MAY_IMPORT.items() for lower in lowers} <= used


def test_no_module_imports_in_a_circle() -> None:
    graph = {module: imported(path) - {module} for module, path in MODULES.items()}
    tuple(graphlib.TopologicalSorter(graph).static_order())  # CycleError names the circle


def test_the_protocol_does_no_input_or_output() -> None:
    outside = {"botocore", "boto3", "socket", "http", "urllib", "os", "aws_lambda_powertools", "subprocess"}
    for module, path in MODULES.items():
        if not module.startswith(f"{PACKAGE}.protocol"):
            continue
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
        assert not {name.partition(".")[0] for name in names} & outside, module
