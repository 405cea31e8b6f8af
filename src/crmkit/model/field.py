"""Fields: what a model's attribute accepts, and the columns that hold it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum, unique
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

import attrs

from crmkit.errors import BadDefinition, Problem, near
from crmkit.model.kind import Kind
from crmkit.values import (
    INT64_MAX,
    INT64_MIN,
    MONEY_SCALE,
    Money,
    clean_instant,
    clean_integer,
    clean_text,
    decimal_of,
    fold,
    scaled,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NO_EXTRA", "Column", "Extra", "Field", "FieldKind"]


class Extra(dict[str, Any]):
    """The values of added fields: a dict that cannot be changed, so that a record stays a value."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> Any:
        raise TypeError("extra cannot be changed in place; update the record with a new mapping.")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = _refuse
    # Overloaded in dict, which no single signature matches.
    setdefault: Any = _refuse
    update: Any = _refuse

    def __reduce__(self) -> tuple[type[Extra], tuple[dict[str, Any]]]:
        return Extra, (dict(self),)


NO_EXTRA: Final = Extra()
"""The value of an extra field that holds nothing."""

MAX_TAGS: Final = 100
MAX_TAG: Final = 100


@attrs.frozen
class Column:
    """One column of a table, or one key of a document: all that a store needs to know of a field.

    Attributes:
        name: the column's name.
        kind: what it holds.
        nullable: whether a value may be missing.
        max: the longest text, in code points; 0 for other kinds.
        scale: the decimal places of a `DECIMAL`; 0 for other kinds.
    """

    name: str
    kind: Kind
    nullable: bool = False
    max: int = 0
    scale: int = 0


@unique
class FieldKind(Enum):
    """What a field can be, as a user declares it."""

    TEXT = "text"
    CHOICE = "choice"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    FLAG = "flag"
    DAY = "day"
    INSTANT = "instant"
    KEY = "key"
    LINK = "link"
    ATTACHED = "attached"
    TAGS = "tags"
    EXTRA = "extra"
    DOCUMENT = "document"


@attrs.frozen
class Field:
    """What one attribute of a model accepts.

    Attributes:
        kind: what it is.
        name: the attribute's name; filled in when the model is declared.
        required: whether a value must be given and `None` is refused.
        max, min: bounds: of a text's length, or of a number.
        scale: the decimal places of a decimal.
        choices: the words a choice accepts.
        search: whether `contains` and `starts_with` may be asked of it; it costs a second, folded column.
        unique: whether two records of one tenant may not share a value.
        index: whether the stores keep an index on it.
        managed: whether only crmkit itself sets it.
        to, back: of a link: the target model, and the name of the relation that leads back from there. A field that is
            attached may lead to any model: to is then `"*"`, or `"staged"` for those with a pipeline.
        doc: one sentence for readers of the reference.
    """

    kind: FieldKind
    name: str = ""
    required: bool = True
    min: int | None = None
    max: int | None = None
    scale: int = 0
    choices: tuple[str, ...] = ()
    search: bool = False
    unique: bool = False
    index: bool = False
    managed: bool = False
    to: str = ""
    back: str = ""
    doc: str = ""

    # -- values --------------------------------------------------------------------------------------------------------

    def clean(self, value: object) -> object:
        """Return `value` as the model holds it.

        Raises:
            Problem: the field does not accept it. The problem carries the field's name.
        """
        if value is None and self.kind not in {FieldKind.TAGS, FieldKind.EXTRA}:
            if self.required:
                raise Problem("required", "is required.", field=self.name)
            return None
        try:
            return _CLEAN[self.kind](self, value)
        except Problem as problem:
            raise problem.at(self.name) from None

    def cleaner(self) -> Callable[[Any], object]:
        """Return what `clean` does to a value that is present, found once: its problems carry no name yet."""
        return partial(_CLEAN[self.kind], self)

    @classmethod
    def named(cls, declared: Any, name: str) -> Field:
        """Return the field that a declaration such as `integer(min=1)` stands for, under a name.

        Raises:
            BadDefinition: it is no declaration.
        """
        if "crmkit" not in getattr(declared, "metadata", {}):
            raise BadDefinition(
                f"the added field {name!r} is a {type(declared).__name__}.", hint="Write integer(default=None)."
            )
        field: Field = declared.metadata["crmkit"]
        return attrs.evolve(field, name=name)

    # -- columns -------------------------------------------------------------------------------------------------------

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that hold this field, in order."""
        nullable = not self.required
        kind = _COLUMN_KIND[self.kind]
        if self.kind == FieldKind.MONEY:
            return (
                Column(self.name, Kind.DECIMAL, nullable, scale=MONEY_SCALE),
                Column(self.currency_column, Kind.TEXT, nullable, max=3),
            )
        if kind is Kind.TEXT:
            longest = self.max or max(map(len, self.choices), default=0)
            own = Column(self.name, kind, nullable, max=longest)
            # Folding can lengthen: one code point becomes up to 18 (U+FDFA under NFKC), mostly far fewer.
            return (own, Column(self.folded_column, kind, nullable, max=longest * 18)) if self.search else (own,)
        if kind in {Kind.TAGS, Kind.EXTRA}:
            nullable = False
        return (Column(self.name, kind, nullable, scale=self.scale),)

    @property
    def currency_column(self) -> str:
        """The column beside a money field's amount."""
        return f"{self.name}_currency"

    @property
    def folded_column(self) -> str:
        """The column beside a searchable text in which case does not matter."""
        return f"{self.name}_folded"

    def to_columns(self, value: Any) -> tuple[object, ...]:
        """Return a clean value as the canonical values of `columns`."""
        if self.kind == FieldKind.MONEY:
            return (None, None) if value is None else (value.units, value.currency)
        if self.kind == FieldKind.DECIMAL and value is not None:
            return (scaled(value, self.scale),)
        if self.search:
            return (value, None if value is None else fold(value))
        return (value,)


# -- what each kind accepts --------------------------------------------------------------------------------------------


def _text(field: Field, value: object) -> str:
    return clean_text(value, at_most=field.max or 0, at_least=field.min or 0)


def _choice(field: Field, value: object) -> str:
    text = clean_text(value, at_most=200)
    if text not in field.choices:
        raise Problem("unknown_choice", f"{text!r} is not one of its choices.", hint=near(text, field.choices))
    return text


def _integer(field: Field, value: object) -> int:
    return clean_integer(
        value,
        at_least=INT64_MIN if field.min is None else field.min,
        at_most=INT64_MAX if field.max is None else field.max,
    )


def _decimal(field: Field, value: object) -> Decimal:
    if not isinstance(value, Decimal | int | float) or isinstance(value, bool):
        raise Problem("wrong_type", f"expects a Decimal, not {type(value).__name__}.", hint="Write Decimal(text).")
    units = scaled(value, field.scale)
    bound = 10**field.scale
    if field.min is not None and units < field.min * bound:
        raise Problem("too_small", f"must be {field.min} or more.")
    if field.max is not None and units > field.max * bound:
        raise Problem("too_large", f"must be {field.max} or less.")
    return decimal_of(units, field.scale)


def _money(field: Field, value: object) -> Money:
    if isinstance(value, Money):
        if field.min is not None and value.units < field.min * 10**MONEY_SCALE:
            raise Problem("too_small", f"must be {field.min} or more.")
        return value
    if isinstance(value, float):
        raise Problem(
            "float_number",
            "is a float, which cannot hold money exactly.",
            hint=f'Write Money("{value}", "EUR"), with the currency meant.',
        )
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        raise Problem(
            "currency_missing",
            "is an amount without a currency.",
            hint=f'Write Money("{value}", "EUR"), with the currency meant.',
        )
    raise Problem("wrong_type", f"expects Money, not {type(value).__name__}.")


def _flag(_field: Field, value: object) -> bool:
    if not isinstance(value, bool):
        raise Problem("wrong_type", f"expects True or False, not {type(value).__name__}.")
    return value


def _day(_field: Field, value: object) -> dt.date:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        hint = "Take its date() in the zone that is meant." if isinstance(value, dt.datetime) else ""
        raise Problem("wrong_type", f"expects a date, not {type(value).__name__}.", hint=hint)
    return dt.date(value.year, value.month, value.day)


def _instant(_field: Field, value: object) -> dt.datetime:
    return clean_instant(value)


def _key(_field: Field, value: object) -> UUID:
    if not isinstance(value, UUID):
        raise Problem("wrong_type", f"expects a UUID, not {type(value).__name__}.")
    return value


def _link(field: Field, value: object) -> UUID:
    if not isinstance(value, UUID):
        target = getattr(value, "id", None)
        hint = "Give the record's id." if isinstance(target, UUID) else ""
        raise Problem("wrong_type", f"expects the id of a {field.to}, not {type(value).__name__}.", hint=hint)
    if value.int == 0:
        raise Problem(
            "link_not_added",
            f"links to a {field.to} that was not added yet.",
            hint="Add that one first; it gets its id then.",
        )
    return value


def _tags(_field: Field, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise Problem("wrong_type", f"expects several texts, not {type(value).__name__}.", hint='Write ("vip",).')
    given = cast("Iterable[object]", value)
    tags = tuple(dict.fromkeys(clean_text(tag, at_most=MAX_TAG, at_least=1) for tag in given))
    if len(tags) > MAX_TAGS:
        raise Problem("too_many", f"has {len(tags)} tags, {MAX_TAGS} at most.")
    return tags


def _extra(_field: Field, value: object) -> Extra:
    if type(value) is Extra:
        return value
    if not isinstance(value, Mapping):
        raise Problem("wrong_type", f"expects a mapping, not {type(value).__name__}.")
    given = cast("Mapping[str, Any]", value)
    return Extra(given) if given else NO_EXTRA


def _document(field: Field, value: object) -> str:
    text = clean_text(value, at_most=field.max or 0)
    try:
        json.loads(text)
    except ValueError:
        raise Problem("not_json", "is not a JSON document.") from None
    return text


_CLEAN: Final[Mapping[FieldKind, Callable[[Field, object], object]]] = {
    FieldKind.TEXT: _text,
    FieldKind.CHOICE: _choice,
    FieldKind.INTEGER: _integer,
    FieldKind.DECIMAL: _decimal,
    FieldKind.MONEY: _money,
    FieldKind.FLAG: _flag,
    FieldKind.DAY: _day,
    FieldKind.INSTANT: _instant,
    FieldKind.KEY: _key,
    FieldKind.LINK: _link,
    FieldKind.ATTACHED: _link,
    FieldKind.TAGS: _tags,
    FieldKind.EXTRA: _extra,
    FieldKind.DOCUMENT: _document,
}

_COLUMN_KIND: Final[Mapping[FieldKind, Kind]] = {
    FieldKind.TEXT: Kind.TEXT,
    FieldKind.CHOICE: Kind.TEXT,
    FieldKind.INTEGER: Kind.INT,
    FieldKind.DECIMAL: Kind.DECIMAL,
    FieldKind.MONEY: Kind.DECIMAL,
    FieldKind.FLAG: Kind.BOOL,
    FieldKind.DAY: Kind.DATE,
    FieldKind.INSTANT: Kind.INSTANT,
    FieldKind.KEY: Kind.UUID,
    FieldKind.LINK: Kind.UUID,
    FieldKind.ATTACHED: Kind.UUID,
    FieldKind.TAGS: Kind.TAGS,
    FieldKind.EXTRA: Kind.EXTRA,
    FieldKind.DOCUMENT: Kind.JSON,
}
