"""Claims: a record in a caller's hands names an id and a version; whatever else it says is a change, or is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from crmkit.errors import BadExpression, BadRecord, Problem
from crmkit.expr.core import Compare, Core, Missing
from crmkit.expr.node import Op
from crmkit.model.schema import schema_of
from crmkit.repository.added import check_extra

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.model.schema import Schema

__all__ = ["as_claimed", "differences", "refuse_managed", "refuse_unsaved", "same_id"]

_FIXED: Final = frozenset({"id", "created_at"})
_AS_READ: Final = "Start from the record that get() returns, and change other fields."


def as_claimed(record: Any, *, restoring: bool) -> tuple[Core, ...]:
    """Return the conditions that a row has this record's id and version, and can be restored if that is wanted."""
    same = (same_id(record.id), Compare("version", Op.EQ, record.version))
    return (*same, Missing("deleted_at", negated=True)) if restoring else same


def same_id(id: UUID) -> Compare:
    """Return the condition that a row has this id.

    Raises:
        BadExpression: it is not an id.
    """
    if not isinstance(id, UUID):
        raise BadExpression(f"an id is a UUID, not {type(id).__name__}.", hint="Write UUID(text).")
    return Compare("id", Op.EQ, id)


def differences(schema: Schema, claim: Any, stored: Any) -> dict[str, Any]:
    """Return the fields in which a caller's record differs from the stored one of the same version, and its values.

    Raises:
        BadRecord: such a field is set by crmkit only, or is an added field that is not declared.
    """
    own = schema_of(claim.__class__).fields  # one made where a package is not known says nothing of its fields
    found = {name: value for name in own if (value := getattr(claim, name)) != getattr(stored, name)}
    refuse_managed(schema, found, "is set by crmkit only, and is not what is stored.", _AS_READ)
    if "extra" in found:
        found["extra"] = check_extra(schema, found["extra"])
    return found


def refuse_managed(schema: Schema, names: Iterable[str], fact: str = "is set by crmkit only.", hint: str = "") -> None:
    """Refuse changes of fields that callers do not set.

    Raises:
        BadRecord: there are some; it lists them all.
    """
    problems: list[Problem] = []
    for name in names:
        field = schema.fields.get(name)
        if name in _FIXED or (field is not None and field.managed):
            problems.append(Problem("managed", fact, hint=hint, field=name))
        elif schema.staged and name in {"pipeline", "stage"}:
            way = "Call advance()." if name == "stage" else "Call transfer()."
            problems.append(Problem("managed", "changes by a move only.", hint=way, field=name))
    if problems:
        raise BadRecord(schema.name, problems)


def refuse_unsaved(schema: Schema, names: Iterable[str]) -> None:
    """Refuse a record that holds changes, where nothing is saved.

    Raises:
        BadRecord: it holds some; it lists them all.
    """
    hint = "Call update() first, and go on with the record that it returns."
    problems = [Problem("unsaved", "is not what is stored.", hint=hint, field=name) for name in names]
    if problems:
        raise BadRecord(schema.name, problems)
