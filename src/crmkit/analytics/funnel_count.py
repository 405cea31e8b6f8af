"""Counting funnels: records in batches, each batch with its history, and of each record only what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.analytics.funnel_report import FunnelReport
from crmkit.analytics.group_counter import GroupCounter
from crmkit.analytics.grouping import Grouping, order_of, text_of, too_many
from crmkit.analytics.journey import Logged, entry_of, journey
from crmkit.analytics.ladder import Ladder, Rungs
from crmkit.analytics.population import Population, definition_of
from crmkit.analytics.report import ALL, label_of
from crmkit.expr.build import f
from crmkit.expr.core import Compare, In
from crmkit.expr.node import Op
from crmkit.repository.scan import scan

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.analytics.funnel import Funnel
    from crmkit.expr.core import Core
    from crmkit.expr.node import Expr
    from crmkit.repository import Doors
    from crmkit.repository.door import Row

__all__ = ["FunnelCount"]

_LOGGED = ("record_id", "number", "pipeline", "pipeline_version", "to_stage", "position", "outcome", "at")


class FunnelCount:
    """Counts one funnel.

    A record's history must be read in order, which no aggregate of a store can do. So records come in batches of up to
    5,000, each with one query for its history and one for each step of the path that it is grouped by; what stays in
    memory is a fixed number of counters for each group.

    Args:
        doors: the doors of the session.
        funnel: what to count.

    Raises:
        BadExpression: the funnel does not fit the model.
    """

    def __init__(self, doors: Doors, funnel: Funnel) -> None:
        self._funnel = funnel
        funnel.check(doors.catalog)
        self._schema = doors.catalog[funnel.pipeline.entity]
        self._records = doors.of(self._schema)
        self._moves = doors.of("stage_move")
        self._as_of = funnel.as_of or doors.clock()
        self._population = Population(doors, self._schema, funnel.where, self._as_of, funnel.zone)
        self._keys = Grouping(doors, self._schema, funnel.by, self._population.zone)
        self._period = funnel.period(self._population.zone)
        self._rungs = Rungs.of(funnel.pipeline)
        self._columns = tuple(dict.fromkeys(("id", "pipeline", *self._keys.columns)))
        self._place = self._columns.index((*self._keys.columns, "id")[0])
        self._ladders: dict[int, Ladder] = {}
        self._counters: dict[Any, GroupCounter] = {}

    async def report(self) -> FunnelReport:
        """Read everything and return the report."""
        name = self._funnel.pipeline.name
        period = self._period
        if period.start is None and period.end is None:
            here = await self._population.core(f.pipeline == name)
            async for rows in scan(self._records, here, self._columns[1:]):
                await self._take(rows)
            elsewhere = await self._population.core(f.pipeline != name)
            if await self._records.columns(elsewhere, ("id",), limit=1):
                await self._follow(f.pipeline == name, elsewhere)
        else:
            # A record that entered in the period has a move in it; its history shows which of its moves was the entry.
            await self._follow((f.pipeline == name) & period.holds(f.at), await self._population.core())
            await self._miss()
        return self._made()

    async def _follow(self, condition: Expr, population: tuple[Core, ...]) -> None:
        """Count the records to which certain moves belong, each one with the move by which it entered the pipeline."""
        where = (f.entity == self._schema.name) & condition
        async for moves in scan(self._moves, where, ("record_id", "number")):
            ids = tuple({record for _, record, _ in moves})
            rows = await self._records.columns((*population, In("id", ids)), self._columns)
            if rows:
                await self._take(rows, {(record, number) for _, record, number in moves})

    async def _take(self, rows: list[Row], entries: set[tuple[UUID, int]] | None = None) -> None:
        """Count a batch of records; with `entries`, only those that entered the pipeline by one of these moves."""
        keys = await self._keys.of([row[self._place] for row in rows])
        logs = await self._logs([row[0] for row in rows])
        for row, key in zip(rows, keys, strict=True):
            log = logs.get(row[0], [])
            if entries is None or (row[0], entry_of(log)) in entries:
                self._count(key, log, here=row[1] == self._funnel.pipeline.name)

    async def _logs(self, ids: list[UUID]) -> dict[UUID, list[Logged]]:
        """Return the history of each record of a batch."""
        where = (Compare("entity", Op.EQ, self._schema.name), In("record_id", tuple(ids)))
        logs: dict[UUID, list[Logged]] = {}
        for row in await self._moves.columns(where, _LOGGED):
            logs.setdefault(row[0], []).append(await self._logged(row))
        return logs

    async def _logged(self, row: Row) -> Logged:
        _, number, pipeline, version, stage, position, outcome, at = row
        if pipeline != self._funnel.pipeline.name:
            return Logged(at, number, stage, None)
        ladder = self._ladders.get(version)
        if ladder is None:
            old = await definition_of(self._population, pipeline, version)
            ladder = self._ladders[version] = Ladder(self._rungs, version, old)
        return Logged(at, number, stage, ladder.place(stage, position, outcome))

    def _count(self, key: Any, log: list[Logged], *, here: bool) -> None:
        if all(move.place is None for move in log):
            if here:
                self._counter(key).no_history += 1
            return
        made = journey(log, self._rungs, self._as_of)
        if made is not None and self._period.covers(made.entered_at):
            self._counter(key).take(made)

    async def _miss(self) -> None:
        """Count the records whose entry is not known, so that no period can be said to hold it or not."""
        name = self._funnel.pipeline.name
        by = () if self._funnel.by is None else (self._funnel.by,)
        for group in await self._population.tally(by, f.pipeline == name, f.moves.none(f.pipeline == name)):
            if group["count"]:
                self._counter(group.key[0] if by else None).no_history += group["count"]

    def _counter(self, key: Any) -> GroupCounter:
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = GroupCounter(self._funnel, self._rungs)
            too_many(len(self._counters))
        return counter

    def _made(self) -> FunnelReport:
        funnel = self._funnel
        whole = GroupCounter(funnel, self._rungs)
        for counter in self._counters.values():
            whole.merge(counter)
        total = whole.group(None, ALL)
        groups = (self._counters[key].group(key, label_of(key)) for key in sorted(self._counters, key=order_of))
        return FunnelReport(
            definition=f"funnel.{funnel.reading}/1",
            groups=(total,) if funnel.by is None else tuple(groups),
            total=total,
            by=text_of(funnel.by),
            as_of=self._as_of,
            zone=self._population.zone,
            period=self._period,
            pipeline=funnel.pipeline.name,
            reading=funnel.reading,
        )
