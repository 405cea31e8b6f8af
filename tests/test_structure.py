"""No module needs itself: what is imported at run time, also inside functions, makes no circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCE = ROOT / "src"


LATE = {("crmkit.analytics.funnel", "crmkit.analytics.form"), ("crmkit.analytics.report", "crmkit.analytics.form")}
"""Needed by methods only: a class loads its form when it is first asked for JSON, and the form must know the class."""


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def statements(node: ast.AST) -> list[ast.stmt]:
    """The import statements below a node, those for type checkers left out."""
    found: list[ast.stmt] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            found.append(child)
        found += statements(child)
    return found


def needed(tree: ast.AST, known: set[str]) -> set[str]:
    named: set[str] = set()
    for each in statements(tree):
        if isinstance(each, ast.Import):
            named |= {alias.name for alias in each.names}
        elif isinstance(each, ast.ImportFrom) and each.module:
            inner = {f"{each.module}.{alias.name}" for alias in each.names}
            # `from package import module` needs the module; any other name, the package itself.
            named |= {name for name in inner if name in known} or {each.module}
    return named & known


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """What each module of the package needs at run time."""
    trees = {module_of(path): ast.parse(path.read_text()) for path in SOURCE.rglob("*.py")}
    graph = {name: needed(tree, set(trees)) - {name} for name, tree in trees.items()}
    for user, used in LATE:
        graph[user].remove(used)
    return graph


def test_no_module_needs_itself(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" needs ".join(reversed(error.args[1])))


def test_a_circle_would_be_found(graph: dict[str, set[str]]) -> None:
    graph = {**graph, "crmkit.errors": {"crmkit.repository.door"}}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()
