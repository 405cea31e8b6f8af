"""How values are spelled in documents: chosen so that the driver's C code does most of the work.

```text
UUID      binary of subtype 4, taken and given as bytes: the driver's own conversion to `uuid.UUID` takes twice as long
INSTANT   a BSON date, handed over without a zone: attaching one by arithmetic takes a tenth of the driver's time
DATE      ISO 8601 text, which sorts as the dates do
DECIMAL   the integer of its smallest unit; `Decimal128` is Python code on both ways and three times as slow
INT       an integer; past 32 bits the driver gives its own subclass of int, which a plus makes plain
EXTRA     a list of {"k": name, "v": value}, so that a name may hold dots, dollars or nothing at all
```
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from bson.binary import UUID_SUBTYPE, Binary, UuidRepresentation
from bson.codec_options import CodecOptions
from bson.int64 import Int64

from crmkit.model.codec import Wire
from crmkit.model.field import NO_EXTRA, Extra
from crmkit.model.kind import Kind
from crmkit.storage.spi.wire import converters
from crmkit.values import UTC
from crmkit.values.identifier import uuid_of_int

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.codec import Wires

__all__ = ["DOCUMENTS", "LEAST", "WIRES", "decoded", "encoded"]

DOCUMENTS: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    document_class=dict, tz_aware=False, uuid_representation=UuidRepresentation.UNSPECIFIED
)
"""What the driver does with documents, regardless of the settings of a host's client."""

NAIVE: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the driver's own spelling of UTC
AWARE: Final = dt.datetime(1970, 1, 1, tzinfo=UTC)


def _pairs(extra: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"k": name, "v": value} for name, value in extra.items()]


def _extra(pairs: list[dict[str, Any]]) -> Extra:
    return Extra({pair["k"]: _plain(pair["v"]) for pair in pairs}) if pairs else NO_EXTRA


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, Int64) else value


_BY_C: Final = ("__new__", "__getnewargs__", "__eq__", "__repr__")
_UUID_BYTES: Final[Any] = type(
    "UuidBytes", (Binary,), {"subtype": UUID_SUBTYPE, **{name: getattr(bytes, name) for name in _BY_C}}
)
"""A `Binary` of the one subtype that ids have. As its class knows the subtype, C code makes one, in half the time."""

_INTEGER: Final = Wire("{v}", "+{v}")

WIRES: Final[Wires] = {
    Kind.INT: _INTEGER,
    Kind.DECIMAL: _INTEGER,
    Kind.UUID: Wire(
        "uuid_bytes({v}.bytes)",
        "uuid_of_int(int_of_bytes({v}))",
        {"uuid_bytes": _UUID_BYTES, "uuid_of_int": uuid_of_int, "int_of_bytes": int.from_bytes},
        repeats=False,  # looking up a `Binary` takes twice as long as making the UUID
    ),
    Kind.INSTANT: Wire("({v} - AWARE + NAIVE)", "({v} - NAIVE + AWARE)", {"NAIVE": NAIVE, "AWARE": AWARE}),
    Kind.DATE: Wire("{v}.isoformat()", "date_of_text({v})", {"date_of_text": dt.date.fromisoformat}),
    Kind.TAGS: Wire("{v}", "tuple({v})"),
    Kind.EXTRA: Wire("pairs_of({v})", "extra_of({v})", {"pairs_of": _pairs, "extra_of": _extra}),
}


_ENCODE, _DECODE = converters(WIRES)

_NUMBER: Final = float("-inf")
LEAST: Final[Mapping[Kind, Any]] = {
    Kind.BOOL: False,
    Kind.INT: _NUMBER,
    Kind.DECIMAL: _NUMBER,
    Kind.TEXT: "",
    Kind.DATE: "",
    Kind.INSTANT: dt.datetime(1, 1, 1),  # noqa: DTZ001 - the driver's own spelling of UTC
    Kind.UUID: b"",
    Kind.JSON: "",
}
"""A value of each kind below which there is none: "at least this" means "present"."""


def encoded(kind: Kind, value: Any) -> Any:
    """Return a canonical value as a document holds it."""
    encode = _ENCODE.get(kind)
    return value if encode is None else encode(value)


def decoded(kind: Kind, value: Any) -> Any:
    """Return a document's value in canonical form."""
    decode = _DECODE.get(kind)
    return value if decode is None or value is None else decode(value)
