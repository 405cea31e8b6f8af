"""The product of the strangers is as they wrote it, and stands on public names alone."""

from __future__ import annotations

import ast
import hashlib
import re
from importlib import import_module
from pathlib import Path

import crmkit

HERE = Path(__file__).parent
PRODUCT = HERE / "lifts"
DOCS = HERE.parents[1] / "docs"


def files() -> list[Path]:
    return sorted(each for each in PRODUCT.rglob("*") if each.is_file() and each.suffix not in {".pyc", ".pyo"})


def digests() -> str:
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(HERE).as_posix()}" for path in files()
    )
    return "".join(f"{line}\n" for line in lines)


def test_no_file_was_edited_added_or_taken_away() -> None:
    assert (HERE / "lifts.sha256").read_text() == digests(), "see README.md: these files are not edited"


def imported(path: Path) -> set[tuple[str, str]]:
    tree = ast.parse(path.read_text())
    return {
        (node.module or "", each.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
        if (node.module or "").partition(".")[0] == "crmkit"
    }


def test_it_imports_what_is_public_only() -> None:
    told = "".join(page.read_text() for page in (DOCS / "how-to").glob("*.md"))
    documented = set(re.findall(r"from (crmkit\.[\w.]+) import", told))
    names = {
        each for path in files() if path.suffix == ".py" and "_blocking" not in path.name for each in imported(path)
    }
    assert len(names) > 30
    assert not {module for module, name in names if module != "crmkit"} - documented
    assert not {name for module, name in names if module == "crmkit"} - set(crmkit.__all__)
    for module, name in names:
        assert hasattr(import_module(module), name)
