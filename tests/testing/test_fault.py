"""The kit bites: each sabotaged store turns it red, and the honest one leaves it green."""

import pytest

from crmkit.storage.memory import MemoryStore
from crmkit.testing.fault import FAULTS, first_red, suite_of
from crmkit.testing.liar import Fault, Liar


@pytest.mark.parametrize("name", FAULTS)
def test_a_sabotaged_store_turns_the_kit_red(name):
    assert first_red(suite_of(lambda: Liar(FAULTS[name])))


def test_an_honest_store_leaves_it_green():
    assert first_red(suite_of(MemoryStore)) == ""


def test_a_liar_without_a_lie_leaves_it_green():
    assert first_red(suite_of(lambda: Liar(Fault()))) == ""
