"""Adding a node to the language takes golden cases: these tests count them."""

import typing

import attrs
import pytest

from crmkit.expr import core
from crmkit.expr import node as nodes
from crmkit.testing.golden import CORE_CASES, EXPRESSION_CASES


def used(value, found):
    """Collect the classes of every node inside a value."""
    if isinstance(value, tuple):
        for item in value:
            used(item, found)
    elif attrs.has(type(value)):
        found.add(type(value))
        for field in attrs.fields(type(value)):
            used(getattr(value, field.name), found)
    return found


@pytest.mark.parametrize("node", [*typing.get_args(nodes.Node), nodes.Me, nodes.Moment], ids=lambda node: node.__name__)
def test_every_node_of_the_language_has_a_golden_case(node):
    assert node in used(tuple(expr for _, expr, _ in EXPRESSION_CASES), set())


@pytest.mark.parametrize("node", [n for n in typing.get_args(core.Core) if n is not core.Not], ids=lambda n: n.__name__)
def test_every_node_of_the_core_has_a_golden_case(node):
    assert node in used(tuple(node for node, _ in CORE_CASES), set())


@pytest.mark.parametrize("node", [core.In, core.Missing, core.Prefix, core.Substring, core.Has, core.Exists])
def test_every_leaf_that_can_be_negated_has_a_golden_case_for_it(node):
    assert any(isinstance(case, node) and case.negated for case, _ in CORE_CASES)
