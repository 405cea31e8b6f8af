"""Catalogues follow the declarations: what is new is asked for, what changed is marked, what went is taken out."""

import re

import pytest

from tests.tools.project import copied, inserted, python

BEFORE = '    credit_limit: Money | None = money(default=None, min=0, doc="How much the customer may owe.")\n'
NEW = '    forklift_count: int | None = integer(default=None, min=0, doc="How many forklifts run there.")\n'


@pytest.fixture(scope="module")
def catalogues(tmp_path_factory):
    """The catalogues of a project in which a field came, one went, and one is explained in other words."""
    root = copied(tmp_path_factory.mktemp("project"))
    party = root / "src/crmkit/entities/party.py"
    inserted(party, BEFORE, NEW)
    source = party.read_text(encoding="utf-8")
    party.write_text(
        re.sub(r"    purchase_potential: .*?\n    \)\n", "", source, flags=re.DOTALL).replace(
            'doc="How much the customer may owe."', 'doc="How much the customer may be behind."'
        ),
        encoding="utf-8",
    )
    python(root, "-m", "tools.generate")
    locale = root / "src/crmkit/labels/locale"
    return {file.stem: file.read_text(encoding="utf-8") for file in locale.glob("*.po")}


def entry(catalogue, id):
    """The entry of an id, with what stands above it."""
    return next((each for each in catalogue.split("\n\n") if f'msgid "{id}"' in each), "")


def test_a_new_field_has_words_in_english_and_is_asked_for_in_chinese(catalogues):
    assert 'msgstr "Forklift count"' in entry(catalogues["en"], "field.forklift_count")
    assert 'msgstr "How many forklifts run there."' in entry(catalogues["en"], "field.customer.forklift_count.help")
    assert entry(catalogues["zh"], "field.forklift_count") == (
        '#. Forklift count\nmsgid "field.forklift_count"\nmsgstr ""'
    )


def test_a_field_that_is_explained_in_other_words_is_to_be_translated_anew(catalogues):
    changed = entry(catalogues["zh"], "field.customer.credit_limit.help")
    assert changed.startswith("#. How much the customer may be behind.\n#, fuzzy\n")
    assert 'msgstr "允许客户赊欠的最高金额。"' in changed
    assert "fuzzy" not in entry(catalogues["zh"], "field.credit_limit")


def test_a_field_that_went_takes_its_words_along(catalogues):
    assert all("purchase_potential" not in each for each in catalogues.values())
