"""Added fields: the values inside `extra`, checked against what the product declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import BadRecord, Problem, near
from crmkit.model.field import NO_EXTRA, Extra

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.schema import Schema

__all__ = ["check_extra"]


def check_extra(schema: Schema, extra: Mapping[str, Any]) -> Extra:
    """Return the values of added fields as the declared fields accept them; missing ones are left out.

    Raises:
        BadRecord: a field is not declared, is required and missing, or does not accept its value.
    """
    problems: list[Problem] = []
    clean: dict[str, Any] = {}
    for name in extra:
        if name not in schema.extra:
            hint = near(name, schema.extra) or "Declare it in connect(..., extra={...})."
            problems.append(Problem("unknown_field", "is not declared.", hint=hint, field=f"extra.{name}"))
    for name, field in schema.extra.items():
        try:
            value = field.clean(extra.get(name))
        except Problem as problem:
            problems.append(problem.at(f"extra.{name}"))
        else:
            if value is not None:
                clean[name] = value
    if problems:
        raise BadRecord(schema.name, problems)
    return Extra(clean) if clean else NO_EXTRA
