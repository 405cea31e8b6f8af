"""Advancing: the operation by which a record enters a stage, from wherever it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

import attrs

from crmkit.errors import MoveRefused
from crmkit.model.schema import schema_of
from crmkit.operation.operation import Operation, State
from crmkit.repository.claim import refuse_managed

if TYPE_CHECKING:
    import datetime as dt

    from crmkit.lifecycle import Step

__all__ = ["Move", "MoveKind", "advance"]

MoveKind: TypeAlias = Literal["enter", "advance", "transfer", "told"]


@attrs.frozen(kw_only=True)
class Move(State):
    """A record on its way to a stage.

    Attributes:
        kind: `"enter"` for a new record, `"advance"` for a move, `"transfer"` for one into another pipeline or a new
            definition of its own, and `"told"` for one that was made elsewhere and is told by an import or as history.
        stored: the record as it is stored; `None` while it is new.
        record: the record as it will be; once the step "write" is done, as it is.
        target: the stage.
        pipeline: the pipeline that it enters, if it does; blank for the first one of its model.
        at: when it moved, if that was not now.
        note: why, for the history.
        changes: the fields that are set with it.
        step: what its history will say, as soon as that is known.
    """

    kind: MoveKind
    stored: Any
    record: Any
    target: str
    pipeline: str = ""
    at: dt.datetime | None = None
    note: str | None = None
    changes: dict[str, Any] = attrs.field(factory=dict[str, Any])
    step: Step | None = None

    @property
    def subject(self) -> Any:
        """The record."""
        return self.record

    def having(self, **changes: Any) -> Self:
        """Return the same move with further fields to set; a handler returns it to change the record as it moves.

        Raises:
            BadRecord: a value is refused, or a field is set by crmkit only; or the record is written already.
        """
        schema = schema_of(self.record.__class__)
        refuse_managed(schema, changes)
        clean = schema.clean(changes)
        return attrs.evolve(self, record=attrs.evolve(self.record, **clean), changes={**self.changes, **clean})

    def error(self) -> MoveRefused:
        """Return the error that lists its refusals."""
        stage = self.stored.stage if self.stored is not None and self.kind != "enter" else ""
        hint = " ".join(filter(None, (each.hint for each in self.refusals)))
        return MoveRefused(stage, self.target, [each.message for each in self.refusals], hint=hint)


advance: Final = Operation("advance", Move, decides=("check",), writes=("write",), fixed=("write",))
"""How a record enters a stage: it is checked, then written together with the row of its history.

Whichever way it comes, by `add`, `add_many`, `advance`, `transfer` or an import, the same steps are done."""
