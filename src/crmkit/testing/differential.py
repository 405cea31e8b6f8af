"""The differential test: on generated data a store must give the Python reading's answer."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, given, settings

from crmkit.errors import CrmError
from crmkit.expr.evaluate import evaluate, is_local
from crmkit.storage.spi.store import Feature
from crmkit.testing.drive import Maker, on_ground
from crmkit.testing.ground import Ground
from crmkit.testing.strategy import Case, cases

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.expr.node import Expr
    from crmkit.model.schema import Schema

__all__ = ["Differential", "examples"]

EXAMPLES: Final = 60


def examples() -> int:
    """Return how many worlds are drawn: `CRMKIT_EXAMPLES`, or 60. Ten expressions are asked of each."""
    return int(os.environ.get("CRMKIT_EXAMPLES") or EXAMPLES)


class Differential:
    """Worlds and expressions that nobody thought of."""

    def test_reads_every_expression_as_python_does(self: Maker) -> None:
        """Draw worlds and expressions, store the world, and compare what is fetched with what Python finds true.

        All worlds go into one store, each as a tenant of its own: making a store takes some databases a second.
        """
        tried: Counter[str] = Counter()
        with on_ground(self) as (ground, run):

            @settings(
                max_examples=examples(),
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
            )
            @given(cases())
            def compare(case: Case) -> None:
                tried["pairs"] += run(_compare(ground.elsewhere(), case))

            compare()
        print(f"{type(self).__name__}: {tried['pairs']} pairs of a world and an expression, no difference")  # noqa: T201 - a long run says how long it was


async def _compare(ground: Ground, case: Case) -> int:
    await ground.plant(case.world.records)
    asked = 0
    unit = await ground.store.begin()
    try:
        for schema, expr in case.questions:
            if Feature.REACH not in ground.store.features and not is_local(expr):
                continue
            asked += 1
            query = ground.query(schema.cls, ground.bound(schema.cls, expr, case.facts))
            try:
                answer = [row[0] for row in await ground.fetch(query, unit)]
            except CrmError as error:
                error.add_note(_question(case, schema, expr))
                raise
            assert answer == _expected(case, schema, expr), _question(case, schema, expr)
    finally:
        await unit.rollback()
    return asked


def _expected(case: Case, schema: Schema, expr: Expr) -> list[UUID]:
    true = [record.id for record in case.world.of(schema) if evaluate(expr, record, facts=case.facts, world=case.world)]
    return sorted(true)


def _question(case: Case, schema: Schema, expr: Expr) -> str:
    records = "\n  ".join(map(repr, case.world.records))
    return (
        f"an expression about {schema.name} that the store does not read as Python does:\n{expr!r}\nworld:\n  {records}"
    )
