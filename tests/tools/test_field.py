"""A field of a built-in entity is one line in its class: all else is generated from it, or reads it from there."""

import pytest

from tests.tools.project import changed_by_hand, copied, inserted, python

BEFORE = '    credit_limit: Money | None = money(default=None, min=0, doc="How much the customer may owe.")\n'
LINE = '    machines: int | None = integer(default=None, min=0, doc="How many machines run there.")\n'


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = copied(tmp_path_factory.mktemp("project"))
    inserted(root / "src/crmkit/entities/party.py", BEFORE, LINE)
    python(root, "-m", "tools.generate")
    return root


def test_it_is_used_on_every_store(project, store_url):
    python(project, "-m", "tests.crm.field_use", store_url, "machines", "integer")


def test_it_stands_in_the_reference(project):
    page = (project / "docs/reference/entities/customer.md").read_text(encoding="utf-8")
    assert "| `machines` | integer | no | 0 or more | How many machines run there. |" in page


def test_nothing_but_the_line_was_written_by_hand(project):
    assert changed_by_hand(project) == {"src/crmkit/entities/party.py"}
