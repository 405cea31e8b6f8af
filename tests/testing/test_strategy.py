"""What the kit draws is worth asking: expressions bind, answers are mixed, every node and kind occurs."""

import typing
from collections import Counter

import attrs
from hypothesis import HealthCheck, given, settings

from crmkit.expr import node as nodes
from crmkit.expr.evaluate import evaluate
from crmkit.testing.strategy import cases


def test_drawn_expressions_use_the_whole_language_and_split_their_worlds():
    seen: Counter[object] = Counter()
    answers: Counter[str] = Counter()

    def visit(value):
        if isinstance(value, tuple):
            for item in value:
                visit(item)
        elif attrs.has(type(value)):
            seen[type(value)] += 1
            for field in attrs.fields(type(value)):
                visit(getattr(value, field.name))
        elif isinstance(value, nodes.Op | nodes.Quantifier):
            seen[value] += 1

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cases())
    def draw(case):
        for schema, expr in case.questions:
            visit(expr)
            found = [evaluate(expr, each, facts=case.facts, world=case.world) for each in case.world.of(schema)]
            answers["all" if all(found) else "some" if any(found) else "none"] += 1

    draw()
    expected = {*typing.get_args(nodes.Node), nodes.Me, nodes.Moment, *nodes.Op, *nodes.Quantifier}
    assert expected <= set(seen)
    assert min(answers.values()) > sum(answers.values()) * 0.05
