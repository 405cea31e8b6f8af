"""The judge: whether records may be written as they will be. The guard, beside it, looks at them as they are.

First the policy is asked, then every rule of the host, so that one refusal names all that is broken. What a record
alone decides, and what functions say, is known before anything is written. An expression that follows relations is
asked of the store, once the record stands there; a write that is refused then is undone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import proxy

import attrs

from crmkit.errors import BadDefinition, BadRecord, Breach, NotAllowed, Problem, RuleBroken
from crmkit.expr.build import everything
from crmkit.expr.core import In
from crmkit.expr.evaluate import evaluate, is_local
from crmkit.expr.resolve import resolve
from crmkit.operation.refusal import Refusal
from crmkit.repository.change import ChangeKind
from crmkit.repository.foresight import holds
from crmkit.security.access import Action

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.expr.node import Expr, Node
    from crmkit.expr.resolve import Facts
    from crmkit.model.schema import Relation
    from crmkit.operation.validation_rule import ValidationRule
    from crmkit.repository.door import Door
    from crmkit.repository.inside import Inside
    from crmkit.repository.rule_book import Entry

__all__ = ["DELETING", "Foresight", "Judge", "Proposal", "action_of"]

DELETING: Final = frozenset({ChangeKind.DELETED, ChangeKind.RESTORED})
Perform: TypeAlias = Callable[[], Awaitable[None]]
_Open: TypeAlias = "list[tuple[ValidationRule, list[int], Node]]"
"""Rules that are still to be asked of the store, each with the places of the records that it may be about."""


def action_of(kind: ChangeKind) -> Action:
    """Return what the policy is asked for when this happens to a stored record."""
    return Action.DELETE if kind in DELETING else Action.UPDATE


@attrs.frozen(slots=False)  # made at each write, like Change
class Proposal:
    """Records that are to be written.

    Attributes:
        kind: what is to happen to them.
        ids: their ids.
        after: gives them as they will be.
        before: them as they are stored; nothing for new ones.
    """

    kind: ChangeKind
    ids: Sequence[UUID]
    after: Callable[[], Sequence[Any]]
    before: Sequence[Any] = ()

    @property
    def action(self) -> Action:
        """What the policy is asked for."""
        return action_of(self.kind) if self.before else Action.CREATE


@attrs.frozen
class Foresight:
    """What would come of writing a record.

    Attributes:
        changes: the fields that the record sets itself.
        problems: why it refuses itself, by field.
        breaches: the rules that it would break.
    """

    changes: dict[str, Any] = attrs.field(factory=dict[str, Any])
    problems: tuple[Problem, ...] = ()
    breaches: Sequence[Breach] = ()

    @property
    def listed(self) -> tuple[Problem, ...]:
        """All that speaks against it, a broken rule at the first of its fields."""
        broken = (
            Problem(each.code, each.message, hint=each.hint, field=each.fields[0] if each.fields else "")
            for each in self.breaches
        )
        return (*self.problems, *broken)

    @property
    def reasons(self) -> tuple[str, ...]:
        """All that speaks against it, for people."""
        return (*map(str, self.problems), *(breach.message for breach in self.breaches))


class Judge:
    """Decides whether records of one model may be written, in one session.

    Attributes:
        door: the door that asks.
        schema: the model.
        relations: the ways that lead from it, by name.
        looks_closer: whether more than fields, links and the policy may speak against a write.
    """

    def __init__(self, door: Door[Any], inside: Inside) -> None:
        self.door: Door[Any] = proxy(door)  # which holds the judge: a cycle would wait for the garbage collector
        self.schema = door.schema
        self.relations = door.catalog.relations(door.schema)
        self._inside = inside
        self._guard = inside.guard
        self._rules = inside.rules.of(door.schema, deleting=False)
        self._protections = inside.rules.of(door.schema, deleting=True)
        self.looks_closer = door.schema.checks or bool(self._rules)

    async def allow(self, proposal: Proposal, perform: Perform, confirm: Perform | None = None) -> None:
        """Write records, or refuse to; then nothing of them is written.

        Args:
            proposal: the records.
            perform: writes them.
            confirm: refuses records that are no longer there as the caller has them, which is then the better answer.

        Raises:
            NotAllowed: the policy does not let the actor do this.
            RuleBroken: rules of the host do not allow it; it lists every breach.
        """
        policy = self._guard.rule(self.schema, proposal.action)
        rules = self._protections if proposal.kind is ChangeKind.DELETED else self._rules
        if policy is everything and not rules:
            await perform()
            return
        known = is_local(policy, self.schema)
        if known and not all(evaluate(policy, record) for record in proposal.after()):
            raise self.refusal(proposal.action)
        breaches, left = await self._ask(rules, proposal) if rules else ([], [])
        if breaches and confirm is not None:
            await confirm()
        if not left:
            self._refuse(breaches, proposal)
            if known:
                await perform()
                return
        async with self._inside.unit.refusable():
            await perform()
            if not known:
                await self._ask_outcome(proposal)
            for rule, places, node in left:
                breaches += _breaches(rule, await self.where(node, places, proposal.ids))
            self._refuse(breaches, proposal)

    async def foresee(self, before: Any, after: Any) -> Foresight:
        """Return what would come of writing a record, before anything is written.

        Related records count as they are stored; what cannot be known before the write does not speak against it.

        Args:
            before: the record as it is stored; `None` if it is new.
            after: the record as it would be; it sets the fields that it sets itself at once.
        """
        try:
            changes = self.schema.check(after)
        except BadRecord as error:
            return Foresight(problems=error.problems)
        kind = ChangeKind.ADDED if before is None else ChangeKind.UPDATED
        given = () if before is None else (before,)
        written = self.door.written(before, after)
        breaches, left = await self._ask(self._rules, Proposal(kind, (after.id,), lambda: (written,), given))
        for rule, places, node in left:
            if await holds(node, written, self, new=before is None):
                breaches += _breaches(rule, places)
        return Foresight(changes, breaches=breaches)

    def refusal(self, action: Action) -> NotAllowed:
        """Return how the policy refuses."""
        return NotAllowed(f"the policy does not let this actor {action.value} this {self.schema.name}.")

    def beyond(self, relation: Relation) -> Judge:
        """Return the judge of the model to which a relation leads."""
        return self._inside.door_of(relation.target).judge

    # -- rules ---------------------------------------------------------------------------------------------------------

    async def _ask(self, rules: Iterable[Entry], proposal: Proposal) -> tuple[list[Breach], _Open]:
        """Return what is known before the write, and which rules are left for the store."""
        deleting = proposal.kind is ChangeKind.DELETED
        facts = self._inside.facts()
        breaches: list[Breach] = []
        left: _Open = []
        for entry in rules:
            rule = entry.rule
            places = await self._were(entry, proposal, facts)
            if rule.refuse is None:
                breaches += await self._checked(rule, proposal)
                continue
            node = resolve(rule.refuse, facts)
            if entry.local:
                records = proposal.before if deleting else proposal.after()
                breaches += _breaches(rule, [place for place in places if evaluate(node, records[place])])
            elif deleting:  # afterwards it would not be there any more
                breaches += _breaches(rule, await self.where(node, places, proposal.ids))
            elif places:
                left.append((rule, places, node))
        return breaches, left

    async def _were(self, entry: Entry, proposal: Proposal, facts: Facts) -> list[int]:
        """Return the places of the records that were what a rule asks for."""
        if entry.rule.was is None:
            return list(range(len(proposal.ids)))
        places = list(range(len(proposal.before)))
        node = resolve(entry.rule.was, facts)
        if entry.was_local:
            return [place for place in places if evaluate(node, proposal.before[place])]
        return await self.where(node, places, proposal.ids)

    async def where(self, node: Expr, places: list[int], ids: Sequence[UUID]) -> list[int]:
        """Return those places at which the store finds an expression true, no matter who acts."""
        if not places:
            return []
        conditions = (*self._guard.impartial(self.schema, node), In("id", tuple(ids[place] for place in places)))
        rows = await self.door.columns(conditions, ("id",), action=None, deleted=True)
        found = {id for (id,) in rows}
        return [place for place in places if ids[place] in found]

    async def _checked(self, rule: ValidationRule, proposal: Proposal) -> list[Breach]:
        """Return the breaches that a function finds; it may look at everything, and change nothing."""
        breaches: list[Breach] = []
        actor, check = self._inside.actor, rule.check
        session = self._inside.joined()
        before = proposal.before or (None,) * len(proposal.ids)
        for place, (held, record) in enumerate(zip(before, proposal.after(), strict=True)):
            with self._inside.unit.held(looking=True):
                said: Any = check(held, record, actor, session) if check is not None else None
                said = await said if rule.awaited else said
            if isinstance(said, Refusal):
                code = rule.code if said.code == "refused" else said.code
                fields, hint = said.fields or rule.fields, said.hint or rule.hint
                breaches.append(Breach(code, said.message, fields, hint, place))
            elif said is not None:
                raise BadDefinition(
                    f"the rule {rule.message!r} of {self.schema.name} returned {type(said).__name__}.",
                    hint="Return a Refusal, or None.",
                )
        return breaches

    def _refuse(self, breaches: list[Breach], proposal: Proposal) -> None:
        if breaches:
            ordered = sorted(breaches, key=lambda breach: breach.position)
            raise RuleBroken(self.schema.name, ordered, many=len(proposal.ids) > 1)

    async def _ask_outcome(self, proposal: Proposal) -> None:
        """Refuse what the policy, following relations, does not allow of the rows as they were written."""
        outcome = self._guard.outcome(self.schema, proposal.action)
        conditions = (*outcome, In("id", tuple(proposal.ids)))
        if len(await self.door.columns(conditions, ("id",), action=None, deleted=True)) < len(proposal.ids):
            raise self.refusal(proposal.action)


def _breaches(rule: ValidationRule, places: Iterable[int]) -> list[Breach]:
    return [Breach(rule.code, rule.message, rule.fields, rule.hint, place) for place in places]
