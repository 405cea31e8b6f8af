"""Reading a mapping: TOML, or the same as a dict, into rules. What it says of models is checked by `check`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from crmkit.errors import BadDefinition, BadMapping, Problem, near
from crmkit.importers.rule import ENCODING, FieldRule, FileKind, FileRule, MappingRule, OnUpdate, key_of
from crmkit.repository.zone import zone_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["load_mapping", "read_mapping"]

_TOP: Final = ("source", "zone", "blank", "pipeline", "file", "maps")
_FILE: Final = (
    "path", "into", "history_of", "join", "id", "record", "encoding", "delimiter", "ignore", "skip", "fields",
    "entered",
)  # fmt: skip
_MARKS: Final = 2
"""One mark for thousands, one for decimals."""
_FIELD: Final = (
    "column", "columns", "with", "const", "map", "format", "number", "split", "part", "link", "by", "money", "currency",
    "on_update",
)  # fmt: skip


def read_mapping(mapping: str | Path | Mapping[str, Any]) -> MappingRule:
    """Return the rules of a mapping.

    Args:
        mapping: the path of a TOML file, or what such a file holds as a dict.

    Raises:
        BadMapping: it cannot be read, or is not well formed; every problem is listed.
    """
    tables, folder = load_mapping(mapping)
    return _Reader(tables).read(folder)


def load_mapping(mapping: str | Path | Mapping[str, Any]) -> tuple[Mapping[str, Any], Path | None]:
    """Return what a mapping holds, and the folder it lies in if it is a file.

    Raises:
        BadMapping: the file cannot be read, or is not TOML.
    """
    if isinstance(mapping, Mapping):
        return mapping, None
    if not isinstance(mapping, str | Path):
        message = f"must be a table or the path of a TOML file, not {type(mapping).__name__}."
        raise BadMapping([Problem("wrong_type", message, field="mapping")])
    path = Path(mapping)
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig")), path.parent
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise BadMapping([Problem("unreadable", f"{reason}.", field=str(path))]) from None
    except ValueError as error:
        raise BadMapping([Problem("not_toml", f"is not TOML: {error}.", field=str(path))]) from None


class _Reader:
    """Reads one mapping and gathers everything that is wrong with its form."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self._mapping = mapping
        self._problems: list[Problem] = []
        self._maps: dict[str, dict[str, str]] = {}

    def read(self, folder: Path | None) -> MappingRule:
        top = self._table(self._mapping, "mapping", _TOP)
        for name, table in self._table(top.get("maps", {}), "maps").items():
            self._maps[name] = self._map(f"maps.{name}", table)
        given = top.get("file", [])
        files: list[Any] = [*cast("list[Any]", given)] if isinstance(given, list | tuple) else []
        if not files:
            self._refuse("file", "is missing.", 'Write [[file]] with path = "accounts.csv" and into = "customer".')
        rules = [self._file(f"file[{number}]", table) for number, table in enumerate(files, 1)]
        rule = MappingRule(
            source=self._text(top, "source", "source")
            or self._refuse("source", "is missing.", 'Write source = "legacy".'),
            zone=self._zone(top),
            blank=frozenset(key_of(text) for text in self._texts(top, "blank", "blank")),
            files=tuple(each for each in rules if each),
            folder=folder,
        )
        if self._problems:
            raise BadMapping(self._problems)
        return rule

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _zone(self, top: Mapping[str, Any]) -> ZoneInfo | None:
        name = self._text(top, "zone", "zone")
        if not name:
            return None
        try:
            return zone_of(name)
        except BadDefinition:
            self._refuse("zone", f"{name!r} is no time zone.", 'Write a name such as "Europe/Berlin" or "UTC".')
            return None

    def _map(self, place: str, table: Any) -> dict[str, str]:
        spellings: dict[str, str] = {}
        for ours, theirs in self._table(table, place).items():
            for spelling in (ours, *self._texts({"it": theirs}, "it", f"{place}.{ours}")):
                meant = spellings.setdefault(key_of(spelling), ours)
                if meant != ours:
                    self._refuse(f"{place}.{ours}", f"{spelling!r} already means {meant!r}.")
        return spellings

    def _file(self, place: str, table: Any) -> FileRule | None:
        table = self._table(table, place, _FILE)
        kinds = [kind for kind in FileKind if kind.value in table]
        if len(kinds) != 1:
            words = " or ".join(kind.value for kind in FileKind)
            self._refuse(place, f"needs exactly one of {words}.", 'Write into = "customer", for example.')
            return None
        kind = kinds[0]
        key = "id" if kind is FileKind.RECORDS else "record"
        other = "record" if kind is FileKind.RECORDS else "id"
        if other in table:
            self._refuse(f"{place}.{other}", f"does not go with {kind.value}.", f'Write {key} = "Column".')
        if kind is not FileKind.RECORDS and not self._texts(table, key, f"{place}.{key}"):
            self._refuse(f"{place}.{key}", "is missing.", "Name the column that holds the old key of the record.")
        fields = dict(self._table(table.get("fields", {}), f"{place}.fields"))
        extra = self._table(fields.pop("extra", {}), f"{place}.fields.extra")
        entered = self._table(table.get("entered", {}), f"{place}.entered")
        skip = self._table(table.get("skip", {}), f"{place}.skip")
        path = self._text(table, "path", f"{place}.path") or self._refuse(f"{place}.path", "is missing.")
        if Path(path).is_absolute() or ".." in Path(path).parts:
            # A mapping may come from somebody who must not read, or write rejects to, other places of this machine.
            self._refuse(f"{place}.path", "leads out of the folder.", "Give the folder with plan(..., folder=...).")
        return FileRule(
            place=place,
            path=path,
            kind=kind,
            entity=self._text(table, kind.value, f"{place}.{kind.value}"),
            key=self._texts(table, key, f"{place}.{key}"),
            encoding=self._text(table, "encoding", f"{place}.encoding") or ENCODING,
            delimiter=self._delimiter(table, place),
            ignored=self._texts(table, "ignore", f"{place}.ignore"),
            skip={name: self._keys(skip, name, f"{place}.skip.{name}") for name in skip},
            fields={name: self._field(f"{place}.fields.{name}", spec) for name, spec in fields.items()},
            extra={name: self._field(f"{place}.fields.extra.{name}", spec) for name, spec in extra.items()},
            entered={name: self._field(f"{place}.entered.{name}", spec) for name, spec in entered.items()},
        )

    def _delimiter(self, table: Mapping[str, Any], place: str) -> str:
        delimiter = self._text(table, "delimiter", f"{place}.delimiter") or ","
        if len(delimiter) != 1 or delimiter in '"\r\n':
            self._refuse(f"{place}.delimiter", "must be one character.", r'Write ",", ";" or "\t".')
            return ","
        return delimiter

    def _field(self, place: str, spec: Any) -> FieldRule:
        if isinstance(spec, str):
            return FieldRule(place=place, columns=(spec,))
        table = self._table(spec, place, _FIELD)
        sources = [key for key in ("column", "columns", "const", "money") if key in table]
        if len(sources) != 1:
            hint = 'Write "Column", or { column = "Column", … }.'
            self._refuse(place, "needs exactly one of column, columns, const or money.", hint)
        const = table.get("const")
        if const is not None and not isinstance(const, str | int | bool):
            self._refuse(f"{place}.const", "must be text, a whole number, or true or false.")
        if isinstance(const, bool):
            const = str(const).lower()
        currency = table.get("currency")
        if ("money" in table or "currency" in table) and not ("money" in table and "currency" in table):
            hint = 'Write { money = "Amount", currency = { const = "EUR" } }.'
            self._refuse(place, "money and currency belong together.", hint)
        return FieldRule(
            place=place,
            columns=next((self._texts(table, key, f"{place}.{key}") for key in sources if key != "const"), ()),
            const=None if const is None else str(const),
            join=self._text(table, "with", f"{place}.with") or " ",
            spellings=self._spellings(table, place),
            formats=self._texts(table, "format", f"{place}.format"),
            numbers=self._numbers(table, place),
            split=self._text(table, "split", f"{place}.split"),
            part=self._part(table, place),
            link=self._text(table, "link", f"{place}.link"),
            by=self._text(table, "by", f"{place}.by"),
            currency=None if currency is None else self._field(f"{place}.currency", currency),
            on_update=self._on_update(table, place),
        )

    def _spellings(self, table: Mapping[str, Any], place: str) -> dict[str, str] | None:
        given = table.get("map")
        if given is None:
            return None
        if not isinstance(given, str):
            return self._map(f"{place}.map", given)
        if given not in self._maps:
            self._refuse(f"{place}.map", f"there is no map {given!r}.", near(given, self._maps) or "Write [maps.…].")
        return self._maps.get(given)

    def _numbers(self, table: Mapping[str, Any], place: str) -> dict[str, str]:
        given = table.get("number", {})
        given = {"": given} if isinstance(given, str) else self._table(given, f"{place}.number")
        for pattern in given.values():
            marks = [mark for mark in str(pattern) if not mark.isdigit()]
            if (
                not isinstance(pattern, str)
                or pattern.strip("0123456789.,' ")
                or len(marks) > _MARKS
                or len(set(marks)) < len(marks)
            ):
                self._refuse(f"{place}.number", f"{pattern!r} is no number format.", 'Write "1.234,56" or "1234.56".')
        return {str(currency): str(pattern) for currency, pattern in given.items()}

    def _part(self, table: Mapping[str, Any], place: str) -> int:
        part = table.get("part", 0)
        if (
            not isinstance(part, int)
            or isinstance(part, bool)
            or ("part" in table and (not part or "split" not in table))
        ):
            self._refuse(f"{place}.part", "counts the parts that split makes: 1 is the first, -1 the last.")
            return 0
        return part

    def _on_update(self, table: Mapping[str, Any], place: str) -> OnUpdate:
        word = self._text(table, "on_update", f"{place}.on_update") or OnUpdate.OVERWRITE.value
        words = {each.value: each for each in OnUpdate}
        if word not in words:
            self._refuse(f"{place}.on_update", f"{word!r} is not known.", near(word, words))
        return words.get(word, OnUpdate.OVERWRITE)

    # -- kinds of value ------------------------------------------------------------------------------------------------

    def _refuse(self, place: str, message: str, hint: str = "") -> str:
        self._problems.append(Problem("bad_mapping", message, hint=hint, field=place))
        return ""

    def _table(self, value: Any, place: str, keys: tuple[str, ...] = ()) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self._refuse(place, f"must be a table, not {type(value).__name__}.")
            return {}
        table = cast("Mapping[str, Any]", value)
        for key in table:
            if keys and key not in keys:
                where = place if place == "mapping" else f"{place}.{key}"
                self._refuse(where, f"there is no key {key!r}.", near(key, keys))
        return table

    def _text(self, table: Mapping[str, Any], key: str, place: str) -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            return self._refuse(place, f"must be text, not {type(value).__name__}.")
        return value

    def _texts(self, table: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
        given = table.get(key, [])
        values: list[Any] = [*cast("list[Any]", given)] if isinstance(given, list | tuple) else [given]
        if not all(isinstance(each, str) for each in values):
            self._refuse(place, "must be text, or a list of texts.")
            return ()
        return tuple(values)

    def _keys(self, table: Mapping[str, Any], key: str, place: str) -> frozenset[str]:
        return frozenset(key_of(text) for text in self._texts(table, key, place))
