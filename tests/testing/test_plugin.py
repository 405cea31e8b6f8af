"""The plugin, in runs of pytest of its own: what a product's tests look like, and what the plugin costs the others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

import crmkit.testing
from crmkit import connect, system
from crmkit.testing import plugin
from tests.conftest import ROOT
from tests.test_import import HEAVY

PAGE = ROOT / "docs/how-to/test-your-product.md"
PLUGIN = ("-p", "crmkit.testing.plugin")


def run(folder: Path, *options: str, environment: Mapping[str, str] | None = None, **files: str) -> str:
    """Run pytest on files in a process of its own, so that nothing is loaded yet, and return what it says."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(dedent(text))
    command = [sys.executable, "-m", "pytest", *PLUGIN, "-p", "no:cacheprovider", "--color=no", *options]
    given = {**os.environ, **(environment or {})}
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False).stdout


def test_the_files_of_the_page_pass(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for name, text in re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE.read_text(), re.DOTALL):
        files[name] = files.get(name, "") + text
    tests = len(re.findall(r"^def test_", "".join(files.values()), re.MULTILINE))
    several = 3  # one of them runs twice on two stores
    assert f"{tests + several} passed in" in run(tmp_path, **files)


def test_a_marked_test_runs_on_each_store(tmp_path: Path, sqlite_url: str) -> None:
    test = f"""
        import pytest
        from crmkit import Customer, system

        @pytest.mark.crm_stores("memory", "sqlite", {sqlite_url!r})
        @pytest.mark.parametrize("again", [1, 2])
        def test_add(crm, again):
            with crm.session(system("test")) as s:
                s.customers.add(Customer(name="Acme"))
                assert s.customers.count() == 1
    """
    said = run(tmp_path, "-v", test_it=test)
    assert set(re.findall(r"\[(?:\d-)?([a-z0-9-]+?)(?:-\d)?\] PASSED", said)) == {"memory", "sqlite", "sqlite-2"}, said
    assert "6 passed" in said


def test_a_product_gives_its_own_database_which_is_left_as_it_was(tmp_path: Path, mongo_url: str) -> None:
    conftest = f"""
        import pytest

        @pytest.fixture
        def crm_url():
            return {mongo_url!r}
    """
    test = """
        import pytest
        from crmkit import Opportunity, system

        @pytest.mark.parametrize("again", [1, 2, 3])
        def test_add(crm, again):
            with crm.session(system("test")) as s:
                assert s.opportunities.count() == 0
                s.opportunities.add(Opportunity(name="Deal"))
    """
    assert "3 passed" in run(tmp_path, conftest=conftest, test_it=test)
    with connect(mongo_url) as crm, crm.session(system("test")) as s:
        assert s.opportunities.count() == s.stage_moves.count() == s.pipeline_definitions.count() == 0


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    test = """
        import pytest

        @pytest.mark.crm_stores("memry")
        def test_add(crm):
            pass
    """
    expected = "'memry' names no database for crm_stores. Name a URL, or one of: memory, sqlite."
    assert expected in run(tmp_path, test_it=test)


def test_messages_are_written_for_tests_that_ask_for_them(tmp_path: Path) -> None:
    test = """
        from crmkit import Customer, system

        def test_asks(crm, crm_outbox):
            with crm.session(system("test")) as s:
                acme = s.customers.add(Customer(name="Acme"))
                s.customers.update(acme, name="Acme AG")
            assert crm_outbox.topics() == ["customer.added", "customer.updated"]
            assert crm_outbox.messages("customer.updated")[0].record_version == 2
            crm_outbox.clear()
            assert crm_outbox.topics() == []

        def test_does_not(crm, assert_statements):
            with crm.session(system("test")) as s, assert_statements(1):
                s.customers.add(Customer(name="Acme"))
    """
    assert "2 passed" in run(tmp_path, test_it=test)


def test_a_run_that_uses_no_fixture_loads_nothing_of_crmkit_but_the_plugin(tmp_path: Path) -> None:
    test = f"""
        import sys

        def test_nothing():
            loaded = {{name for name in sys.modules if name.partition(".")[0] == "crmkit"}}
            assert loaded == {{"crmkit", "crmkit.testing", "crmkit.testing.plugin"}}
            assert not {HEAVY - {"asyncio"}!r} & set(sys.modules)
    """
    assert "1 passed" in run(tmp_path, environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, test_it=test)


def test_every_fixture_is_listed_and_says_what_it_is() -> None:
    fixtures = {name for name, each in vars(plugin).items() if type(each).__name__ == "FixtureFunctionDefinition"}
    assert fixtures - {"_crm_stores"} == set(plugin.__all__)
    assert all(getattr(plugin, name).__doc__ for name in plugin.__all__)


def test_no_fixture_of_another_name_than_the_products_expect() -> None:
    """What `crm` is made of is named after it, so that a product's own `clock` or `make` does not get in its way."""
    assert {name for name in plugin.__all__ if not name.startswith("crm")} == {
        "assert_hidden",
        "assert_statements",
        "assert_visible",
    }


@pytest.mark.parametrize("name", crmkit.testing.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(crmkit.testing, name).__module__.startswith("crmkit.")
    assert name in dir(crmkit.testing)


def test_no_other_name_can() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Clock'"):
        _ = crmkit.testing.Clock
