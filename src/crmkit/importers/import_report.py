"""What an import reports: counts, problems, and the rows that were refused."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

import attrs

from crmkit.errors import BadFile
from crmkit.importers.table import OWN_COLUMN, text_stream

if TYPE_CHECKING:
    from crmkit.importers.spool import Spool
    from crmkit.importers.table import Table

__all__ = ["EFFECTS", "Counts", "Effect", "ImportReport", "Rejects", "RowProblem"]

Effect: TypeAlias = Literal["create", "update", "unchanged", "merged", "reject"]
"""What became of a row."""
EFFECTS: Final[tuple[Effect, ...]] = get_args(Effect)

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
"""What a spreadsheet would compute, and what looks like such a cell with a quote in front already."""
_HARMLESS: Final = re.compile(r"(?=\D*\d)[+-]?[\d\s().,/%\u00a0-]*")
"""Phone numbers and plain numbers: a spreadsheet computes nothing of them that could do harm."""
_SHOWN: Final = 20
_WORDS: Final = 2
"""How many columns of the summary hold words; numbers follow."""


@attrs.define
class Counts:
    """What became of the rows of one file; each counts once: `rows = create + update + unchanged + merged + reject`.

    Attributes:
        file: the file, as the mapping names it.
        entity: the model of the records; of a history file, `stage_move`.
        rows: records of the file after the header.
        create, update: records that were made, or changed; of a history file, moves that were made.
        unchanged: rows with nothing new, blank rows, and those that the mapping passes over.
        merged: rows that went into what another row made: repeated ones, those of a file that is joined, and rows of a
            history that make no move of their own.
        reject: rows that were refused.
    """

    file: str
    entity: str
    rows: int = 0
    create: int = 0
    update: int = 0
    unchanged: int = 0
    merged: int = 0
    reject: int = 0

    @property
    def skip(self) -> int:
        """How many rows wrote nothing of their own, and were not refused."""
        return self.unchanged + self.merged

    def add(self, effect: Effect, rows: int = 1) -> None:
        """Count what became of some rows."""
        setattr(self, effect, getattr(self, effect) + rows)


@attrs.frozen
class RowProblem:
    """One thing that is wrong with one row.

    Attributes:
        file: the file, as the mapping names it.
        record: the number of the record in the file; the header is 1.
        column: the column, as the mapping names it; blank if the whole row is meant.
        code: a stable word such as `invalid_date`.
        message: the fact, and mostly the way out.
        value: the text that the file has there.
    """

    file: str
    record: int
    column: str
    code: str
    message: str
    value: str


class Rejects:
    """The rows that were refused; `len(rejects)` of them."""

    def __init__(self, spool: Spool, tables: Sequence[Table]) -> None:
        self._spool = spool
        self._tables = tables

    def __len__(self) -> int:
        return len({(self._tables[section].name, record) for section, record, *_ in self._spool.problems()})

    def to_csv(self, path: str | Path) -> list[Path]:
        """Write the rejected rows as they are in their files, each with what is wrong with it, and return the paths.

        The columns `crmkit_code`, `crmkit_column` and `crmkit_message` come first; an import passes over them, so the
        mended file can be imported with the same mapping. Cells that a spreadsheet would compute get a quote in front,
        which an import takes off again; phone numbers stay as they are.

        Args:
            path: a folder, which gets one file for each file with rejects, under the same name; or a name that ends in
                `.csv`. With rejects of several files, `rejects.csv` becomes `rejects.accounts.csv` and so on.

        Raises:
            BadFile: the rejects would be written over a file that was imported.
        """
        target = Path(path)
        wanted = sorted({self._tables[section].name for section, *_ in self._spool.problems()})
        written: dict[str, Path] = {}
        with ExitStack() as stack:
            writers: dict[str, Any] = {}
            done: set[tuple[str, int]] = set()
            for section, record, problems, cells in self._spool.rejected():
                table = self._tables[section]
                if (table.name, record) in done:
                    continue
                done.add((table.name, record))
                if table.name not in writers:
                    place = written[table.name] = _place(target, table.name, alone=len(wanted) == 1)
                    self._spare_sources(place)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    stream = stack.enter_context(text_stream(place, table.encoding))
                    writers[table.name] = writer = csv.writer(stream, delimiter=table.delimiter, lineterminator="\n")
                    writer.writerow(
                        [
                            *(f"{OWN_COLUMN}{name}" for name in ("code", "column", "message")),
                            *map(shielded, table.header),
                        ]
                    )
                found = [" | ".join(filter(None, dict.fromkeys(part))) for part in zip(*problems, strict=True)]
                writers[table.name].writerow([*map(shielded, found), *map(shielded, cells)])
        return list(written.values())

    def _spare_sources(self, place: Path) -> None:
        for table in self._tables:
            if place.exists() and table.path.exists() and place.samefile(table.path):
                message = "is a file of this import; its rejects would take its place."
                raise BadFile(str(place), message, hint="Write the rejects into another folder.")


def _place(target: Path, path: str, *, alone: bool) -> Path:
    if target.suffix.lower() != ".csv":
        return target / path
    return target if alone else target.with_name(f"{target.stem}.{Path(path).name}")


def shielded(cell: str) -> str:
    """Return a cell such that no spreadsheet computes it.

    >>> shielded("=1+1"), shielded("+49 30 123"), shielded("Acme")
    ("'=1+1", '+49 30 123', 'Acme')
    """
    return f"'{cell}" if _FORMULA.match(cell) and not _HARMLESS.fullmatch(cell) else cell


class ImportReport:
    """What an import would do, or did.

    Attributes:
        counts: what became of the rows, by file and model, in the order of the mapping.
        notices: what is worth knowing without being a problem, such as columns that nothing reads.
        rejects: the rows that were refused.
        applied: whether anything was written.
    """

    def __init__(
        self,
        *,
        counts: Sequence[Counts],
        notices: Sequence[str],
        tables: Sequence[Table],
        spool: Spool,
        applied: bool,
    ) -> None:
        self.counts = tuple(counts)
        self.notices = tuple(notices)
        self.rejects = Rejects(spool, tables)
        self.applied = applied
        self._spool = spool
        self._tables = tables

    @property
    def problems(self) -> Iterator[RowProblem]:
        """Everything that is wrong, by file and record."""
        for section, record, column, code, message, value in self._spool.problems():
            yield RowProblem(self._tables[section].name, record, column, code, message, value)

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return sum(each.rows for each in self.counts)

    def total(self, what: str) -> int:
        """Return one of the counts over all files: `"create"`, `"update"`, `"unchanged"`, `"merged"` or `"reject"`.

        `"skip"` is unchanged and merged together.
        """
        return sum(getattr(each, what) for each in self.counts)

    def summary(self) -> str:
        """Return the counts, and the problems by kind, as a text for people."""
        heads = ("file", "record", "rows", *EFFECTS)
        table = [heads, *(attrs.astuple(each) for each in self.counts)]
        widths = [max(len(str(row[place])) for row in table) for place in range(len(heads))]
        lines = ["Written." if self.applied else "A dry run: nothing was written."]
        for row in table:
            cells = [
                str(cell).ljust(width) if place < _WORDS else str(cell).rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        kinds: Counter[tuple[str, str, str]] = Counter()
        first: dict[tuple[str, str, str], int] = {}
        for each in self.problems:
            kind = (each.file, each.column, each.code)
            kinds[kind] += 1
            first.setdefault(kind, each.record)
        for kind, number in kinds.most_common(_SHOWN):
            file, column, code = kind
            where = f"{file}, column {column!r}" if column else file
            lines.append(f"{number} x {code}: {where}, {'first in row' if number > 1 else 'row'} {first[kind]}")
        if len(kinds) > _SHOWN:
            lines.append(f"… and {len(kinds) - _SHOWN} more kinds of problem")
        lines += [f"Note: {notice}" for notice in self.notices]
        return "\n".join(lines)

    def to_dicts(self) -> dict[str, Any]:
        """Return counts, problems and notices as lists of plain dicts and texts, ready for JSON."""
        return {
            "applied": self.applied,
            "counts": [attrs.asdict(each) for each in self.counts],
            "problems": [attrs.asdict(each) for each in self.problems],
            "notices": list(self.notices),
        }
