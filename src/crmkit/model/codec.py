"""Codecs: a record to a row and back, generated once per model and store, because both lie on every hot path.

A row is a tuple in the order of the schema's columns. Its values are canonical (see `Kind`) unless the store declares
wires: other spellings, in which its driver takes and gives values fastest. The generated code only moves values; what
is checked was checked when the record was made.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeAlias, TypeVar

import attrs

from crmkit.model.field import Column, Field
from crmkit.model.kind import Kind
from crmkit.values import NOT_YET

if TYPE_CHECKING:
    from collections.abc import Generator

    from crmkit.model.schema import Schema

__all__ = ["CANONICAL", "Codec", "Row", "Wire", "Wires", "pause_collector"]

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
"""One row: values in the order of the columns asked for."""


@attrs.frozen
class Wire:
    """How a store's driver spells one kind of value.

    Attributes:
        encode: a Python expression that turns the canonical value `{v}` into the driver's.
        decode: a Python expression that turns the driver's `{v}` back.
        names: what the two expressions may refer to.
        repeats: whether few distinct values are expected, so that decoding remembers them within a batch; `None` leaves
            it to the field.
    """

    encode: str = "{v}"
    decode: str = "{v}"
    names: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    repeats: bool | None = None


Wires: TypeAlias = Mapping[Kind, Wire]
CANONICAL: Final[Wires] = {}
"""The wires of a store that takes canonical values as they are."""


class _Load(Protocol[T]):
    def __call__(self, rows: Iterable[Sequence[Any]], turn: object = None, /) -> list[T]: ...


class Codec(Generic[T]):
    """Turns records of one model into rows of one store, and back.

    Attributes:
        columns: the names of a stored row's columns, in order.
        read: the names of the columns that `load` expects, in order.
        dump: `dump(record, tenant)` gives the row that holds the record.
        dump_new: `dump_new(record, tenant, id, now, actor_key)` gives the row of a record that is added.
        load: `load(rows, turn)` gives the records, unchecked: only for rows that crmkit wrote. The turn marks them as
            stored, see `Turn`.
    """

    def __init__(self, schema: Schema, wires: Wires) -> None:
        self._schema = schema
        self._wires = wires
        self.columns = tuple(column.name for column in schema.columns)
        self.read = tuple(column.name for field in schema.fields.values() for column in field.read_columns)
        self.dump: Callable[[T, str], Row] = self._compile(*self._dump_source("record, tenant", {}), "dump")
        self.dump_new: Callable[[T, str, Any, Any, str], Row] = self._compile(
            *self._dump_source("record, tenant, id, now, actor", _STAMPS), "dump"
        )
        self.load: _Load[T] = self._compile(*self._load_source(), "load")
        self._copy: Callable[[T], Any] = self._compile(*self._copy_source(), "copy")
        self._spellers: dict[str, Callable[[Any], dict[str, Any]]] = {}
        self._encoders = {kind: self._function(wire.encode, wire) for kind, wire in wires.items()}
        self._decoders = {kind: self._function(wire.decode, wire) for kind, wire in wires.items()}

    def spell(self, clean: Mapping[str, Any]) -> dict[str, Any]:
        """Return clean values of fields as the store spells them, by column."""
        spelled: dict[str, Any] = {}
        for name, value in clean.items():
            speller = self._spellers.get(name)
            if speller is None:
                source = self._spell_source(self._schema.fields[name])
                speller = self._spellers[name] = self._compile(*source, "spell")
            spelled |= speller(value)
        return spelled

    def encode(self, column: Column, value: Any) -> Any:
        """Return one canonical value as the store spells it."""
        encoder = self._encoders.get(column.kind)
        return value if encoder is None or value is None else encoder(value)

    def decode(self, column: Column, value: Any) -> Any:
        """Return one value, as the store spells it, in canonical form."""
        decoder = self._decoders.get(column.kind)
        return value if decoder is None or value is None else decoder(value)

    def replace(self, record: T, turn: object = None, /, **clean: Any) -> T:
        """Return a copy of a record with other values, which must be clean already; with its turn if it is stored."""
        made = self._copy(record)
        made.__turn__ = turn
        for name, value in clean.items():
            setattr(made, name, value)
        made.__class__ = self._schema.cls
        result: T = made
        return result

    # -- generated code ------------------------------------------------------------------------------------------------

    def _dump_source(self, arguments: str, stamps: Mapping[str, str]) -> tuple[list[str], dict[str, Any]]:
        names: dict[str, Any] = {"NOT_YET": NOT_YET}
        parts = [self._dumped(self._schema.columns[0], "{v}", "tenant", names)]
        for field in self._schema.fields.values():
            parts += self._split(field, stamps.get(field.name, f"record.{field.name}"), names)
        return [f"def dump({arguments}):", f"    return ({', '.join(parts)},)"], names

    def _spell_source(self, field: Field) -> tuple[list[str], dict[str, Any]]:
        names: dict[str, Any] = {}
        columns = (repr(column.name) for column in field.columns)
        parts = map(": ".join, zip(columns, self._split(field, "value", names), strict=True))
        return ["def spell(value):", f"    return {{{', '.join(parts)}}}"], names

    def _split(self, field: Field, source: str, names: dict[str, Any]) -> list[str]:
        names.update({**field.names, f"split_{field.name}": field.split})
        return [
            self._dumped(column, canonical, source, names)
            for column, canonical in zip(field.columns, field.split_source, strict=True)
        ]

    def _dumped(self, column: Column, canonical: str, source: str, names: dict[str, Any]) -> str:
        wire = self._wires.get(column.kind, _PLAIN)
        names.update(wire.names)
        template = wire.encode.replace("{v}", canonical)
        if template == "{v}":
            return source
        if not column.nullable:
            return template.replace("{v}", f"({source})")
        return f"(None if (v := {source}) is None else {template.replace('{v}', 'v')})"

    def _copy_source(self) -> tuple[list[str], dict[str, Any]]:
        lines = ["def copy(record):", "    made = new(open_cls)"]
        lines += [f"    made.{name} = record.{name}" for name in self._schema.fields]
        return [*lines, "    return made"], {"new": object.__new__, "open_cls": self._schema.opened}

    def _load_source(self) -> tuple[list[str], dict[str, Any]]:
        names: dict[str, Any] = {"cls": self._schema.cls, "open_cls": self._schema.opened, "new": object.__new__}
        variables = [f"c{number}" for number in range(len(self.read))]
        caches: list[str] = []
        body: list[str] = []
        remaining = iter(variables)
        for field in self._schema.fields.values():
            body += self._loaded(field, [next(remaining) for _ in field.read_columns], names, caches)
        lines = ["def load(rows, turn=None):", "    made = []", "    append = made.append"]
        lines += [f"    {cache} = {{}}" for cache in caches]
        lines += [f"    for ({', '.join(variables)},) in rows:", "        record = new(open_cls)"]
        lines += [f"        {line}" for line in body]
        lines.append("        record.__turn__ = turn")
        # See Schema.opened.
        lines += ["        record.__class__ = cls", "        append(record)", "    return made"]
        return lines, names

    def _loaded(self, field: Field, variables: list[str], names: dict[str, Any], caches: list[str]) -> list[str]:
        wires = [self._wires.get(column.kind, _PLAIN) for column in field.read_columns]
        for wire in wires:
            names.update(wire.names)
        names.update({**field.names, f"join_{field.name}": field.join})
        raw = variables[0]
        value = field.join_source(
            *(wire.decode.replace("{v}", name) for wire, name in zip(wires, variables, strict=True))
        )
        if value == raw:
            return [f"record.{field.name} = {raw}"]
        nullable = field.columns[0].nullable
        # Many records link to few others, such as their owners.
        repeats = field.repeats if wires[0].repeats is None else wires[0].repeats
        if len(wires) > 1 or not repeats:
            guard = f"None if {raw} is None else " if nullable else ""
            return [f"record.{field.name} = {guard}{value}"]
        cache = f"seen_{field.name}"
        caches.append(cache)
        return [
            f"if (v := {cache}.get({raw})) is None{f' and {raw} is not None' if nullable else ''}:",
            f"    v = {cache}[{raw}] = {value}",
            f"record.{field.name} = v",
        ]

    def _function(self, template: str, wire: Wire) -> Callable[[Any], Any]:
        function: Callable[[Any], Any] = self._compile(
            ["def convert(v):", f"    return {template.replace('{v}', 'v')}"], dict(wire.names), "convert"
        )
        return function

    def _compile(self, lines: list[str], names: dict[str, Any], name: str) -> Any:
        code = compile("\n".join(lines), f"<crmkit codec of {self._schema.name}>", "exec")
        exec(code, names)  # noqa: S102 - built from declared names and the stores' own templates, never from data
        return names[name]


_PLAIN: Final = Wire()
_STAMPS: Final[Mapping[str, str]] = {
    "id": "id",
    "version": "1",
    "created_at": "now if record.created_at == NOT_YET else record.created_at",
    "updated_at": "now",
    "created_by": "actor",
    "updated_by": "actor",
    "deleted_at": "None",
}


@contextmanager
def pause_collector() -> Generator[None]:
    """Hold back the cyclic garbage collector while many records are made, and put it back as it was.

    Records hold no cycles, yet each of them counts towards a collection; building 50,000 takes three times as long
    with the collector running.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
