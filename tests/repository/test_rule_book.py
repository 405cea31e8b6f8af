"""Rules that do not fit are refused when a CRM connects, or when they are made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import pytest

from crmkit import BadDefinition, Customer, Opportunity, StageMove, aconnect, connect, entity, f, rule

made: Any = rule
"""A rule of whatever is given: checkers would refuse the mistakes below."""


async def later(before: object, after: object, actor: object, s: object) -> None: ...


def now(before: object, after: object, actor: object, s: object) -> None: ...


class Later:
    async def __call__(self, *_: object) -> None: ...


MADE: dict[str, tuple[Callable[[], object], str]] = {
    "no reason": (lambda: made(" ", refuse=f.name == "x"), "a rule gives its reason."),
    "nothing to judge by": (lambda: made("Why"), "the rule 'Why' is an expression or a function."),
    "two ways to judge": (
        lambda: made("Why", refuse=f.name == "x", check=now),
        "the rule 'Why' is an expression or a function.",
    ),
    "no expression": (lambda: made("Why", refuse="name"), "the rule 'Why' takes an expression for refuse=, not str."),
    "a name alone": (lambda: made("Why", refuse=f.active), "the rule 'Why' takes an expression for refuse=, not"),
    "a function that was": (
        lambda: made("Why", check=now, was=f.name == "x"),
        "the rule 'Why' takes no was=.",
    ),
    "no function": (lambda: made("Why", check=5), "the rule 'Why' takes a function for check=."),
    "other arguments": (
        lambda: made("Why", check=lambda _, __: None),
        "the rule 'Why' has a function that does not take (before, after, actor, s).",
    ),
}


@pytest.mark.parametrize("what", MADE)
def test_a_rule_that_cannot_be_asked_is_not_made(what: str) -> None:
    make, message = MADE[what]
    with pytest.raises(BadDefinition) as caught:
        make()
    assert caught.value.message.startswith(message)
    assert caught.value.hint


CONNECTED: dict[str, tuple[Any, str]] = {
    "no mapping": ([rule("Why", refuse=f.name == "x")], "rules takes a mapping of models."),
    "a rule alone": ({Customer: rule("Why", refuse=f.name == "x")}, "a rule is expected in a list, not alone."),
    "an expression alone": ({Customer: [f.name == "x"]}, "a rule is expected, not Compare."),
    "no such field": (
        {Customer: [rule("Why", refuse=f.nmae == "x")]},
        "the rule 'Why' of customer does not fit: customer has no field 'nmae'.",
    ),
    "no such relation": (
        {Customer: [rule("Why", refuse=f.name == "x", was=f.contcats.any())]},
        "the rule 'Why' of customer does not fit: f.contcats: customer has no relation 'contcats'.",
    ),
    "about no field": (
        {Customer: [rule("Why", refuse=f.name == "x", on=["nmae"])]},
        "the rule 'Why' of customer is about 'nmae', which it has not.",
    ),
    "a model that is kept": (
        {StageMove: [rule("Why", refuse=f.note.missing())]},
        "stage_move takes no rules, as no caller writes it.",
    ),
    "an awaited function": (
        {Customer: [rule("Why", check=later)]},
        "the rule 'Why' of customer has a function that is awaited, and this CRM is blocking.",
    ),
    "an awaited object": (
        {Customer: [rule("Why", check=Later())]},
        "the rule 'Why' of customer has a function that is awaited, and this CRM is blocking.",
    ),
    "a part of an awaited function": (
        {Customer: [rule("Why", check=partial(later))]},
        "the rule 'Why' of customer has a function that is awaited, and this CRM is blocking.",
    ),
}


@pytest.mark.parametrize("what", CONNECTED)
@pytest.mark.parametrize("name", ["rules", "protect"])
def test_rules_that_do_not_fit_are_refused_when_connecting(what: str, name: str) -> None:
    given, message = CONNECTED[what]
    with pytest.raises(BadDefinition) as caught:
        connect("memory://", **{name: given})
    assert caught.value.message.startswith(message.replace("rules takes", f"{name} takes"))
    assert caught.value.hint


def test_an_awaited_crm_takes_awaited_functions_only() -> None:
    async def main() -> None:
        await aconnect("memory://", rules={Customer: [rule("Why", check=now)]})

    with pytest.raises(BadDefinition, match="is not awaited, and this CRM is"):
        asyncio.run(main())


def test_rules_of_a_model_and_of_what_extends_it_hold_together() -> None:
    @entity(extends=Customer)
    class Clinic(Customer): ...

    rules = {Customer: [rule("One.", refuse=f.name == "x")], Clinic: [rule("Two.", refuse=f.name == "x")]}
    with connect("memory://", models=[Clinic], rules=rules) as crm:
        held = crm.environment.rules.of(crm.environment.catalog["customer"], deleting=False)
        assert [entry.rule.message for entry in held] == ["One.", "Two."]


def test_a_rule_is_a_value() -> None:
    one = rule("Why not?", refuse=f.name == "x", on="name")
    assert one == rule("Why not?", refuse=f.name == "x", on=["name"])
    assert (one.code, one.fields, attrs.evolve(one, code="x").code) == ("why_not", ("name",), "x")


def test_the_rules_of_a_crm_are_its_own() -> None:
    with connect("memory://", rules={Opportunity: []}) as crm:
        assert crm.environment.rules.of(crm.environment.catalog["opportunity"], deleting=False) == ()
