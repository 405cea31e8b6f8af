"""The registry of pipelines: those the product gives, those a tenant keeps, and which of them serves a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import attrs

from crmkit.errors import BadDefinition, near

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from crmkit.lifecycle import Pipeline
    from crmkit.model.schema import Schema
    from crmkit.repository.stored import StoredPipeline

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
        rows: what is kept, in the order it came.
        given: by model and name, what the product gives.
        built_in: by model and name, what serves a model that has no others.
    """

    def __init__(
        self,
        rows: Iterable[StoredPipeline],
        given: Mapping[str, Mapping[str, Pipeline]],
        built_in: Mapping[str, Mapping[str, Pipeline]],
    ) -> None:
        self._given = given
        self._built_in = built_in
        self._rows: dict[str, dict[tuple[str, int], StoredPipeline]] = {}
        self._latest: dict[str, dict[str, int]] = {}
        for row in rows:
            self._rows.setdefault(row.entity, {})[row.name, row.number] = row
            latest = self._latest.setdefault(row.entity, {})
            latest[row.name] = max(row.number, latest.get(row.name, 0))
        self._versions: dict[tuple[str, str, int], Pipeline] = {}
        self._present: dict[tuple[str, str], Definition] = {}
        self._stages: dict[str, frozenset[str]] = {}

    def names(self, schema: Schema) -> tuple[str, ...]:
        """Return the names of a model's present pipelines, the one that new records enter first."""
        latest = self._latest.get(schema.name, {})
        given = self._given.get(schema.name) or (None if latest else self._built_in.get(schema.name, {}))
        return tuple(latest if given is None else given)

    def named(self, schema: Schema, name: str) -> Definition:
        """Return the present definition of a pipeline; the model's first one if `name` is blank.

        Raises:
            BadDefinition: the model has no such pipeline, or none at all; or the row that defines it is damaged.
        """
        names = self.names(schema)
        if not names:
            raise BadDefinition(f"{schema.name} has no pipeline.", hint="Name one in connect(..., pipelines=[...]).")
        if name and name not in names:
            raise BadDefinition(f"{schema.name} has no pipeline {name!r}.", hint=near(name, names))
        key = schema.name, name or names[0]
        if key not in self._present:
            self._present[key] = self._serving(schema, key[1])
        return self._present[key]

    def version(self, schema: Schema, name: str, number: int) -> Pipeline | None:
        """Return a definition that is kept, new or old; `None` if it is not.

        Raises:
            BadDefinition: the row that holds it is damaged.
        """
        key = (schema.name, name, number)
        pipeline = self._versions.get(key)
        row = self._rows.get(schema.name, {}).get((name, number))
        if pipeline is None and row is not None:
            pipeline = self._versions[key] = row.read()
        return pipeline

    def locks(self, schema: Schema, name: str, number: int) -> Mapping[str, Collection[str]] | None:
        """Return what the stages of a definition lock; `None` if it is not kept.

        Raises:
            BadDefinition: the row that holds it is damaged, and may lock something.
        """
        row = self._rows.get(schema.name, {}).get((name, number))
        if row is None or '"locks"' not in row.definition:
            return None if row is None else {}
        pipeline = self.version(schema, name, number)
        return {} if pipeline is None else {stage.name: stage.locks for stage in pipeline.stages}

    def stages(self, schema: Schema) -> frozenset[str]:
        """Return the names of all stages that a model's records can be in, in definitions new and old.

        There are none if a row is damaged, as nobody can tell which ones it held.
        """
        stages = self._stages.get(schema.name)
        if stages is None:
            try:
                pipelines = [self.named(schema, name).pipeline for name in self.names(schema)]
                pipelines += [row.read() for row in self._rows.get(schema.name, {}).values()]
            except BadDefinition:
                pipelines = []
            stages = frozenset(stage.name for each in pipelines for stage in each.stages)
            self._stages[schema.name] = stages
        return stages

    def _serving(self, schema: Schema, name: str) -> Definition:
        number = self._latest.get(schema.name, {}).get(name, 0)
        given = self._given.get(schema.name) or ({} if number else self._built_in.get(schema.name, {}))
        own = given.get(name)
        try:
            kept = self.version(schema, name, number)
        except BadDefinition:
            # Records that follow the damaged one have to wait; new ones enter under the next number.
            if own is None:
                raise
            kept = None
        if own is not None and (kept is None or kept.fingerprint() != own.fingerprint()):
            return Definition(own, number + 1, kept=False)
        return Definition(own or cast("Pipeline", kept), number, kept=True)


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

    def gives(self, schema: Schema) -> bool:
        """Return whether the product gives pipelines of a model, in whose place a tenant can have no others."""
        return schema.name in self._given

    def beside(self, rows: Iterable[StoredPipeline]) -> TenantPipelines:
        """Return what serves a tenant that keeps these, in the order they came."""
        return TenantPipelines(rows, self._given, self._built_in)


def _by_name(pipelines: Iterable[Pipeline]) -> dict[str, dict[str, Pipeline]]:
    named: dict[str, dict[str, Pipeline]] = {}
    for pipeline in pipelines:
        if pipeline.name in named.setdefault(pipeline.entity, {}):
            raise BadDefinition(f"{pipeline.entity} has two pipelines called {pipeline.name!r}.")
        named[pipeline.entity][pipeline.name] = pipeline
    return named
