"""Changes: what happened to records of one model in one write, as the journal's observers learn of it."""

from __future__ import annotations

from enum import Enum, unique
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from crmkit.model.schema import Schema

__all__ = ["Change", "ChangeKind"]

T = TypeVar("T")


@unique
class ChangeKind(Enum):
    """What happened to records; outbox topics end with these words."""

    __hash__ = object.__hash__  # looked up at each write; Enum's own hash is a function in Python

    ADDED = "added"
    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"
    MOVED = "moved"
    IMPORTED = "imported"


@attrs.frozen(kw_only=True, slots=False)  # made at each write, and several times faster without slots
class Change(Generic[T]):
    """What one write did to records of one model.

    Attributes:
        kind: what happened.
        schema: the model.
        at: when it was written.
        actor: the key of the actor.
        ids: the records' ids; a change of rows that were there before has one.
        before: the record as it was stored; nothing for new records.
        fields: the names of the fields that were set, in order; nothing for new records.
        moves: the rows of stage history that go with it, with from, to, time and note.
        build: makes what `after` gives.
    """

    kind: ChangeKind
    schema: Schema
    at: dt.datetime
    actor: str
    ids: Sequence[UUID]
    before: tuple[T, ...] = ()
    fields: tuple[str, ...] = ()
    moves: Sequence[Any] = ()
    build: Callable[[], Sequence[T]]

    @cached_property
    def after(self) -> Sequence[T]:
        """The records as they now stand; built when first asked for, as a bulk write may have no observer for them."""
        return self.build()
