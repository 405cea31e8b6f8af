"""Definitions: which pipelines a tenant keeps, which of them a record follows, and how a new one comes to be kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.errors import Busy, Duplicate, StoreError
from crmkit.repository.pipelines import NotRead
from crmkit.storage.spi import SortKey

if TYPE_CHECKING:
    import datetime as dt

    from crmkit.lifecycle import Pipeline
    from crmkit.model.schema import Schema
    from crmkit.repository.door import Door
    from crmkit.repository.pipelines import Definition, Kept, Pipelines
    from crmkit.repository.unit_of_work import UnitOfWork

__all__ = ["Definitions", "Place"]

_COLUMNS: Final = ("entity", "name", "number", "definition")
_WAITS: Final = tuple(min(0.001 * 2**attempt, 0.1) for attempt in range(60))
"""Seconds to wait before one attempt after another; together about as long as SQLite waits for its lock."""


@attrs.frozen(eq=False)
class Place:
    """Where definitions are read and written.

    Attributes:
        door: the door of their model.
        unit: the transaction behind it.
    """

    door: Door[Any]
    unit: UnitOfWork


class Definitions:
    """The pipelines of a session's tenant: read when first asked about, written when a record first enters one.

    What is read is shared with all later sessions, but only once it is committed: a session that wrote a definition
    keeps what it knows to itself until its transaction ends.

    Args:
        pipelines: the product's pipelines, and what is known of tenants.
        tenant: whose definitions are meant.
        clock: tells the time.
        pause: waits for some seconds.
        inside: gives the place in the session's own transaction.
        apart: gives a place in a transaction of its own, if that is where new ones must be written: a store that
            refuses at once whatever another transaction wrote would else refuse all but one of several first writers.
            It may leave a definition that no record follows, which does no harm.
    """

    def __init__(
        self,
        pipelines: Pipelines,
        tenant: str,
        *,
        clock: Callable[[], dt.datetime],
        pause: Callable[[float], Awaitable[None]],
        inside: Callable[[], Place],
        apart: Callable[[], Place] | None,
    ) -> None:
        self._pipelines = pipelines
        self._tenant = tenant
        self._clock = clock
        self._pause = pause
        self._inside = inside
        self._apart = apart
        self._own: Kept | None = None
        self._turn = 0

    async def read(self) -> Kept:
        """Return the tenant's pipelines."""
        return self._known() or await self._read(self._inside())

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
        """
        key = (schema.name, name, number)
        pipeline = (await self.read()).versions.get(key) or (await self._read(self._inside())).versions.get(key)
        if pipeline is None:
            raise StoreError(
                f"the definition {number} of pipeline {name!r} is not stored.",
                hint="Restore the row of pipeline_definitions that holds it.",
            )
        return pipeline

    async def entered(self, schema: Schema, name: str) -> Definition:
        """Return the present definition of a pipeline that a record is about to enter, and see to it that it is kept.

        Raises:
            BadDefinition: there is none of this name, or none at all.
        """
        found = (await self.read()).named(schema, name)
        if found.kept:
            return found
        for seconds in _WAITS:
            place = self._inside() if self._apart is None else self._apart()
            found = (await self._read(place)).named(schema, name)
            try:
                if not found.kept:
                    await self._write(place, found)
                if self._apart is not None:
                    await place.unit.commit()
                if found.kept:
                    return found
            except BaseException as error:
                if self._apart is not None:
                    await place.unit.rollback()
                # Somebody else keeps it at this moment? What they kept is read on the next attempt.
                if not isinstance(error, Duplicate if self._apart is None else Duplicate | Busy):
                    raise
                if self._apart is not None:
                    await self._pause(seconds)
        raise Busy(f"the pipeline {found.pipeline.name!r} is being kept by somebody else.", hint="Try again.")

    # -- within --------------------------------------------------------------------------------------------------------

    def _known(self) -> Kept | None:
        if self._own is not None and self._turn == self._inside().unit.turn:
            return self._own
        return self._pipelines.committed.get(self._tenant)

    async def _read(self, place: Place) -> Kept:
        # Whatever the policy says, and deleted or not: records follow them all the same.
        rows: list[Any] = await place.door.columns((), _COLUMNS, (SortKey("id"),), action=None, deleted=True)
        kept = self._pipelines.beside(rows)
        if place.unit.has_written(place.door.schema):
            self._own, self._turn = kept, place.unit.turn
        else:
            self._pipelines.committed[self._tenant] = kept
        return kept

    async def _write(self, place: Place, found: Definition) -> None:
        pipeline = found.pipeline
        definition = place.door.schema.cls(
            name=pipeline.name,
            entity=pipeline.entity,
            number=found.number,
            fingerprint=pipeline.fingerprint(),
            definition=pipeline.to_json(),
        )
        await place.door.append([definition], self._clock())
