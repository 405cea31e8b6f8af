"""What SQL databases share names none of them."""

import ast
from pathlib import Path

import pytest

import crmkit.storage.sql

HOME = Path(crmkit.storage.sql.__file__).parent
SHARED = sorted(path for path in HOME.glob("*.py"))
ENGINES = ("sqlite", "postgres", "maria", "mysql", "psycopg", "duck", "oracle", "pragma")


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.name)
def test_a_shared_module_names_no_engine(path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):  # an example in a docstring needs some database
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    code = ast.unparse(tree).lower()
    assert [engine for engine in ENGINES if engine in code] == []
