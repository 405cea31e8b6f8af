"""Including: related records are fetched beside others, one statement for each step, whatever the number of records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from crmkit.errors import BadExpression, Unsupported
from crmkit.expr.bind import Binder
from crmkit.expr.build import Include
from crmkit.expr.core import Compare, Core, In
from crmkit.expr.limits import MAX_RELATIONS
from crmkit.expr.node import Op, Ref
from crmkit.repository.door import BATCH
from crmkit.repository.order import keys_of
from crmkit.repository.related import Branch, Related
from crmkit.storage.spi import Feature, SortKey, Top
from crmkit.values import INT64_MAX

if TYPE_CHECKING:
    from crmkit.model.schema import Relation, Schema
    from crmkit.repository.door import Door
    from crmkit.repository.doors import Doors

__all__ = ["Includes", "Plan", "planned"]

Includes: TypeAlias = Ref | Include | Sequence[Ref | Include]
"""What to include: `f.customer`, `f.contacts.first(3, order=f.name)`, or several such."""
MOST_RELATED: Final = 10 * BATCH
"""How many records one step may lead to, from up to `BATCH` records; a page holds all of them in memory."""


@attrs.frozen
class _Choice:
    """Which of the records to which a step leads are wanted."""

    where: tuple[Core, ...] = ()
    order: tuple[SortKey, ...] = ()
    number: int | None = None


@attrs.define(eq=False)
class Step:
    """One step of what is to be included.

    Attributes:
        relation: the step.
        door: of the model where it leads.
        ref: the way up to here.
        choice: what of it is wanted; `None` where only a longer path leads over it.
        steps: the further steps, by name.
    """

    relation: Relation
    door: Door[Any]
    ref: Ref
    choice: _Choice | None = None
    steps: dict[str, Step] = attrs.field(factory=dict[str, "Step"])


async def planned(doors: Doors, schema: Schema, include: Includes) -> Plan:
    """Return the plan that fetches what is to be included, checked as a whole before anything is read.

    Raises:
        BadExpression: a path, a condition, an order or a number does not fit the models.
        Unsupported: the store cannot keep the first records of each.
    """
    plan = Plan(doors, schema)
    listed: list[Any] = [*include] if isinstance(include, Sequence) and not isinstance(include, str) else [include]
    for each in listed:
        await plan.add(each if isinstance(each, Include) else Include(each))
    return plan


class Plan:
    """What is to be included with records of a model; see `planned`."""

    def __init__(self, doors: Doors, schema: Schema) -> None:
        self._doors = doors
        self._schema = schema
        self._binder = Binder(doors.catalog)
        self._steps: dict[str, Step] = {}

    async def add(self, wanted: Include) -> None:
        """Add the steps of a path; those on the way are included as well."""
        ref: Any = wanted.ref
        if not isinstance(ref, Ref) or not ref.path:
            shown = "f alone" if isinstance(ref, Ref) else type(ref).__name__
            raise BadExpression(f"{shown} cannot be included.", hint="Name a relation, as in include=[f.customer].")
        if len(ref.path) > MAX_RELATIONS:
            raise BadExpression(f"{ref.text[:200]} follows more than {MAX_RELATIONS} relations.")
        schema, steps = self._schema, self._steps
        *way, last = ref.path
        for place, name in enumerate(way, start=1):
            step = self._step(schema, steps, name, Ref(ref.path[:place]))
            schema, steps = step.door.schema, step.steps
        step = self._step(schema, steps, last, ref)
        choice = await self._choice(step, wanted)
        if step.choice is not None and step.choice != choice:
            raise BadExpression(f"{ref.text} is included twice, in different ways.", hint="Include it once.")
        step.choice = choice

    def _step(self, schema: Schema, steps: dict[str, Step], name: str, ref: Ref) -> Step:
        if name not in steps:
            relation = self._binder.step(schema, name, ref)
            steps[name] = Step(relation, self._doors.of(relation.target), ref)
        return steps[name]

    async def _choice(self, step: Step, wanted: Include) -> _Choice:
        text, number = step.ref.text, wanted.number
        where = await step.door.bind(wanted.condition)
        if number is None:
            return _Choice(where)
        if not step.relation.many:
            raise BadExpression(f"{text}.first(): {text} leads to one record.", hint=f"Write {text} alone.")
        if type(number) is not int or not 1 <= number < INT64_MAX:
            raise BadExpression(f"{text}.first() takes a whole number from 1 up, not {number!r}.")
        if Feature.TOP not in self._doors.features:
            fact = "this store cannot give the first related records of each record."
            raise Unsupported(fact, hint=f"Include {text} without first().")
        return _Choice(where, keys_of(step.door, wanted.order), number)

    async def fetch(self, records: Sequence[Any]) -> Related:
        """Return what belongs to records, guarded: one statement for each step and 5,000 records.

        Raises:
            BadExpression: a step leads to more records than may be held.
        """
        known = {(self._schema.name, record.id): record for record in records}
        return await _fetched(self._steps, records, known)


async def _fetched(steps: dict[str, Step], records: Sequence[Any], known: dict[Any, Any]) -> Related:
    branches: dict[str, Branch] = {}
    for name, step in steps.items():
        relation, target = step.relation, step.door.schema
        found: dict[Any, list[Any]] = {}
        reached: dict[Any, Any] = {}
        for each in await _reached(step, records):
            # A record that is met again is the one that was met before.
            record = reached[each.id] = known.setdefault((target.name, each.id), each)
            found.setdefault(getattr(each, relation.remote), []).append(record)
        held = {key: tuple(each) for key, each in found.items()}
        belonging = {record.id: held.get(getattr(record, relation.local), ()) for record in records}
        further = await _fetched(step.steps, [*reached.values()], known)
        branches[name] = Branch(relation, target, belonging, further)
    return Related(branches)


async def _reached(step: Step, records: Sequence[Any]) -> list[Any]:
    """Return the records to which a step leads from others, those that belong together in their order."""
    relation, choice = step.relation, step.choice or _Choice()
    keys = [*dict.fromkeys(getattr(record, relation.local) for record in records)]
    fixed = () if relation.fixed is None else (Compare(relation.fixed[0], Op.EQ, relation.fixed[1]),)
    top = None if choice.number is None else Top(relation.remote, choice.number)
    # By the link first: in the order of ids alone, a database may read all rows of the tenant.
    order = choice.order or ((SortKey(relation.remote, missing_first=True), SortKey("id")) if relation.many else ())
    limit = MOST_RELATED + 1 if relation.many else None
    found: list[Any] = []
    for start in range(0, len(keys), BATCH):
        among = tuple(key for key in keys[start : start + BATCH] if key is not None)
        if not among:
            continue
        where = (In(relation.remote, among), *fixed, *choice.where)
        batch = await step.door.records(where, order=order, limit=limit, top=top)
        if len(batch) > MOST_RELATED:
            hint = f"Write {step.ref.text}.first(20), or ask for fewer records at a time."
            raise BadExpression(f"{step.ref.text} leads to more than {MOST_RELATED:,} records.", hint=hint)
        found += batch
    return found
