"""Leaves of expressions, where text is at its most awkward."""

import pytest

from crmkit.expr.core import Compare, Prefix, Substring
from crmkit.expr.node import Op
from crmkit.storage.spi import SortKey
from tests.storage.mongo.model import BOAT, Boat, fetch, make, plant

# U+E000 and U+FFFD lie after the surrogates and below the astral planes: UTF-16 would order them the other way.
WORDS = [
    "",
    "a",
    "a\n",
    "a\nb",
    "a.b",
    "a.b+c*",
    "aB",
    "b",
    "\ud7ff!",
    "\ue000",
    "\ufffd",
    "𐀀",
    "𝒳𝒴",
    "\U0010ffff",
    "\U0010ffffx",
]


@pytest.fixture
def words(store):
    plant(store, *(make(Boat, name=word) for word in WORDS))
    return store


def names(store, *where):
    return [boat.name for boat in fetch(store, BOAT, *where)]


def test_text_is_ordered_by_code_point(words):
    ordered = fetch(words, BOAT, order=(SortKey("name"), SortKey("id")))
    assert [boat.name for boat in ordered] == sorted(WORDS)


@pytest.mark.parametrize("bound", WORDS)
def test_text_is_compared_by_code_point(words, bound):
    assert names(words, Compare("name", Op.LT, bound)) == [word for word in WORDS if word < bound]
    assert names(words, Compare("name", Op.GE, bound)) == [word for word in WORDS if word >= bound]


@pytest.mark.parametrize("text", [*WORDS, "\ud7ff", "A", "."])
@pytest.mark.parametrize("negated", [False, True], ids=["plain", "negated"])
def test_beginnings_and_parts(words, text, negated):
    starting = [word for word in WORDS if word.startswith(text) is not negated]
    holding = [word for word in WORDS if (text in word) is not negated]
    assert names(words, Prefix("name", text, negated)) == starting
    assert names(words, Substring("name", text, negated)) == holding


@pytest.mark.parametrize("negated", [False, True], ids=["plain", "negated"])
def test_a_part_too_long_for_a_pattern_is_found_too(store, negated):
    plant(store, make(Boat, name="é." * 90, extra={}), make(Boat, name="short"))
    part = "é." * 60
    assert len(names(store, Substring("name", part, negated))) == 1
