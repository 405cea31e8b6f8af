"""Literals: what an expression compares a field with, in canonical form."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs

from crmkit.errors import Problem, near
from crmkit.model.field import FieldKind
from crmkit.values import Money, clean_instant, clean_integer, clean_text, fold, scaled

if TYPE_CHECKING:
    from crmkit.model.field import Field

__all__ = ["canonical", "folded", "money_value", "tag_of"]

MAX_LITERAL: Final = 100_000
"""The longest text that an expression may hold, in code points."""


def canonical(field: Field, value: Any) -> Any:
    """Return a literal as the column of `field` holds such values; bounds of the field are no matter.

    Raises:
        Problem: the field can hold no such value.
    """
    match field.kind:
        case FieldKind.TEXT:
            return clean_text(value, at_most=MAX_LITERAL)
        case FieldKind.CHOICE:
            text = clean_text(value, at_most=MAX_LITERAL)
            if text not in field.choices:
                raise Problem("unknown_choice", f"{text!r} is not one of its choices.", hint=near(text, field.choices))
            return text
        case FieldKind.INTEGER:
            return clean_integer(value)
        case FieldKind.DECIMAL:
            if isinstance(value, str):
                raise Problem("wrong_type", "expects a Decimal, not text.", hint="Write Decimal(text).")
            return scaled(value, field.scale)
        case FieldKind.FLAG:
            return _typed(value, bool, "True or False", "")
        case FieldKind.DAY:
            if isinstance(value, dt.datetime):
                raise Problem(
                    "wrong_type", "expects a date, not a datetime.", hint="Take its date() in the zone meant."
                )
            return _typed(value, dt.date, "a date", "Write date.fromisoformat(text).")
        case FieldKind.INSTANT:
            return clean_instant(value)
        case FieldKind.KEY | FieldKind.LINK | FieldKind.ATTACHED:
            hint = "Give the record's id." if isinstance(getattr(value, "id", None), UUID) else "Write UUID(text)."
            return _typed(value, UUID, "an id", hint)
        case _:
            hint = "Ask .has(...)." if field.kind is FieldKind.TAGS else ""
            raise Problem("not_compared", f"is not compared: it holds {field.kind.value}.", hint=hint)


def _typed(value: Any, wanted: type[Any], words: str, hint: str) -> Any:
    if not isinstance(value, wanted):
        raise Problem("wrong_type", f"expects {words}, not {type(value).__name__}.", hint=hint)
    return value


def money_value(field: Field, value: Any, *, part: bool = False) -> Any:
    """Return a literal for an amount, or for its currency if `part`.

    Raises:
        Problem: it is no money, or no known currency.
    """
    if part:
        return Money(0, value).currency
    if not isinstance(value, Money):
        # The field's own check words the refusal: floats, bare numbers, other types.
        attrs.evolve(field, min=None).clean(value)
    return value


def folded(field: Field, value: Any) -> tuple[str, str]:
    """Return the column of `field` in which case does not matter, and `value` in that form.

    Raises:
        Problem: there is no such column, or the value is no text.
    """
    if not field.search:
        raise Problem(
            "not_searchable", "is not searchable.", hint="Declare it with text(search=True), or compare it with ==."
        )
    return field.folded_column, fold(clean_text(value, at_most=MAX_LITERAL))


def tag_of(field: Field, value: Any) -> tuple[str, str]:
    """Return the column of tags of `field`, and `value` as a tag.

    Raises:
        Problem: the field holds no tags, or the value is no text.
    """
    if field.kind is not FieldKind.TAGS:
        raise Problem("not_tags", "holds no tags.", hint="Compare it with ==, or ask .contains(...).")
    return field.name, clean_text(value, at_most=MAX_LITERAL)
