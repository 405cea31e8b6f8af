"""`import crmkit` is light: no driver, no framework, no model is loaded before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "sqlalchemy",
    "pymongo",
    "bson",
    "cryptography",
    "cyclopts",
    "rich",
    "hypothesis",
    "attrs",
    "cattrs",
    "asyncio",
    "babel",
}


def loaded_by(program: str) -> set[str]:
    script = f"{program}\nimport sys; print(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_nothing_heavy() -> None:
    assert not loaded_by("import crmkit") & HEAVY


@pytest.mark.parametrize(
    "program",
    ["from crmkit import Customer, Segment, Pipeline, f", "import crmkit; crmkit.connect('memory://')"],
)
def test_no_driver_is_loaded_before_a_store_needs_it(program: str) -> None:
    assert not loaded_by(program) & (HEAVY - {"attrs", "asyncio"})


def test_cattrs_is_loaded_by_the_first_definition_that_is_read_or_written() -> None:
    assert "cattrs" in loaded_by("from crmkit.lifecycle.built_in import LEAD; LEAD.to_json()")


def test_a_store_loads_its_own_driver_only() -> None:
    loaded = loaded_by("import crmkit; crmkit.connect('sqlite://')")
    assert "sqlalchemy" in loaded
    assert "pymongo" not in loaded
