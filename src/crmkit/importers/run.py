"""Runs: file after file, batch after batch, the same way whether anything is written or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Final

from crmkit.errors import Busy, Duplicate, Problem
from crmkit.importers.crosswalk import Crosswalk
from crmkit.importers.family import Families
from crmkit.importers.import_report import Counts, ImportReport
from crmkit.importers.prospect import Prospects
from crmkit.importers.section import Section
from crmkit.importers.section_load import SectionLoad
from crmkit.importers.setting import FileKind
from crmkit.importers.spool import Spool
from crmkit.importers.table import Malformed
from crmkit.repository import pause_collector

if TYPE_CHECKING:
    from crmkit.importers.rule import MappingRule
    from crmkit.importers.section import Parsed
    from crmkit.importers.unique_values import Holders
    from crmkit.repository import Doors

__all__ = ["Progress", "Run"]

BATCH: Final = 5_000
"""How many rows make one transaction."""
_PATIENCE: Final = 100.0
"""Seconds for which a batch waits for another import. One that was killed leaves a transaction with MongoDB, which ends
it after 60 seconds (`transactionLifetimeLimitSeconds`) and looks for such every 30."""
_PAUSE: Final = 0.1

Progress = Callable[[int, int], None]
"""Gets, after each batch, how many rows were read and how many there are; 0 as long as nobody knows."""


class Run:
    """One run over all files of a mapping.

    Args:
        doors: the doors of whoever imports.
        mapping: the rules.
        sections: the same, bound to models and files.
        write: whether anything is written; if not, everything else happens all the same.
        progress: is called after each batch.
        total: how many rows there are, if that is known.
    """

    def __init__(
        self,
        doors: Doors,
        mapping: MappingRule,
        sections: Sequence[Section],
        *,
        write: bool,
        progress: Progress | None = None,
        total: int = 0,
    ) -> None:
        self.doors = doors
        self.mapping = mapping
        self.write = write
        self.spool = Spool()
        linked = frozenset(rule.link for each in sections for rule in each.rule.rules.values() if rule.link)
        self.counts = [Counts(each.rule.path, _what(each)) for each in sections]
        self.natural = _natural(sections)
        schemas = {each.schema.name: each.schema for each in sections}
        reached = [*schemas.values(), *(doors.catalog[name] for name in linked - schemas.keys())]
        self.prospects = Prospects(doors, self.spool, reached, write=write)
        self.crosswalk = Crosswalk(doors, self.prospects, mapping.source, linked)
        # By model, not by file: what is true of a record is true whichever file it comes from.
        self.seen: dict[str, dict[str, bytes]] = {name: {} for name in schemas}
        self.holders: dict[str, dict[tuple[str, ...], Holders]] = {name: {} for name in schemas}
        self.families = {name: Families(doors.of(name)) for name in schemas}
        self._sections = sections
        self._loads: dict[int, SectionLoad] = {}
        self._progress = progress
        self._rows = 0
        self._total = total

    async def report(self) -> ImportReport:
        """Read every file, write what is to be written, and return what became of it."""
        try:
            for section in self._sections:
                if section.rule.kind is FileKind.RECORDS:
                    await self._records(section)
        except BaseException as error:
            await self.doors.unit.rollback()
            self.spool.close()
            if isinstance(error, Duplicate) and error.entity == "external_id":
                raise self._overtaken("wrote the same records meanwhile") from None
            raise
        return ImportReport(
            counts=self.counts,
            notices=self._notices(),
            tables=[section.table for section in self._sections],
            spool=self.spool,
            applied=self.write,
        )

    async def _records(self, section: Section) -> None:
        entity = section.rule.entity
        makers = [each for each in self._sections if each.rule.entity == entity and each.rule.kind is FileKind.RECORDS]
        companions = [
            each for each in self._sections if each.rule.entity == entity and each.rule.kind is not FileKind.RECORDS
        ]
        if section is makers[0]:
            for each in companions:
                await self._gather(each)
        load = self._loads[section.number] = SectionLoad(self, section, companions)
        rows = self.batches(section)
        while True:
            with pause_collector():
                batch = next(rows, None)
                if batch is None:
                    break
                await load.take(batch)
                await self.end_batch()
                # Gone before the collector is let loose again, which would otherwise look at each of its rows.
                batch.clear()
        await load.finish()
        if section is makers[-1]:
            for number, rearranged in self.families[entity].leave():
                await self._loads[number].load_last(rearranged)
            for each in companions:
                self._orphans(each)

    async def _gather(self, section: Section) -> None:
        """Put the rows of a file that belongs to records aside, until their records come."""
        once = section.rule.kind is FileKind.JOIN
        seen: dict[str, bytes] = {}
        for batch in self.batches(section):
            await self.prepare(batch)
            for parsed in batch:
                self.resolve(parsed)
                again = once and not parsed.problems and parsed.key in seen
                if again and seen[parsed.key] != parsed.digest:
                    message = "stands here for the second time, with other content."
                    parsed.refuse(section.key_column, Problem("duplicate_id", message), parsed.key)
                if parsed.problems:
                    self.reject(section, parsed)
                elif again:
                    self.counts[section.number].add("merged")
                else:
                    if once:
                        seen[parsed.key] = parsed.digest
                    self.spool.put(section.number, parsed.key, parsed.record, parsed.cells)
            await self.end_batch()

    def _orphans(self, section: Section) -> None:
        for key, row in self.spool.left(section.number):
            why = self.crosswalk.why_unknown(section.rule.entity, key)
            problem = (section.key_column, "unknown_record", f"belongs to no record: {why}", key)
            self._keep_reject(section, row.record, row.cells, [problem])

    # -- what loads need ----------------------------------------------------------------------------------------------

    def batches(self, section: Section) -> Iterator[list[Parsed]]:
        """Yield the rows of a file in batches; those that cannot be read are rejected on the way."""
        counts = self.counts[section.number]
        batch: list[Parsed] = []
        for record, cells in section.table.rows():
            counts.rows += 1
            if isinstance(cells, Malformed):
                self._keep_reject(section, record, [cells.text], [("", "malformed", cells.message, "")])
            elif section.passes_over(cells):
                counts.add("unchanged")
            elif len(cells) != section.width:
                message = f"has {len(cells)} cells, and the header has {section.width}."
                self._keep_reject(section, record, cells, [("", "wrong_width", message, "")])
            else:
                batch.append(section.read(record, cells))
            self._rows += 1
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    async def prepare(self, batch: Sequence[Parsed]) -> None:
        """Ask the database, in few queries, for everything that rows link to."""
        wanted: dict[tuple[str, str], list[str]] = {}
        for parsed in batch:
            for link in parsed.links.values():
                wanted.setdefault((link.entity, link.by), []).append(link.text)
        for (entity, by), texts in wanted.items():
            await self.crosswalk.prepare(self.doors.catalog[entity], by, texts)

    def resolve(self, parsed: Parsed) -> None:
        """Replace the links of a row by ids, or say what is wrong with them."""
        for link in parsed.links.values():
            try:
                parsed.values[link.field] = self.crosswalk.resolve(link.entity, link.by, link.text)
            except Problem as problem:
                parsed.refuse(link.column, problem, link.text)

    def reject(self, section: Section, parsed: Parsed) -> None:
        """Keep a row with its problems, and count it once."""
        self._keep_reject(section, parsed.record, parsed.cells, parsed.problems)
        # Neither a row of its history nor a second row of its key says that there is no such record.
        if section.rule.kind is FileKind.RECORDS and parsed.key not in self.seen.get(section.rule.entity, ()):
            self.crosswalk.refuse(section.rule.entity, parsed.key, parsed.record)

    async def own(self) -> None:
        """Wait until no other import from the same source is writing, and keep others from it until the batch ends.

        Raises:
            Busy: another one still is after a while.
        """
        until = monotonic() + _PATIENCE
        while True:
            try:
                return await self.doors.lock(f"import {self.mapping.source}")
            except Busy:
                await self.doors.unit.rollback()
                if monotonic() > until:
                    raise self._overtaken("is writing") from None
                await self.doors.pause(_PAUSE)

    def _overtaken(self, what: str) -> Busy:
        hint = "Wait for it to end, then run this one again: it goes on where it stopped."
        return Busy(f"another import from {self.mapping.source!r} {what}.", hint=hint)

    async def end_batch(self) -> None:
        """Commit a batch, or undo it in a dry run, and report progress."""
        self.prospects.end_batch()
        if self.write:
            await self.doors.unit.commit()
        else:
            await self.doors.unit.rollback()
        if self._progress is not None:
            self._progress(self._rows, self._total)

    # -- within -------------------------------------------------------------------------------------------------------

    def _keep_reject(
        self, section: Section, record: int, cells: Sequence[str], problems: Sequence[tuple[str, str, str, str]]
    ) -> None:
        # A row of a history may be refused for its own sake, and again because the record it belongs to is.
        if self.spool.reject(section.number, record, cells, problems):
            self.counts[section.number].add("reject")

    def _notices(self) -> list[str]:
        unused: dict[str, list[str]] = {}
        for section in self._sections:
            left = section.table.unused()
            path = section.rule.path
            unused[path] = [name for name in unused[path] if name in left] if path in unused else left
        return [
            f"{path}: the mapping does not use {', '.join(map(repr, names))}."
            for path, names in unused.items()
            if names
        ]


def _what(section: Section) -> str:
    return "stage_move" if section.rule.kind is FileKind.HISTORY else section.rule.entity


def _natural(sections: Sequence[Section]) -> dict[str, tuple[str, ...]]:
    """Return, by model, the fields by which some file links to it."""
    used: dict[str, dict[str, None]] = {}
    for section in sections:
        for rule in section.rule.rules.values():
            if rule.link and rule.by:
                used.setdefault(rule.link, {})[rule.by] = None
    return {entity: tuple(names) for entity, names in used.items()}
