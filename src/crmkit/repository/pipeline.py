"""Pipelines at work: which definitions there are, which version a record follows, and how it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import BadDefinition, CrmError, Duplicate, StoreError, near
from crmkit.expr.core import And, Compare
from crmkit.expr.nodes import Op
from crmkit.lifecycle import Pipeline
from crmkit.storage.spi import Query, SortKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.model.schema import Schema
    from crmkit.repository.setup import Setup
    from crmkit.repository.work import Work
    from crmkit.security.access import Actor

__all__ = ["Pipelines"]


class Pipelines:
    """The pipelines a CRM was connected with, and every earlier version that records still follow.

    A definition is stored when it is first met in a tenant, and again, under the next number, whenever it has changed.
    Records keep the number they entered under.

    Args:
        pipelines: the definitions; the first one of a model is the one that new records enter.

    Raises:
        BadDefinition: two definitions of one model share a name.
    """

    def __init__(self, pipelines: Iterable[Pipeline]) -> None:
        self._now: dict[str, dict[str, Pipeline]] = {}
        self._numbers: dict[tuple[str, str, str], int] = {}
        self._stored: dict[tuple[str, str, str, int], Pipeline] = {}
        self._met: set[str] = set()
        for pipeline in pipelines:
            named = self._now.setdefault(pipeline.entity, {})
            if pipeline.name in named:
                raise BadDefinition(f"{pipeline.entity} has two pipelines called {pipeline.name!r}.")
            named[pipeline.name] = pipeline

    def of(self, schema: Schema) -> tuple[Pipeline, ...]:
        """Return the pipelines of a model as they are defined now."""
        return tuple(self._now.get(schema.name, {}).values())

    def named(self, schema: Schema, name: str) -> Pipeline:
        """Return the present definition of a pipeline; the model's first one if `name` is blank.

        Raises:
            BadDefinition: there is none of this name, or none at all.
        """
        named = self._now.get(schema.name, {})
        if not named:
            raise BadDefinition(f"{schema.name} has no pipeline.", hint="Name one in connect(..., pipelines=[...]).")
        if not name:
            return next(iter(named.values()))
        if name not in named:
            raise BadDefinition(f"{schema.name} has no pipeline {name!r}.", hint=near(name, named))
        return named[name]

    def number(self, tenant: str, pipeline: Pipeline) -> int:
        """Return the number under which a present definition is stored in a tenant.

        Raises:
            CrmError: no session of this tenant was entered yet, and entering one is what stores it.
        """
        try:
            return self._numbers[tenant, pipeline.entity, pipeline.name]
        except KeyError:
            raise CrmError("the session was not entered.", hint="Write: with crm.session(actor) as s.") from None

    async def followed(self, work: Work, schema: Schema, record: Any) -> Pipeline:
        """Return the definition that a record follows.

        Raises:
            StoreError: it is not stored; somebody removed it.
        """
        tenant = work.actor.tenant
        key = (tenant, schema.name, record.pipeline, record.pipeline_version)
        pipeline = self._stored.get(key)
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
            pipeline = self._stored[key] = Pipeline.from_json(rows[0][0])
        return pipeline

    # -- storing definitions -------------------------------------------------------------------------------------------

    async def meet(self, setup: Setup, actor: Actor) -> None:
        """Store the present definitions in the actor's tenant, in a transaction of its own, unless that was done."""
        if actor.tenant in self._met:
            return
        for attempt in (1, 2):
            try:
                await self._store(setup, actor)
            except Duplicate:
                # Another process met the tenant at the same moment; what it stored is read on the second attempt.
                if attempt > 1:
                    raise
            else:
                break
        self._met.add(actor.tenant)

    async def _store(self, setup: Setup, actor: Actor) -> None:
        schema = setup.catalog["pipeline_definition"]
        codec = setup.codec(schema)
        unit = await setup.store.begin()
        try:
            rows = await unit.fetch(
                Query(
                    schema,
                    And((Compare("tenant", Op.EQ, actor.tenant),)),
                    ("entity", "name", "number", "fingerprint", "definition"),
                    (SortKey("number"), SortKey("id")),
                )
            )
            latest: dict[tuple[str, str], tuple[int, str]] = {}
            for entity, name, number, fingerprint, definition in rows:
                latest[entity, name] = (number, fingerprint)
                self._stored[actor.tenant, entity, name, number] = Pipeline.from_json(definition)
            for pipeline in (each for named in self._now.values() for each in named.values()):
                number, fingerprint = latest.get((pipeline.entity, pipeline.name), (0, ""))
                if fingerprint != pipeline.fingerprint():
                    number += 1
                    made = schema.cls(
                        name=pipeline.name,
                        entity=pipeline.entity,
                        number=number,
                        fingerprint=pipeline.fingerprint(),
                        definition=pipeline.to_json(),
                    )
                    now = setup.clock()
                    row = codec.dump_new(made, actor.tenant, setup.ids(), now, actor.key)
                    await unit.insert(schema, [row])
                self._stored[actor.tenant, pipeline.entity, pipeline.name, number] = pipeline
                self._numbers[actor.tenant, pipeline.entity, pipeline.name] = number
            await unit.commit()
        except BaseException:
            await unit.rollback()
            raise
