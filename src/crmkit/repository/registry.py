"""The registry of pipelines: those the product gives, those a tenant keeps, and which of them serves a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from crmkit.errors import BadDefinition, near
from crmkit.lifecycle import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit.model.schema import Schema

__all__ = ["Definition", "NotRead", "PipelineRegistry", "TenantPipelines"]


class NotRead(Exception):
    """Asks for the tenant's pipelines to be read, since an expression names a stage."""


@attrs.frozen
class Definition:
    """A pipeline as it serves a tenant at present.

    Attributes:
        pipeline: the definition.
        number: the number under which the tenant keeps it, or will.
        kept: whether it is kept already; it is once a record has entered it.
    """

    pipeline: Pipeline
    number: int
    kept: bool


class TenantPipelines:
    """The pipelines of one tenant. Definitions are read one by one, as each is needed.

    Args:
        rows: what is kept: model, name, number and definition, in the order they came.
        given: by model and name, what the product gives.
        built_in: by model and name, what serves a model that has no others.
    """

    def __init__(
        self,
        rows: Iterable[tuple[str, str, int, str]],
        given: Mapping[str, Mapping[str, Pipeline]],
        built_in: Mapping[str, Mapping[str, Pipeline]],
    ) -> None:
        self._given = given
        self._built_in = built_in
        self._texts: dict[str, dict[tuple[str, int], str]] = {}
        self._latest: dict[str, dict[str, int]] = {}
        for entity, name, number, text in rows:
            self._texts.setdefault(entity, {})[name, number] = text
            latest = self._latest.setdefault(entity, {})
            latest[name] = max(number, latest.get(name, 0))
        self._versions: dict[tuple[str, str, int], Pipeline] = {}
        self._present: dict[str, Mapping[str, Definition]] = {}
        self._stages: dict[str, frozenset[str]] = {}

    def named(self, schema: Schema, name: str) -> Definition:
        """Return the present definition of a pipeline; the model's first one if `name` is blank.

        Raises:
            BadDefinition: the model has no such pipeline, or none at all.
        """
        named = self._serving(schema.name)
        if not named:
            raise BadDefinition(f"{schema.name} has no pipeline.", hint="Name one in connect(..., pipelines=[...]).")
        if not name:
            return next(iter(named.values()))
        if name not in named:
            raise BadDefinition(f"{schema.name} has no pipeline {name!r}.", hint=near(name, named))
        return named[name]

    def of(self, schema: Schema) -> tuple[Pipeline, ...]:
        """Return the present pipelines of a model, the one that new records enter first."""
        return tuple(each.pipeline for each in self._serving(schema.name).values())

    def version(self, schema: Schema, name: str, number: int) -> Pipeline | None:
        """Return a definition that is kept, new or old; `None` if it is not."""
        key = (schema.name, name, number)
        pipeline = self._versions.get(key)
        text = self._texts.get(schema.name, {}).get((name, number))
        if pipeline is None and text is not None:
            pipeline = self._versions[key] = Pipeline.from_json(text)
        return pipeline

    def stages(self, schema: Schema) -> frozenset[str]:
        """Return the names of all stages that a model's records can be in, in definitions new and old."""
        stages = self._stages.get(schema.name)
        if stages is None:
            kept = (self.version(schema, *key) for key in self._texts.get(schema.name, ()))
            pipelines = (*self.of(schema), *kept)
            stages = frozenset(stage.name for each in pipelines if each is not None for stage in each.stages)
            self._stages[schema.name] = stages
        return stages

    def _serving(self, entity: str) -> Mapping[str, Definition]:
        present = self._present.get(entity)
        if present is None:
            present = self._present[entity] = self._chosen(entity)
        return present

    def _chosen(self, entity: str) -> Mapping[str, Definition]:
        texts, latest = self._texts.get(entity, {}), self._latest.get(entity, {})
        given = self._given.get(entity) or (None if latest else self._built_in.get(entity))
        kept = {
            name: Definition(Pipeline.from_json(texts[name, number]), number, kept=True)
            for name, number in latest.items()
            if given is None or name in given
        }
        return kept if given is None else {name: _next(each, kept.get(name)) for name, each in given.items()}


class PipelineRegistry:
    """The pipelines of a CRM, in each tenant: those it was connected with, and all that records follow.

    A definition that the product gives is kept when the first record of a tenant enters it, and again, under the next
    number, when one enters it after it has changed. Records keep the number they entered under. A model for which the
    product gives none has the pipelines that the tenant keeps, and only if there are none the built-in ones; so a
    program that does not know them, such as the command line, leaves a product's pipelines alone.

    Attributes:
        committed: what tenants are known to keep; only what is committed may be put here.

    Args:
        given: the product's definitions; the first one of a model is the one that new records enter.
        built_in: what serves a model that has no others.

    Raises:
        BadDefinition: two definitions of one model share a name.
    """

    def __init__(self, given: Iterable[Pipeline], built_in: Iterable[Pipeline] = ()) -> None:
        self.committed: dict[str, TenantPipelines] = {}
        self._given = _by_name(given)
        self._built_in = _by_name(built_in)

    def beside(self, rows: Iterable[tuple[str, str, int, str]]) -> TenantPipelines:
        """Return what serves a tenant that keeps these: model, name, number and definition, in the order they came."""
        return TenantPipelines(rows, self._given, self._built_in)


def _next(pipeline: Pipeline, latest: Definition | None) -> Definition:
    if latest is None:
        return Definition(pipeline, 1, kept=False)
    if latest.pipeline.fingerprint() == pipeline.fingerprint():
        return attrs.evolve(latest, pipeline=pipeline)
    return Definition(pipeline, latest.number + 1, kept=False)


def _by_name(pipelines: Iterable[Pipeline]) -> dict[str, dict[str, Pipeline]]:
    named: dict[str, dict[str, Pipeline]] = {}
    for pipeline in pipelines:
        if pipeline.name in named.setdefault(pipeline.entity, {}):
            raise BadDefinition(f"{pipeline.entity} has two pipelines called {pipeline.name!r}.")
        named[pipeline.entity][pipeline.name] = pipeline
    return named
