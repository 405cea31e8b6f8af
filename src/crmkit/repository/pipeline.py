"""Pipelines at work: which definitions there are, which version a record follows, and how they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from crmkit.errors import BadDefinition, CrmError, Duplicate, StoreError, near
from crmkit.expr.core import And, Compare
from crmkit.expr.node import Op
from crmkit.lifecycle import Pipeline
from crmkit.storage.spi import Query, SortKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit.model.schema import Schema
    from crmkit.repository.setup import Setup
    from crmkit.repository.work import Work
    from crmkit.security.access import Actor
    from crmkit.storage.spi import Unit

__all__ = ["Pipelines"]

Numbered: TypeAlias = tuple[Pipeline, int]
"""A definition, and the number under which a tenant keeps it; 0 if it does not yet."""


class Pipelines:
    """The pipelines of a CRM, in each tenant: those it was connected with, and all that records follow.

    A definition that the product gives is kept when a tenant is first met, and again, under the next number, whenever
    it has changed. Records keep the number they entered under. A model for which the product gives none has the
    pipelines that the tenant keeps, and only if there are none the built-in ones; so a program that was not told of
    them, such as the command line, leaves a product's pipelines alone.

    Args:
        given: the product's definitions; the first one of a model is the one that new records enter.
        built_in: what serves a model that has no others.

    Raises:
        BadDefinition: two definitions of one model share a name.
    """

    def __init__(self, given: Iterable[Pipeline], built_in: Iterable[Pipeline] = ()) -> None:
        self._given = _by_name(given)
        self._built_in = _by_name(built_in)
        self._present: dict[str, dict[str, dict[str, Numbered]]] = {}
        self._followed: dict[tuple[str, str, str, int], Pipeline] = {}
        self._met: set[str] = set()

    def of(self, tenant: str, schema: Schema) -> tuple[Pipeline, ...]:
        """Return the present pipelines of a model, the one that new records enter first.

        Raises:
            CrmError: no session of this tenant was entered yet, and entering one is what keeps them.
        """
        return tuple(pipeline for pipeline, _ in self._named(tenant, schema).values())

    def named(self, tenant: str, schema: Schema, name: str) -> Numbered:
        """Return the present definition of a pipeline and its number; the model's first one if `name` is blank.

        Raises:
            BadDefinition: there is none of this name, or none at all.
        """
        named = self._named(tenant, schema)
        if not named:
            raise BadDefinition(f"{schema.name} has no pipeline.", hint="Name one in connect(..., pipelines=[...]).")
        if not name:
            return next(iter(named.values()))
        if name not in named:
            raise BadDefinition(f"{schema.name} has no pipeline {name!r}.", hint=near(name, named))
        return named[name]

    def stages(self, tenant: str, schema: Schema) -> frozenset[str]:
        """Return the names of all stages that a model's records can be in, in definitions new and old.

        Blank where the tenant was not met yet, or the model has no pipeline.
        """
        present = self._present.get(tenant, {}).get(schema.name, {}).values()
        kept = (
            each for (whose, entity, _, _), each in self._followed.items() if (whose, entity) == (tenant, schema.name)
        )
        return frozenset(
            stage.name for each in (*(pipeline for pipeline, _ in present), *kept) for stage in each.stages
        )

    async def followed(self, work: Work, schema: Schema, record: Any) -> Pipeline:
        """Return the definition that a record follows.

        Raises:
            StoreError: it is not kept; somebody removed it.
        """
        tenant = work.actor.tenant
        key = (tenant, schema.name, record.pipeline, record.pipeline_version)
        pipeline = self._followed.get(key)
        if pipeline is None:
            definitions = work.setup.catalog["pipeline_definition"]
            where = (
                Compare("tenant", Op.EQ, tenant),
                Compare("name", Op.EQ, record.pipeline),
                Compare("entity", Op.EQ, schema.name),
                Compare("number", Op.EQ, record.pipeline_version),
            )
            rows = await work.rows(definitions, where, ("definition",))
            if not rows:
                raise StoreError(
                    f"the definition {record.pipeline_version} of pipeline {record.pipeline!r} is not stored.",
                    hint="Restore the row of pipeline_definitions that holds it.",
                )
            pipeline = self._followed[key] = Pipeline.from_json(rows[0][0])
        return pipeline

    async def meet(self, setup: Setup, actor: Actor, *, keep: bool = True) -> None:
        """Learn what the actor's tenant keeps, in a transaction of its own, unless that was done.

        Args:
            setup: what the CRM shares.
            actor: whoever acts.
            keep: whether to keep definitions that are new to the tenant; a dry run does not.
        """
        if actor.tenant in self._met:
            return
        for attempt in (1, 2):
            try:
                await self._learn(setup, actor, keep=keep)
            except Duplicate:
                # Another process met the tenant at the same moment; what it kept is read on the second attempt.
                if attempt > 1:
                    raise
            else:
                break
        if keep:
            self._met.add(actor.tenant)

    # -- within --------------------------------------------------------------------------------------------------------

    def _named(self, tenant: str, schema: Schema) -> Mapping[str, Numbered]:
        try:
            return self._present[tenant].get(schema.name, {})
        except KeyError:
            raise CrmError("the session was not entered.", hint="Write: with crm.session(actor) as s.") from None

    async def _learn(self, setup: Setup, actor: Actor, *, keep: bool) -> None:
        unit = await setup.store.begin()
        try:
            kept = await self._kept(setup, actor, unit)
            present = dict(kept)
            for entity, named in {**self._built_in, **self._given}.items():
                if entity in self._given or entity not in kept:
                    present[entity] = {
                        name: await self._numbered(setup, actor, unit, pipeline, kept.get(entity, {}), keep=keep)
                        for name, pipeline in named.items()
                    }
            await unit.commit()
        except BaseException:
            await unit.rollback()
            raise
        self._present[actor.tenant] = present

    async def _kept(self, setup: Setup, actor: Actor, unit: Unit) -> dict[str, dict[str, Numbered]]:
        """Return the latest definition of each pipeline that the tenant keeps, in the order in which they came."""
        schema = setup.catalog["pipeline_definition"]
        where = And((Compare("tenant", Op.EQ, actor.tenant),))
        columns = ("entity", "name", "number", "definition")
        kept: dict[str, dict[str, Numbered]] = {}
        for entity, name, number, definition in await unit.fetch(Query(schema, where, columns, (SortKey("id"),))):
            pipeline = Pipeline.from_json(definition)
            self._followed[actor.tenant, entity, name, number] = pipeline
            if number > kept.setdefault(entity, {}).get(name, (pipeline, 0))[1]:
                kept[entity][name] = (pipeline, number)
        return kept

    async def _numbered(
        self, setup: Setup, actor: Actor, unit: Unit, pipeline: Pipeline, kept: Mapping[str, Numbered], *, keep: bool
    ) -> Numbered:
        latest, number = kept.get(pipeline.name, (None, 0))
        if latest is not None and latest.fingerprint() == pipeline.fingerprint():
            return pipeline, number
        if not keep:
            return pipeline, 0
        schema = setup.catalog["pipeline_definition"]
        definition = schema.cls(
            name=pipeline.name,
            entity=pipeline.entity,
            number=number + 1,
            fingerprint=pipeline.fingerprint(),
            definition=pipeline.to_json(),
        )
        now = setup.clock()
        await unit.insert(schema, [setup.codec(schema).dump_new(definition, actor.tenant, setup.ids(), now, actor.key)])
        self._followed[actor.tenant, pipeline.entity, pipeline.name, number + 1] = pipeline
        return pipeline, number + 1


def _by_name(pipelines: Iterable[Pipeline]) -> dict[str, dict[str, Pipeline]]:
    named: dict[str, dict[str, Pipeline]] = {}
    for pipeline in pipelines:
        if pipeline.name in named.setdefault(pipeline.entity, {}):
            raise BadDefinition(f"{pipeline.entity} has two pipelines called {pipeline.name!r}.")
        named[pipeline.entity][pipeline.name] = pipeline
    return named
