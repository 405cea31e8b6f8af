"""Tables: CSV files read as streams of text cells, each record with its number."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import attrs

from crmkit.errors import BadFile, near
from crmkit.values import key_of

if TYPE_CHECKING:
    from crmkit.importers.rule import FileRule

__all__ = ["LONGEST_RECORD", "OWN_COLUMN", "Malformed", "Table"]

OWN_COLUMN: Final = "crmkit_"
"""How the names of columns begin that a file of rejects has before the original ones."""
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAVE: Final = "Save each of its sheets as CSV."
_UNPACK: Final = "Unpack it, and give the files in it."
_NOT_TEXT: Final = (
    (b"PK\x03\x04", "a workbook or an archive", f"{_SAVE} {_UNPACK}"),
    (b"\xd0\xcf\x11\xe0", "a workbook", _SAVE),
    (b"\x1f\x8b", "an archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "an archive", _UNPACK),
    (b"%PDF-", "a PDF", "Export the table behind it as CSV."),
    (b"SQLite format 3\x00", "a database", "Export its tables as CSV."),
)
_LONGEST_MARK: Final = max(len(mark) for mark, *_ in _NOT_TEXT)
_BLOCK: Final = 1 << 16
LONGEST_RECORD: Final = 1 << 22
"""How many characters of a record are held; of one that is longer, so many are kept as its text."""
_SHIELDED: Final = re.compile(r"'+[=+\-@\t\r]")


@attrs.frozen
class Malformed:
    """A record that is not well-formed CSV: its text, and what is wrong with it."""

    text: str
    message: str


class Table:
    """One CSV file.

    Args:
        rule: what the mapping says of it.
        path: where it lies.

    Attributes:
        path: where it lies.
        header: the names of its columns, without blanks and byte order mark.
        encoding: what it is encoded in.

    Raises:
        BadFile: it cannot be opened, has no header, or is encoded otherwise than the mapping says.
    """

    def __init__(self, rule: FileRule, path: Path) -> None:
        self._rule = rule
        self.path = path
        self.name = rule.path
        self.encoding = self._find_encoding()
        with self._records() as (_, records):
            first = next(records, None)
        if first is None or isinstance(first, Malformed) or not any(cell.strip() for cell in first):
            message, hint = "is empty." if first is None else "has no header.", ""
            if isinstance(first, Malformed):
                message, hint = first.message, self._delimiter_hint(first.text)
            raise BadFile(self.name, message, record=1, hint=hint or "The first record must name the columns.")
        names = [cell.strip().strip("\ufeff") for cell in first]
        self._own = 0
        while self._own < len(names) and names[self._own].startswith(OWN_COLUMN):
            self._own += 1
        self.header = [_bare(name) for name in names[self._own :]] if self._own else names
        if any("\x00" in name for name in self.header):
            raise BadFile(self.name, "the header holds a NUL character.", record=1, hint=self._encoding_hint())
        self._places: dict[str, list[int]] = {}
        for place, name in enumerate(self.header):
            self._places.setdefault(key_of(name), []).append(place)

    @property
    def delimiter(self) -> str:
        """What stands between two cells."""
        return self._rule.delimiter

    def place(self, column: str) -> int:
        """Return the place of a column; names match without regard to case and to blanks around them.

        Raises:
            LookupError: there is no such column, or more than one; the message says which.
        """
        places = self._places.get(key_of(column), ())
        if len(places) == 1:
            return places[0]
        if places:
            raise LookupError(
                f"{self.name} has {len(places)} columns called {column!r}. Rename one of them in the file."
            )
        hint = self._delimiter_hint(self.header[0]) if len(self.header) == 1 else ""
        raise LookupError(f"{self.name} has no column {column!r}. {hint or near(column, self.header)}")

    def unused(self) -> list[str]:
        """Return the columns that the mapping neither reads nor ignores."""
        known = {key_of(name) for name in (*self._rule.used, *self._rule.ignore)}
        return [name for name in self.header if name and key_of(name) not in known]

    def rows(self) -> Iterator[tuple[int, list[str] | Malformed]]:
        """Yield every record after the header, with its number: the header is 1, the first record 2.

        Raises:
            BadFile: a byte is not of the file's encoding, or a quote is never closed.
        """
        own = self._own
        with self._records() as (_, records):
            next(records)
            for number, cells in enumerate(records, 2):
                if own and isinstance(cells, list):
                    yield number, [_bare(cell) for cell in cells[own:]]
                else:
                    yield number, cells

    # -- within --------------------------------------------------------------------------------------------------------

    @contextmanager
    def _records(self) -> Generator[tuple[IO[str], Iterator[list[str] | Malformed]]]:
        try:
            with self.path.open(encoding=self.encoding, newline="") as stream:
                yield stream, self._parse(stream)
        except UnicodeError:
            raise self._undecodable() from None
        except OSError as error:
            raise BadFile(
                self.name, f"{error.strerror or 'it cannot be read'}.", hint=f"Looked for {self.path}."
            ) from None

    def _parse(self, stream: IO[str]) -> Iterator[list[str] | Malformed]:
        lines = _Remembered(stream)
        # Strict, as the lenient mode would mend a stray quote by changing the text, and say nothing. Blanks around a
        # cell mean nothing anyway, but kept before a quote they would make it part of the text.
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=self.delimiter != " ")
        number = 0
        while True:
            number += 1
            lines.begin_record()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _TooLong) as error:
                what, closed = str(error), "end of data" not in str(error)
                if "field larger" in what:
                    what, closed = f"a cell is longer than {csv.field_size_limit()} characters", lines.finish_record()
                elif not what:
                    what, closed = f"it is longer than {LONGEST_RECORD} characters", lines.finish_record()
                if not closed:
                    message = "a quote that opens here is never closed."
                    raise BadFile(
                        self.name, message, record=number, hint="Close it, or double it within a cell."
                    ) from None
                yield Malformed("".join(lines.text).rstrip("\r\n"), f"is not well-formed: {what}.")
            else:
                yield cells

    def _find_encoding(self) -> str:
        try:
            with self.path.open("rb") as stream:
                start = stream.read(_LONGEST_MARK)
        except OSError as error:
            raise BadFile(
                self.name, f"{error.strerror or 'it cannot be read'}.", hint=f"Looked for {self.path}."
            ) from None
        for mark, what, hint in _NOT_TEXT:
            if start.startswith(mark):
                raise BadFile(self.name, f"is {what}, not CSV.", hint=hint)
        marked = next((name for mark, name in _MARKS if start.startswith(mark)), "")
        return self._rule.encoding or marked or "utf-8"

    def _undecodable(self) -> BadFile:
        decoder = codecs.getincrementaldecoder(self.encoding)()
        position = 0
        with self.path.open("rb") as stream:
            while True:
                block = stream.read(_BLOCK)
                pending = len(decoder.getstate()[0])
                try:
                    decoder.decode(block, final=not block)
                except UnicodeDecodeError as error:
                    position += error.start - pending
                    break
                except UnicodeError:
                    break
                position += len(block)
                if not block:
                    break
        return BadFile(self.name, f"byte {position} is not {self.encoding}.", hint=self._encoding_hint())

    def _delimiter_hint(self, text: str) -> str:
        other = next((mark for mark in ";\t|," if mark in text and mark != self.delimiter), "")
        return f'Write delimiter = "{other}".'.replace("\t", "\\t") if other else ""

    def _encoding_hint(self) -> str:
        with self.path.open("rb") as stream:
            likely = "utf-16-le" if b"\x00" in stream.read(4) else "cp1252"
        return f'Write encoding = "{likely}", or what it is encoded in, under {self._rule.place}.'


class _TooLong(Exception):
    """A record is longer than is held in memory."""


class _Remembered:
    """Lines of a stream, kept until a new record begins: the text of the record being read, which is bounded."""

    def __init__(self, stream: IO[str]) -> None:
        self._read = stream.readline
        self._room = LONGEST_RECORD
        self.text: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._read(self._room)
        if not line:
            raise StopIteration
        self.text.append(line)
        self._room -= len(line)
        if self._room <= 0:
            raise _TooLong
        return line

    def begin_record(self) -> None:
        """Forget the record before."""
        self._room = LONGEST_RECORD
        self.text.clear()

    def finish_record(self) -> bool:
        """Pass over the rest of a record that was given up; return whether its last quote is closed.

        Quotes come in pairs, within a cell and around it, so the record ends with the line that completes the last one.
        """
        quotes = sum(line.count('"') for line in self.text)
        line = self.text[-1]
        while quotes % 2 or not line.endswith(("\n", "\r")):
            line = self._read(_BLOCK)
            if not line:
                return not quotes % 2
            quotes += line.count('"')
        return True


def _bare(cell: str) -> str:
    """Take off the quote that a file of rejects puts before what a spreadsheet would compute."""
    return cell[1:] if _SHIELDED.match(cell) else cell


def text_stream(path: Path, encoding: str) -> io.TextIOWrapper:
    """Open a file for writing cells in an encoding that may lack a character of a message."""
    return path.open("w", encoding=encoding, newline="", errors="backslashreplace")
