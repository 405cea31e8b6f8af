"""Added fields: the values inside `extra`, checked against what the product declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import BadRecord, Problem, near
from crmkit.expr.literal import extra_scalar
from crmkit.model.field import NO_EXTRA, Extra

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.schema import Schema

__all__ = ["check_extra"]


def check_extra(schema: Schema, extra: Mapping[str, Any]) -> Extra:
    """Return the values of added fields as they are stored: booleans, whole numbers and text.

    Decimals, dates, instants and ids become the text that stands for them.

    Raises:
        BadRecord: a field is not declared, or does not accept its value.
    """
    problems: list[Problem] = []
    scalars: dict[str, Any] = {}
    for name, value in extra.items():
        field = schema.extra.get(name)
        place = f"extra.{name}"
        if field is None:
            hint = near(name, schema.extra) or "Declare it in connect(..., extra={...})."
            problems.append(Problem("unknown_field", "is not declared.", hint=hint, field=place))
            continue
        try:
            clean = value if value is None else field.clean(_restored(field, value))
            if clean is not None:
                scalars[name] = extra_scalar(field, clean)
        except Problem as problem:
            problems.append(problem.at(place))
    problems += [
        Problem("required", "is required.", field=f"extra.{name}")
        for name, field in schema.extra.items()
        if field.required and name not in scalars and name not in extra
    ]
    if problems:
        raise BadRecord(schema.name, problems)
    return Extra(scalars) if scalars else NO_EXTRA
