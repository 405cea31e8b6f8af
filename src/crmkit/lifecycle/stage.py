"""Stages: where a record can be, and what it takes to get there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias, cast

import attrs

from crmkit.errors import BadDefinition, BadExpression, Problem, near
from crmkit.expr.node import Expr, Missing, Node, Ref, closed
from crmkit.values import clean_text

__all__ = ["CLOSED", "MAX_NAME", "Outcome", "Stage", "check_guard", "checked_name", "path_of"]

Outcome: TypeAlias = Literal["open", "won", "lost", "done"]
CLOSED: Final[tuple[Outcome, ...]] = ("won", "lost", "done")
"""How a record can end; `done` is an end without a winner."""

MAX_NAME: Final = 80
"""The longest name of a pipeline, a stage or a role."""
_SURE: Final = 100


def _chance(given: int | None) -> int:
    # What was left open depends on the outcome, so it is settled once that is known.
    return cast("int", given)


def _outcome(given: Outcome | None) -> Outcome:
    return given or "open"


def _fields(given: Iterable[str]) -> tuple[str, ...]:
    # A text is refused later, where the name of the stage is known.
    return cast("tuple[str, ...]", given) if isinstance(given, str) else tuple(given)


@attrs.frozen
class Stage:
    """One stage of a pipeline.

    Args:
        name: what records hold; stable, at most 80 characters.
        probability: the chance to win from here, in per cent; for a stage that is won 100, and for one that is lost 0.
        outcome: how a record ends here: `"won"`, `"lost"` or `"done"`; `None` for a stage in which it is open.
        requires: fields that must hold a value before a record may enter; also fields of a record that it leads to, as
            in `"customer.vat_id"`.
        guard: an expression that must hold before a record may enter; it may reach other records.
        locks: fields that no write changes while a record is in this stage, and stays in it or goes on to another stage
            that locks them.
        label: what people read; the name if blank.

    Raises:
        BadDefinition: one of these is not acceptable.

    >>> Stage("proposal", 50, requires={"amount"}).outcome
    'open'
    >>> Stage("won", outcome="won").probability
    100
    """

    name: str
    probability: int = attrs.field(default=None, converter=_chance)
    outcome: Outcome = attrs.field(default="open", converter=_outcome, kw_only=True)
    requires: tuple[str, ...] = attrs.field(default=(), converter=_fields, kw_only=True)
    guard: Expr | None = attrs.field(default=None, kw_only=True)
    locks: tuple[str, ...] = attrs.field(default=(), converter=_fields, kw_only=True)
    label: str = attrs.field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Check all of it, and settle the probability of a stage that is won or lost."""
        where = f"stage {checked_name('a stage', self.name)!r}"
        if self.outcome not in {"open", *CLOSED}:
            raise BadDefinition(f"{where} has the outcome {self.outcome!r}.", hint=near(str(self.outcome), CLOSED))
        for verb in ("requires", "locks"):
            object.__setattr__(self, verb, _named(where, verb, getattr(self, verb)))
        object.__setattr__(self, "probability", _probability(where, self.probability, self.outcome))
        check_guard(where, self.guard)
        if self.label != "":
            checked_name(f"{where}, label", self.label)

    @property
    def is_open(self) -> bool:
        """Whether a record in this stage is still going on."""
        return self.outcome == "open"

    @property
    def title(self) -> str:
        """What people read."""
        return self.label or self.name

    @property
    def conditions(self) -> tuple[Node, ...]:
        """The guard, and what is required of other records: all that they can decide."""
        guard = () if self.guard is None else (closed(self.guard),)
        return (*guard, *(Missing(path_of(name)) for name in self.requires if "." in name))


def path_of(name: str) -> Ref:
    """Return the field that is named, as `"amount"` or as `"customer.vat_id"`."""
    return Ref(tuple(name.split(".")))


def _named(where: str, verb: str, given: Iterable[str]) -> tuple[str, ...]:
    """Return the names of fields, sorted."""
    if isinstance(given, str):
        raise BadDefinition(f"{where} {verb} the text {given!r}.", hint=f"Write {verb}={{{given!r}}}.")
    return tuple(sorted({checked_name(f"{where}, {verb}", name) for name in given}))


def _probability(where: str, given: int | None, outcome: Outcome) -> int:
    settled = {"won": _SURE, "lost": 0}.get(outcome)
    probability = settled or 0 if given is None else given
    if type(probability) is not int or not 0 <= probability <= _SURE:
        raise BadDefinition(f"{where} has the probability {probability!r}.", hint="Write a whole number from 0 to 100.")
    if settled is not None and probability != settled:
        raise BadDefinition(f"{where} is {outcome} and has the probability {probability}.", hint=f"It is {settled}.")
    return probability


def checked_name(what: str, name: object) -> str:
    """Return a name that every store can hold.

    Raises:
        BadDefinition: it is not text, is blank, too long, or has blanks around it.
    """
    try:
        text = clean_text(name, at_most=MAX_NAME, at_least=1)
    except Problem as problem:
        raise BadDefinition(f"the name of {what} {problem.message}", hint=problem.hint) from None
    if text != text.strip():
        raise BadDefinition(f"the name of {what}, {text!r}, has blanks around it.", hint=f"Write {text.strip()!r}.")
    return text


def check_guard(where: str, guard: object) -> None:
    """Refuse a guard that is not an expression.

    Raises:
        BadDefinition: it is something else.
    """
    if guard is None:
        return
    try:
        closed(guard)
    except BadExpression as error:
        raise BadDefinition(f"{where} has a guard that does not fit: {error.message}", hint=error.hint) from None
