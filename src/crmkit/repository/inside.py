"""What lies behind the doors of a session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    from crmkit.expr.resolve import Facts
    from crmkit.model.catalog import Catalog
    from crmkit.repository.change import Change
    from crmkit.repository.door import DoorOf
    from crmkit.repository.guard import Guard
    from crmkit.repository.lock import Locked
    from crmkit.repository.rule_book import RuleBook
    from crmkit.repository.unit_of_work import UnitOfWork
    from crmkit.security.access import Actor
    from crmkit.values.identifier import IdSource

__all__ = ["Inside", "Learn"]


class Learn(Protocol):
    """Reads the tenant's pipelines."""

    async def __call__(self, *, anew: bool) -> None:
        """Read them if they were not read before, or `anew`."""
        ...


@attrs.define(eq=False)
class Inside:
    """What lies behind all doors of one session.

    Attributes:
        catalog: the models.
        unit: the session's transaction.
        guard: what the actor may touch.
        actor: who acts.
        ids: makes ids.
        facts: gives what placeholders in expressions stand for now.
        learn: reads the tenant's pipelines, where an expression names a stage that is not known.
        door_of: gives another door.
        tell: hands a change to the journal.
        locked: gives what a stage locks.
        rules: what the host demands of records.
        joined: gives a session over these doors, for functions of the host.
    """

    catalog: Catalog
    unit: UnitOfWork
    guard: Guard
    actor: Actor
    ids: IdSource
    facts: Callable[[], Facts]
    learn: Learn
    door_of: DoorOf
    tell: Callable[[Change[Any]], Awaitable[None]]
    locked: Locked
    rules: RuleBook
    joined: Callable[[], Any]
