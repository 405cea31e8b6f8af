"""The text form of expressions, for people: Python, as it would be typed with crmkit's names."""

from __future__ import annotations

import datetime as dt
import keyword
from decimal import Decimal
from typing import Any, Final, assert_never
from uuid import UUID

from crmkit.expr.build import Name
from crmkit.expr.limits import is_short
from crmkit.expr.node import Always, And, Expr, Me, Moment, Node, Not, Or, Quantifier, Reaches, Ref, closed
from crmkit.expr.table import ROW_OF, Part
from crmkit.form.document import is_list
from crmkit.values import UTC, Money

__all__ = ["is_plain", "show", "show_field", "show_value"]

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HOUR: Final = dt.timedelta(hours=1)
_DAY: Final = dt.timedelta(days=1)


def show(expr: Expr) -> str:
    """Return an expression as a person writes it.

    The text is Python: evaluated with crmkit's names (and `date`, `datetime`, `Decimal`, `UTC` and `UUID`) it makes an
    equal expression, and `crmkit.expr.form.parse.parse` reads it without evaluating anything.

    >>> from crmkit.expr.build import f
    >>> show((f.amount > 10) & ~f.owner_id.missing() & (f.stage.one_of("won", "lost") | (f["count"] == 3)))
    '(f.amount > 10) & ~f.owner_id.missing() & (f.stage.one_of("won", "lost") | (f["count"] == 3))'
    """
    node = closed(expr)
    row = ROW_OF[type(node)]
    match node:
        case Always():
            return "everything" if node.value else "nothing"
        case And() | Or():
            if not node.items:
                return "everything" if isinstance(node, And) else "nothing"
            return row.text.join(map(_operand if len(node.items) > 1 else show, node.items))
        case Not():
            return row.text.format(item=_operand(node.item))
        case Reaches(quantifier=Quantifier.ALL, where=Always(value=True)):
            # all() takes no default: of nothing in particular it says nothing.
            return f"{show_field(node.ref)}.all(everything)"
        case _:
            return row.text.format_map({part.attribute: _part(part, node) for part in row.parts})


def _part(part: Part, node: Node) -> str:
    held = getattr(node, part.attribute)
    match part.sort:
        case "ref":
            return show_field(held)
        case "value" | "number" | "flag":
            return show_value(held)
        case "values":
            return _arguments(held)
        case "node":
            return "" if held == Always(value=True) else show(held)
        case "nodes":
            return ", ".join(map(show, held))
        case "op" | "quantifier":
            return str(held.value)
        case _:
            assert_never(part.sort)


def _operand(node: Node) -> str:
    return show(node) if ROW_OF[type(node)].is_call else f"({show(node)})"


def _arguments(values: tuple[Any, ...] | Me) -> str:
    if isinstance(values, Me):
        return show_value(values)
    # one_of(me.id) and one_of(("a", "b")) mean something else than one value of that kind.
    if len(values) == 1 and (is_list(values[0]) or isinstance(values[0], Me)):
        return f"[{show_value(values[0])}]"
    return ", ".join(map(show_value, values))


# -- fields and values -------------------------------------------------------------------------------------------------


def is_plain(name: str) -> bool:
    """Return whether a field of this name can be reached as `f.name`, or only as `f["name"]`."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and not (
        name.startswith("__") or hasattr(Name, name)
    )  # fmt: skip


def show_field(ref: Ref) -> str:
    """Return a field as a person writes it.

    >>> show_field(Ref(("customer", "count")))
    'f.customer["count"]'
    """
    return "f" + "".join(f".{name}" if is_plain(name) else f"[{_text(name)}]" for name in ref.path)


def show_value(value: object) -> str:
    r"""Return a value as a person writes it; one that is not part of the language, as Python's `repr` does.

    >>> show_value("Zoë said \"no\""), show_value(Decimal("1.50"))
    ('"Zoë said \\"no\\""', 'Decimal("1.50")')
    """
    if is_list(value):
        return f"({', '.join(map(show_value, value))}{',' if len(value) == 1 else ''})"
    match value:
        case str():
            return _text(value)
        case int() if not is_short(value):
            return hex(value)  # Python refuses to spell it in decimal digits, as that takes too long
        case Decimal():
            return f'Decimal("{value}")'
        case UUID():
            return f'UUID("{value}")'
        case dt.datetime():
            return _instant(value)
        case dt.date():
            return f"date({value.year}, {value.month}, {value.day})"
        case Me():
            return f"me.{value.name}"
        case Moment():
            return _moment(value)
        case Money():
            return f'Money("{value.amount}", "{value.currency}")'
        case _:
            return repr(value)


def _text(text: str) -> str:
    # What does not print is escaped: marks that turn the direction of writing must not disguise a condition.
    return (
        '"'
        + "".join(_ESCAPES.get(ch) or (ch if ch.isprintable() else ch.encode("unicode_escape").decode()) for ch in text)
        + '"'
    )


def _instant(value: dt.datetime) -> str:
    if value.tzinfo is None:
        return f"datetime({_parts(value)})"
    try:
        return f"datetime({_parts(value.astimezone(UTC))}, tzinfo=UTC)"
    except OverflowError:
        return repr(value)


def _parts(value: dt.datetime) -> str:
    parts = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
    while len(parts) > 3 and not parts[-1]:  # noqa: PLR2004 - year, month and day always stand
        del parts[-1]
    return ", ".join(map(str, parts))


def _moment(value: Moment) -> str:
    offset = value.offset
    if value.of_day:
        return f"today({offset.days or ''})"
    if not offset:
        return "now()"
    return f"ago({_span(-offset)})" if offset < dt.timedelta() else f"ahead({_span(offset)})"


def _span(span: dt.timedelta) -> str:
    if not span % _DAY:
        return f"days({span.days})"
    if not span % _HOUR:
        return f"hours({span // _HOUR})"
    parts = {"days": span.days, "seconds": span.seconds, "microseconds": span.microseconds}
    return f"timedelta({', '.join(f'{name}={number}' for name, number in parts.items() if number)})"
