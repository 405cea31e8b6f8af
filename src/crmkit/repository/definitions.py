"""Definitions: which pipelines a tenant keeps, which of them a record follows, and how a new one is stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import attrs

from crmkit.errors import BadDefinition, Busy, Duplicate, StoreError
from crmkit.repository.registry import NotRead
from crmkit.repository.stored import StoredPipeline
from crmkit.storage.spi import SortKey

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncGenerator, Collection

    from crmkit.lifecycle import Pipeline
    from crmkit.model.schema import Schema
    from crmkit.repository.keeper import Keeper
    from crmkit.repository.registry import Definition, PipelineRegistry, TenantPipelines
    from crmkit.repository.unit_of_work import Turn, UnitOfWork

__all__ = ["Definitions", "Place"]

T = TypeVar("T")
_PATIENCE: Final = 5.0
"""Seconds for which a first writer waits until others who keep the same definition are done."""


@attrs.frozen(eq=False)
class Place:
    """Where definitions are read and written.

    Attributes:
        door: the door of their keeper.
        unit: the transaction behind it.
    """

    door: Keeper[Any]
    unit: UnitOfWork


class Definitions:
    """The pipelines of a session's tenant: read when first asked about, written when a record first enters one.

    What is read is shared with all later sessions, but only once it is committed: a session that wrote a definition
    keeps what it knows to itself until its transaction ends.

    Args:
        pipelines: the product's pipelines, and what is known about tenants.
        tenant: whose definitions are meant.
        clock: tells the time.
        pause: waits for some seconds.
        inside: the place in the session's own transaction.
        apart: gives a place in a transaction of its own, if that is where new ones must be written: where a refused
            insert ends its transaction, it must not be the session's. A definition may be left there that no record
            follows, which does no harm.
    """

    def __init__(
        self,
        pipelines: PipelineRegistry,
        tenant: str,
        *,
        clock: Callable[[], dt.datetime],
        pause: Callable[[float], Awaitable[None]],
        inside: Place,
        apart: Callable[[], Place] | None,
    ) -> None:
        self._pipelines = pipelines
        self._tenant = tenant
        self._clock = clock
        self._pause = pause
        self._inside = inside
        self._apart = apart
        self._own: TenantPipelines | None = None
        self._turn: Turn | None = None

    async def read(self, *, anew: bool = False) -> TenantPipelines:
        """Return the tenant's pipelines, as they were last read or `anew`."""
        return (None if anew else self._known()) or await self._read(self._inside)

    def given(self, schema: Schema) -> bool:
        """Return whether the product gives the pipelines of a model, so that the tenant has none of its own."""
        return self._pipelines.gives(schema)

    def stages(self, schema: Schema) -> frozenset[str]:
        """Return the names of all stages that a model's records can be in.

        Raises:
            NotRead: the tenant's pipelines must be read first.
        """
        known = self._known()
        if known is None:
            raise NotRead
        return known.stages(schema)

    async def followed(self, schema: Schema, name: str, number: int) -> Pipeline:
        """Return the definition that the records with this pipeline and version follow.

        Raises:
            StoreError: it is not kept; somebody removed it.
            BadDefinition: the row that holds it is damaged.
        """
        pipeline = await self._found(lambda known: known.version(schema, name, number))
        if pipeline is None:
            raise StoreError(
                f"the definition {number} of pipeline {name!r} is not stored.",
                hint="Restore the row of pipeline_definitions that holds it.",
            )
        return pipeline

    async def named(self, schema: Schema, name: str) -> Definition:
        """Return the present definition of a pipeline; the model's first one if `name` is blank.

        Raises:
            BadDefinition: the model has no such pipeline, or none at all; or the row that defines it is damaged.
        """
        return cast("Definition", await self._found(lambda known: known.named(schema, name)))

    async def locked(self, schema: Schema, name: str, number: int, stage: str, /) -> Collection[str]:
        """Return the fields that a stage locks, in the definition that records with this pipeline and version follow.

        Raises:
            BadDefinition: the row that holds it is damaged, and may lock something.
        """
        locks = await self._found(lambda known: known.locks(schema, name, number)) if name else None
        return (locks or {}).get(stage, ())

    async def entered(self, schema: Schema, name: str) -> Definition:
        """Return the present definition of a pipeline that a record is about to enter, and make sure that it is stored.

        Raises:
            BadDefinition: the model has no such pipeline, or none at all.
        """
        found = await self.named(schema, name)
        until, attempt = monotonic() + _PATIENCE, 0
        while not found.kept:
            late = monotonic() > until
            try:
                found = await self._attempt(schema, name)
            except (Duplicate, Busy):
                # Somebody else is storing it. What they stored is read on the next attempt, however long this one took.
                if late:
                    raise
                attempt += 1
                await self._pause(min(0.001 * 2**attempt, 0.1))
        return found

    @asynccontextmanager
    async def entering(self, schema: Schema, names: AbstractSet[str]) -> AsyncGenerator[None]:
        """Undo also the definitions that are stored within if it raises, where they are part of the session.

        Args:
            schema: the model of the records that are to enter pipelines within.
            names: the names of these pipelines.

        Raises:
            BadDefinition: the model has no such pipeline.
        """
        served = (await self.read()).names(schema)
        kept = not served or all([(await self.named(schema, name)).kept for name in names])
        async with nullcontext() if kept or self._apart is not None else self._inside.unit.nested():
            yield

    # -- within --------------------------------------------------------------------------------------------------------

    async def _found(self, find: Callable[[TenantPipelines], T | None]) -> T | None:
        """Return what is found among the tenant's pipelines, read anew if it is not, or if its row was damaged."""
        try:
            found = find(await self.read())
        except BadDefinition:
            found = None
        return found if found is not None else find(await self.read(anew=True))

    def _known(self) -> TenantPipelines | None:
        if self._own is not None and self._turn is self._inside.unit.turn:
            return self._own
        return self._pipelines.committed.get(self._tenant)

    async def _read(self, place: Place) -> TenantPipelines:
        # Regardless of the policy, and of whether they are deleted: records follow them all the same.
        rows = await place.door.columns((), StoredPipeline._fields, (SortKey("id"),), action=None, deleted=True)
        kept = self._pipelines.beside(map(StoredPipeline._make, rows))
        share = partial(self._pipelines.committed.__setitem__, self._tenant, kept)
        if place.unit.has_written(place.door.schema):
            self._own, self._turn = kept, place.unit.turn
            place.unit.when_committed(share)
        else:
            share()
        return kept

    async def _attempt(self, schema: Schema, name: str) -> Definition:
        """Return the present definition as the store had it, and write it if it was not kept there."""
        async with self._writable() as place:
            found = (await self._read(place)).named(schema, name)
            if not found.kept:
                await self._write(place, found.pipeline, found.number)
        return found

    @asynccontextmanager
    async def _writable(self) -> AsyncGenerator[Place]:
        if self._apart is None:
            place = self._inside
            # What is read may have changed before it is written. That is a Duplicate then, and undone for another try.
            async with place.unit.nested():
                yield place
            return
        place = self._apart()
        try:
            yield place
        except BaseException:
            await place.unit.rollback()
            raise
        await place.unit.commit()

    async def _write(self, place: Place, pipeline: Pipeline, number: int) -> None:
        definition = place.door.schema.cls(
            name=pipeline.name,
            entity=pipeline.entity,
            number=number,
            fingerprint=pipeline.fingerprint(),
            definition=pipeline.to_json(),
        )
        await place.door.append([definition], self._clock())
