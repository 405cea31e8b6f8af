"""The items of a pack: how each kind is written, and what of it a tenant has now."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import BadDefinition
from crmkit.expr.build import everything, f
from crmkit.repository import AsyncRepository
from crmkit.repository.segments import AsyncSegments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from crmkit.lifecycle import Pipeline
    from crmkit.repository import Doors
    from crmkit.seeds.pack import SeedPack
    from crmkit.segment import Segment

__all__ = ["Item", "items_of"]


class Item(ABC):
    """One item of a pack, in one tenant.

    Attributes:
        key: its key within the pack.
        entity: the model whose row holds it.
        content: what the pack writes, as JSON.
    """

    key: str
    entity: str
    content: str

    @abstractmethod
    async def is_taken(self) -> bool:
        """Return whether the tenant has something in its place, deleted or not."""

    @abstractmethod
    async def present(self, id: UUID, content: str) -> str | None:
        """Return what the tenant has now of what was written; `None` if it is gone."""

    @abstractmethod
    async def create(self) -> UUID:
        """Write it for the first time, and return the id of its row."""

    @abstractmethod
    async def change(self, id: UUID, content: str) -> UUID:
        """Write it in place of what was written before, and return the id of its row."""


def items_of(pack: SeedPack, doors: Doors) -> Iterator[Item]:
    """Yield the items of a pack in the order of its keys."""
    keys = iter(pack.keys)
    for record in pack.records.values():
        yield _RecordItem(next(keys), record, doors)
    for segment in pack.segments:
        yield _SegmentItem(next(keys), segment, doors)
    for pipeline in pack.pipelines:
        yield _PipelineItem(next(keys), pipeline, doors)


def _json(values: object) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True)


class _RecordItem(Item):
    """A record, of which the fields count that the pack gives."""

    def __init__(self, key: str, record: Any, doors: Doors) -> None:
        self.key = key
        self._doors = doors
        self._schema = doors.catalog.of(record.__class__)
        self._repository: AsyncRepository[Any] = AsyncRepository(doors, self._schema)
        self.entity = self._schema.name
        self._defaults = {each.name: each.default for each in attrs.fields(record.__class__)}
        self._values = {
            name: getattr(record, name)
            for name, default in self._defaults.items()
            if not self._schema.fields[name].managed and getattr(record, name) != default
        }
        self.content = self._told(self._values)

    def _told(self, values: dict[str, Any]) -> str:
        return _json({name: self._schema.fields[name].to_json(value) for name, value in values.items()})

    async def is_taken(self) -> bool:
        keeper = self._doors.keeper(self.entity)
        for group in self._schema.unique_columns():
            if self._values.keys() >= set(group):
                where = everything
                for name in group:
                    where &= getattr(f, name) == self._values[name]
                if await keeper.records(where, action=None, deleted=True, limit=1):
                    return True
        return False

    async def present(self, id: UUID, content: str) -> str | None:
        record = await self._repository.first(f.id == id)
        names = json.loads(content)
        if record is None or not self._schema.fields.keys() >= names.keys():
            return None
        return self._told({name: getattr(record, name) for name in names})

    async def create(self) -> UUID:
        added = await self._repository.add(self._schema.cls(**self._values))
        id: UUID = added.id
        return id

    async def change(self, id: UUID, content: str) -> UUID:
        gone = {name: self._defaults[name] for name in json.loads(content)}
        await self._repository.update(await self._repository.get(id), **{**gone, **self._values})
        return id


class _SegmentItem(Item):
    """A segment, by its name."""

    entity = "segment_definition"

    def __init__(self, key: str, segment: Segment, doors: Doors) -> None:
        from crmkit.expr.form.document import to_json

        self.key = key
        self._segment = segment
        self._segments = AsyncSegments(doors)
        self._keeper = doors.keeper(self.entity)
        segment.check(doors.catalog)
        self.content = _json([segment.entity, to_json(segment.where), segment.description or None])

    async def _row(self, *, deleted: bool = False) -> Any:
        found = await self._keeper.records(f.name == self._segment.name, action=None, deleted=deleted, limit=1)
        return found[0] if found else None

    async def is_taken(self) -> bool:
        return await self._row(deleted=True) is not None

    async def present(self, id: UUID, content: str) -> str | None:  # noqa: ARG002 - its name tells which it is
        row = await self._row()
        return None if row is None else _json([row.entity, row.expression, row.description])

    async def create(self) -> UUID:
        await self._segments.save(self._segment)
        id: UUID = (await self._row()).id
        return id

    async def change(self, id: UUID, content: str) -> UUID:  # noqa: ARG002 - as above
        return await self.create()


class _PipelineItem(Item):
    """A pipeline of a model for which the product gives none, by its name; a change is a further version of it."""

    entity = "pipeline_definition"

    def __init__(self, key: str, pipeline: Pipeline, doors: Doors) -> None:
        self.key = key
        self._pipeline = pipeline
        self._doors = doors
        self._keeper = doors.keeper(self.entity)
        schema = doors.catalog[pipeline.entity]
        pipeline.check(schema)
        if doors.definitions.given(schema):
            raise BadDefinition(
                f"the pipelines of {schema.name} are those that connect() was given, so a tenant has no others.",
                hint=f"Leave {pipeline.name!r} out of the pack, or the pipelines of {schema.name} out of connect().",
            )
        self.content = pipeline.to_json()

    async def _latest(self) -> Any:
        where = (f.entity == self._pipeline.entity) & (f.name == self._pipeline.name)
        found = await self._keeper.records(where, action=None, deleted=True)
        return max(found, key=lambda row: row.number, default=None)

    async def is_taken(self) -> bool:
        return await self._latest() is not None

    async def present(self, id: UUID, content: str) -> str | None:  # noqa: ARG002 - the latest counts
        row = await self._latest()
        return None if row is None else row.definition

    async def create(self) -> UUID:
        latest = await self._latest()
        pipeline, id = self._pipeline, self._doors.ids()
        definition = self._keeper.schema.cls(
            name=pipeline.name,
            entity=pipeline.entity,
            number=1 if latest is None else latest.number + 1,
            fingerprint=pipeline.fingerprint(),
            definition=self.content,
        )
        await self._keeper.add([definition], [id], at=self._doors.clock())
        await self._doors.definitions.read(anew=True)
        return id

    async def change(self, id: UUID, content: str) -> UUID:  # noqa: ARG002 - the row of the version before stays
        return await self.create()
