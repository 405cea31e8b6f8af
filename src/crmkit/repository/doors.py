"""The doors of a session: what its repositories and capabilities are made from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from crmkit.expr.resolve import Facts
from crmkit.model.schema import Schema
from crmkit.repository.definitions import Definitions, Place
from crmkit.repository.door import Door
from crmkit.repository.guard import Guard
from crmkit.repository.inside import Inside
from crmkit.repository.keeper import Keeper
from crmkit.repository.unit_of_work import UnitOfWork
from crmkit.storage.spi import Feature
from crmkit.values.zone import zone_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from crmkit.repository.change import Change
    from crmkit.repository.environment import Environment
    from crmkit.security.access import Actor

__all__ = ["Doors"]

T = TypeVar("T")


class Doors:
    """The doors of one session, and all else that its parts may need.

    Attributes:
        unit: the session's transaction.
        catalog: the models.
        features: what the store can do.
        actor: who acts.
        zone: in which they mean days.
        clock: tells the time.
        ids: makes ids.
        pause: waits for some seconds, without blocking anything else that runs.
        handlers: what hosts and packages do at the steps of operations.

    Args:
        environment: what the whole CRM shares.
        actor: who acts.
        entered: whether they may be used at once.

    Raises:
        BadDefinition: the actor's zone does not exist.
    """

    def __init__(self, environment: Environment, actor: Actor, *, entered: bool = True) -> None:
        self._environment = environment
        self._doors: dict[str, Door[Any]] = {}
        self._keepers: dict[str, Keeper[Any]] = {}
        self._inside: Inside | None = None
        place = (environment.place, actor.tenant)
        self.unit = UnitOfWork(
            environment.store, place, awaited=environment.awaited, entered=entered, dry_run=environment.dry_run
        )
        self.catalog = environment.catalog
        self.features = environment.store.features
        self.actor = actor
        self.zone = zone_of(actor.zone)
        self.clock = environment.clock
        self.ids = environment.ids
        self.pause = environment.pause
        self.handlers = environment.handlers

    def _behind(self) -> Inside:
        if self._inside is None:
            guard = Guard(self.catalog, self._environment.policy, self.actor, self.facts, self._stages)
            self._inside = Inside(
                catalog=self.catalog, unit=self.unit, guard=guard, actor=self.actor, ids=self.ids, facts=self.facts,
                learn=self._learn, door_of=self.of, tell=self._tell, locked=self._locked,
                rules=self._environment.rules, joined=lambda: self.joined,
            )  # fmt: skip
        return self._inside

    @cached_property
    def definitions(self) -> Definitions:
        """The pipelines of the actor's tenant."""
        environment = self._environment
        return Definitions(
            environment.pipelines,
            self.actor.tenant,
            clock=environment.clock,
            pause=environment.pause,
            inside=_place(self),
            apart=None if Feature.SAVEPOINT in self.features else lambda: _place(self.apart()),
        )

    @cached_property
    def joined(self) -> Any:
        """A session over these doors, for what a host or a package runs within an operation: it cannot end them."""
        return self._environment.joined(self)

    @overload
    def of(self, model: type[T]) -> Door[T]: ...
    @overload
    def of(self, model: Schema | str) -> Door[Any]: ...
    def of(self, model: type[Any] | Schema | str) -> Door[Any]:
        """Return the door of a model.

        Raises:
            BadDefinition: the model is not one of this CRM's.
        """
        if isinstance(model, Schema):
            name = model.name
        else:
            name = model if isinstance(model, str) else self.catalog.of(model).name
        door = self._doors.get(name)
        if door is None:
            schema = self.catalog[name]
            door = self._doors[name] = Door(schema, self._environment.codec(schema), self._behind())
        return door

    def keeper(self, model: str) -> Keeper[Any]:
        """Return the door of whoever keeps a model, which may be one that callers cannot write.

        Raises:
            BadDefinition: there is no such model.
        """
        keeper = self._keepers.get(model)
        if keeper is None:
            schema = self.catalog[model]
            keeper = self._keepers[model] = Keeper(schema, self._environment.codec(schema), self._behind())
        return keeper

    def facts(self) -> Facts:
        """Return what placeholders in expressions stand for now."""
        return Facts(self.clock(), self.zone, self.actor)

    async def lock(self, name: str) -> None:
        """Keep other sessions of the tenant from taking a lock of this name until the transaction ends.

        Raises:
            Busy: another session has it.
        """
        unit = await self.unit.reading()
        await unit.lock(self.actor.tenant, name)

    def let_go(self) -> None:
        """Drop all that refers back to these doors: what has ended should not wait for the garbage collector.

        It is made again if somebody asks, who is told that the session has ended.
        """
        self._doors, self._keepers, self._inside = {}, {}, None
        for name in _ON_DEMAND:
            vars(self).pop(name, None)

    def apart(self) -> Doors:
        """Return doors of the same actor to another transaction."""
        return Doors(self._environment, self.actor)

    def _stages(self, schema: Schema) -> frozenset[str]:
        return self.definitions.stages(schema)

    async def _learn(self, *, anew: bool) -> None:
        await self.definitions.read(anew=anew)

    async def _locked(self, schema: Schema, pipeline: str, number: int, stage: str, /) -> Collection[str]:
        return await self.definitions.locked(schema, pipeline, number, stage)

    async def _tell(self, change: Change[Any]) -> None:
        try:
            for observer in self._environment.observers:
                await observer.observe(change, self.keeper)
        except BaseException:
            await self.unit.break_off()
            raise


_ON_DEMAND: Final = tuple(name for name, made in vars(Doors).items() if isinstance(made, cached_property))


def _place(doors: Doors) -> Place:
    return Place(doors.keeper("pipeline_definition"), doors.unit)
