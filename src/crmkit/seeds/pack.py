"""Packs of seeds, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from crmkit.errors import BadDefinition
from crmkit.lifecycle import Pipeline
from crmkit.lifecycle.check import each
from crmkit.model.schema import schema_of
from crmkit.segment import Segment

__all__ = ["SeedPack"]

_LONGEST_NAME = 80
_LONGEST_KEY = 100


def _records(given: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise BadDefinition("the records of a pack stand under keys.", hint='Write {"rep": Role(name="rep")}.')
    return MappingProxyType(dict(given))


def _pipelines(given: Iterable[Pipeline]) -> tuple[Pipeline, ...]:
    return each("a pipeline", Pipeline, given, 'Pipeline("sales", ...)')


def _segments(given: Iterable[Segment]) -> tuple[Segment, ...]:
    return each("a segment", Segment, given, 'Segment("lapsing", Customer, ...)')


@attrs.frozen
class SeedPack:
    """Records, segments and pipelines that a product gives each tenant; `s.seeds.apply(pack)` writes them.

    Args:
        name: tells it from other packs, for good.
        version: counts from 1. A pack that changes gets a greater one.
        records: new records, each under a key that it keeps in later versions.
        segments: segments, by their names.
        pipelines: pipelines of models for which `connect` gives none.

    Raises:
        BadDefinition: one of these is not acceptable.

    >>> from crmkit import Role, Segment, f
    >>> vip = Segment("vip", "customer", f.score > 9)
    >>> pack = SeedPack("acme", 1, records={"rep": Role(name="rep")}, segments=[vip])
    >>> pack.keys
    ('role/rep', 'segment/vip')
    """

    name: str
    version: int
    records: Mapping[str, Any] = attrs.field(factory=dict[str, Any], converter=_records, kw_only=True)
    segments: tuple[Segment, ...] = attrs.field(default=(), converter=_segments, kw_only=True)
    pipelines: tuple[Pipeline, ...] = attrs.field(default=(), converter=_pipelines, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not 0 < len(self.name) <= _LONGEST_NAME:
            raise BadDefinition(f"{self.name!r} cannot name a pack of seeds.", hint='Write SeedPack("acme", 1, ...).')
        if type(self.version) is not int or self.version < 1:
            raise BadDefinition(f"the version of the pack {self.name!r} is not a whole number from 1 on.")
        for key, record in self.records.items():
            schema = schema_of(record.__class__)
            if not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY:
                raise BadDefinition(f"{key!r} cannot be the key of a seed.", hint="Write a short text.")
            if record.version or schema.kept or schema.staged or schema.append_only:
                raise BadDefinition(
                    f"the seed {key!r} is of {schema.name}, which no pack can write.",
                    hint="Give a new record of a model that can be updated and has no pipeline.",
                )
        if len(set(self.keys)) < len(self.keys):
            raise BadDefinition(f"two seeds of the pack {self.name!r} have one key.", hint="Rename one of them.")

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its items, in the order in which they are written."""
        records = (f"{schema_of(record.__class__).name}/{key}" for key, record in self.records.items())
        segments = (f"segment/{segment.name}" for segment in self.segments)
        pipelines = (f"pipeline/{pipeline.entity}/{pipeline.name}" for pipeline in self.pipelines)
        return (*records, *segments, *pipelines)
