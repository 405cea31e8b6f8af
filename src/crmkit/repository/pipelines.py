"""Pipelines: those the product gives, those a tenant keeps, and which of them serves a model."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from crmkit.errors import BadDefinition, near
from crmkit.lifecycle import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit.model.schema import Schema

__all__ = ["Definition", "Kept", "NotRead", "Pipelines"]


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


@attrs.frozen(eq=False)
class Kept:
    """The pipelines of one tenant.

    Attributes:
        present: by model and name, those that records enter now.
        versions: by model, name and number, all that were ever kept.
    """

    present: Mapping[str, Mapping[str, Definition]]
    versions: Mapping[tuple[str, str, int], Pipeline]

    def named(self, schema: Schema, name: str) -> Definition:
        """Return the present definition of a pipeline; the model's first one if `name` is blank.

        Raises:
            BadDefinition: there is none of this name, or none at all.
        """
        named = self.present.get(schema.name)
        if not named:
            raise BadDefinition(f"{schema.name} has no pipeline.", hint="Name one in connect(..., pipelines=[...]).")
        if not name:
            return next(iter(named.values()))
        if name not in named:
            raise BadDefinition(f"{schema.name} has no pipeline {name!r}.", hint=near(name, named))
        return named[name]

    def of(self, schema: Schema) -> tuple[Pipeline, ...]:
        """Return the present pipelines of a model, the one that new records enter first."""
        return tuple(each.pipeline for each in self.present.get(schema.name, {}).values())

    def stages(self, schema: Schema) -> frozenset[str]:
        """Return the names of all stages that a model's records can be in, in definitions new and old."""
        return self._stages.get(schema.name, frozenset())

    @cached_property
    def _stages(self) -> dict[str, frozenset[str]]:
        names: dict[str, set[str]] = {}
        present = [(entity, each.pipeline) for entity, named in self.present.items() for each in named.values()]
        for entity, pipeline in [*present, *((entity, each) for (entity, _, _), each in self.versions.items())]:
            names.setdefault(entity, set()).update(stage.name for stage in pipeline.stages)
        return {entity: frozenset(stages) for entity, stages in names.items()}


class Pipelines:
    """The pipelines of a CRM, in each tenant: those it was connected with, and all that records follow.

    A definition that the product gives is kept when the first record of a tenant enters it, and again, under the next
    number, when one enters it after it has changed. Records keep the number they entered under. A model for which the
    product gives none has the pipelines that the tenant keeps, and only if there are none the built-in ones; so a
    program that was not told of them, such as the command line, leaves a product's pipelines alone.

    Attributes:
        committed: what tenants are known to keep; only what is committed may be put here.

    Args:
        given: the product's definitions; the first one of a model is the one that new records enter.
        built_in: what serves a model that has no others.

    Raises:
        BadDefinition: two definitions of one model share a name.
    """

    def __init__(self, given: Iterable[Pipeline], built_in: Iterable[Pipeline] = ()) -> None:
        self.committed: dict[str, Kept] = {}
        self._given = _by_name(given)
        self._built_in = _by_name(built_in)

    def beside(self, rows: Iterable[tuple[str, str, int, str]]) -> Kept:
        """Return what serves a tenant that keeps these: model, name, number and definition, in the order they came."""
        versions = {(entity, name, number): Pipeline.from_json(text) for entity, name, number, text in rows}
        latest: dict[str, dict[str, Definition]] = {}
        for (entity, name, number), pipeline in versions.items():
            named = latest.setdefault(entity, {})
            if name not in named or number > named[name].number:
                named[name] = Definition(pipeline, number, kept=True)
        present: dict[str, Mapping[str, Definition]] = dict(latest)
        for entity, own in {**self._built_in, **self._given}.items():
            if entity in self._given or entity not in latest:
                present[entity] = {name: _next(each, latest.get(entity, {}).get(name)) for name, each in own.items()}
        return Kept(present, versions)


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
