"""Companions: the rows of other files that belong to the records of one, such as histories and joined columns."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from crmkit.importers.history import in_order
from crmkit.importers.setting import FileKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from crmkit.importers.run import Run
    from crmkit.importers.section import Parsed, Section

__all__ = ["Companions"]


class Companions:
    """The rows that belong to the records of a batch.

    Args:
        run: the import, which has put the rows aside.
        sections: the files that they come from.
    """

    def __init__(self, run: Run, sections: Sequence[Section]) -> None:
        self._run = run
        self._sections = sections
        self._rows: dict[int, dict[str, list[Parsed]]] = {}
        self._told: dict[int, dict[str, int]] = {}

    async def gather(self, keys: Sequence[str]) -> None:
        """Take the rows of these keys, in place of those taken before."""
        self._rows = {}
        for section in self._sections:
            taken = self._run.spool.take(section.number, keys)
            rows = {key: [section.read(row.record, row.cells) for row in rows] for key, rows in taken.items()}
            everything = [parsed for each in rows.values() for parsed in each]
            await self._run.prepare(everything)
            for parsed in everything:
                self._run.resolve(parsed)
            if section.rule.kind is FileKind.HISTORY:
                self._told[section.number] = {key: len(each) for key, each in rows.items()}
                rows = {key: in_order(each) for key, each in rows.items()}
            self._rows[section.number] = rows

    @property
    def fields(self) -> set[str]:
        """The fields of the records to which columns are added."""
        return {name for each in self._sections if each.rule.kind is FileKind.JOIN for name in each.rule.fields}

    def beside(self, key: str) -> Iterator[tuple[Section, list[Parsed]]]:
        """Yield the rows of a key, by file."""
        for section in self._sections:
            rows = self._rows.get(section.number, {}).get(key)
            if rows:
                yield section, rows

    def joined(self, key: str) -> Iterator[Parsed]:
        """Yield the rows that add columns to the record of a key, and are not refused."""
        for section, rows in self.beside(key):
            if section.rule.kind is FileKind.JOIN:
                yield from (row for row in rows if not row.problems)

    def digest(self, parsed: Parsed) -> str:
        """Return the digest of a row and of all that belongs to it."""
        digest = blake2b(parsed.digest, digest_size=16)
        for _, rows in self.beside(parsed.key):
            # A row that was refused must be refused again on the next run, and is not what the record is made of.
            for each in sorted(row.digest for row in rows if not row.problems):
                digest.update(each)
        return digest.hexdigest()

    def count(self, key: str) -> None:
        """Count what became of the rows of an accepted record."""
        for section, rows in self.beside(key):
            counts = self._run.counts[section.number]
            for row in rows:
                if row.problems:
                    self._run.reject(section, row)
                else:
                    counts.add(row.effect)
            counts.add("merged", self._told.get(section.number, {}).get(key, len(rows)) - len(rows))

    def claim(self, keys: Iterable[str]) -> None:
        """Note that the records of these keys were accepted; the rows of all others are left over."""
        accepted = list(keys)
        for section in self._sections:
            self._run.spool.claim(section.number, accepted)
