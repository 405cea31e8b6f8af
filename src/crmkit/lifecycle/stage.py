"""Stages: where a record can be, and what it takes to get there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

import attrs

from crmkit.errors import BadDefinition, Problem, near
from crmkit.expr.evaluate import is_local
from crmkit.expr.nodes import Expr
from crmkit.expr.show import show
from crmkit.values import clean_text

__all__ = ["CLOSED", "Outcome", "Stage", "checked_guard", "checked_name"]

Outcome: TypeAlias = Literal["open", "won", "lost", "done"]
CLOSED: Final[tuple[Outcome, ...]] = ("won", "lost", "done")
"""How a record can end; `done` is an end without a winner."""

_MAX_NAME: Final = 80
_SURE: Final = 100


@attrs.frozen(init=False)
class Stage:
    """One stage of a pipeline.

    Args:
        name: what records hold; stable, at most 80 characters.
        probability: the chance to win from here, in per cent; for a stage that is won 100, and for one that is lost 0.
        outcome: how a record ends here: `"won"`, `"lost"` or `"done"`; `None` for a stage in which it is open.
        requires: fields that must hold a value before a record may enter.
        guard: an expression over the record alone that must hold before it may enter.
        label: what people read; the name if blank.

    Raises:
        BadDefinition: one of these is not acceptable.

    >>> Stage("proposal", 50, requires={"amount"}).outcome
    'open'
    >>> Stage("won", outcome="won").probability
    100
    """

    name: str
    probability: int
    outcome: Outcome
    requires: tuple[str, ...]
    guard: Expr | None
    label: str

    def __init__(
        self,
        name: str,
        probability: int | None = None,
        *,
        outcome: Outcome | None = None,
        requires: Iterable[str] = (),
        guard: Expr | None = None,
        label: str = "",
    ) -> None:
        where = f"stage {checked_name('a stage', name)!r}"
        held: Outcome = outcome or "open"
        if held not in {"open", *CLOSED}:
            raise BadDefinition(f"{where} has the outcome {held!r}.", hint=near(str(held), CLOSED))
        if isinstance(requires, str):
            raise BadDefinition(f"{where} requires the text {requires!r}.", hint=f"Write requires={{{requires!r}}}.")
        fields = sorted({checked_name(f"{where}, requires", field) for field in requires})
        write = object.__setattr__
        write(self, "name", name)
        write(self, "probability", _probability(where, probability, held))
        write(self, "outcome", held)
        write(self, "requires", tuple(fields))
        write(self, "guard", checked_guard(where, guard))
        write(self, "label", checked_name(f"{where}, label", label) if label else "")

    @property
    def is_open(self) -> bool:
        """Whether a record in this stage is still going on."""
        return self.outcome == "open"

    @property
    def title(self) -> str:
        """What people read."""
        return self.label or self.name


def _probability(where: str, given: int | None, outcome: Outcome) -> int:
    settled = {"won": _SURE, "lost": 0}.get(outcome)
    probability = given if given is not None else settled or 0
    if type(probability) is not int or not 0 <= probability <= _SURE:
        raise BadDefinition(f"{where} has the probability {probability!r}.", hint="Write a whole number from 0 to 100.")
    if settled is not None and probability != settled:
        raise BadDefinition(f"{where} is {outcome} and has the probability {probability}.", hint=f"It is {settled}.")
    return probability


def checked_name(what: str, name: object) -> str:
    """Return a name that every store can hold.

    Raises:
        BadDefinition: it is no text, blank, too long, or has blanks around it.
    """
    try:
        text = clean_text(name, at_most=_MAX_NAME, at_least=1)
    except Problem as problem:
        raise BadDefinition(f"the name of {what} {problem.message}", hint=problem.hint) from None
    if text != text.strip():
        raise BadDefinition(f"the name of {what}, {text!r}, has blanks around it.", hint=f"Write {text.strip()!r}.")
    return text


def checked_guard(where: str, guard: object) -> Expr | None:
    """Return a guard that one record alone decides.

    Raises:
        BadDefinition: it is no expression, or follows a relation.
    """
    if guard is None:
        return None
    if not isinstance(guard, Expr):
        raise BadDefinition(f"{where} has a guard that is no expression.", hint="Write one with f, as in f.amount > 1.")
    if not is_local(guard):
        raise BadDefinition(
            f"{where} has a guard that reaches other records: {show(guard)}.",
            hint="A guard reads the fields of the record that moves.",
        )
    return guard
