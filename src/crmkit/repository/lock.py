"""Locks: the fields that no write changes while a record is in a stage of its pipeline.

What is locked both where a record is and where a write leaves it stays as it is. So a move to a stage that does not
lock a field may change it: whoever may make that move could change the field right after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from crmkit.errors import BadRecord, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from crmkit.model.schema import Schema
    from crmkit.repository.door import Door

__all__ = ["Locked", "breaches", "check_locks"]

_PLACE: Final = ("pipeline", "pipeline_version", "stage")


class Locked(Protocol):
    """Gives what a stage locks."""

    async def __call__(self, schema: Schema, pipeline: str, number: int, stage: str, /) -> Collection[str]:
        """Return the fields that are locked in a stage of a definition."""
        ...


async def breaches(schema: Schema, record: Any, clean: Mapping[str, Any], locked: Locked) -> list[Problem]:
    """Return what is wrong with changes of a stored record, as its stage locks some of the fields."""
    pipeline, number, stage = (getattr(record, name) for name in _PLACE)
    fields = [
        name
        for name in await locked(schema, pipeline, number, stage)
        if name in clean and clean[name] != getattr(record, name)
    ]
    if fields and any(name in clean for name in _PLACE):
        after = await locked(
            schema, clean.get("pipeline", pipeline), clean.get("pipeline_version", number), clean.get("stage", stage)
        )
        fields = [name for name in fields if name in after]
    message = f"is locked while the {schema.name} is in {stage!r}."
    hint = "Change it with a move to a stage that does not lock it, or after such a move."
    return [Problem("locked", message, hint=hint, field=name) for name in fields]


async def check_locks(door: Door[Any], record: Any, clean: Mapping[str, Any], locked: Locked) -> None:
    """Refuse changes of fields that are locked.

    Raises:
        BadRecord: there are some; it lists them all.
        Stale: somebody else changed the record, which may be elsewhere now.
        NotFound: the record is gone.
    """
    problems = await breaches(door.schema, record, clean, locked)
    if problems:
        await door.claimed(record, {})
        raise BadRecord(door.schema.name, problems)
