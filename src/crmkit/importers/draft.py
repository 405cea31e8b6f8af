"""Drafts: what rows are to make of their records, before anything of it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.importers.import_report import Effect
    from crmkit.importers.section import Parsed

__all__ = ["Draft"]


@attrs.define(eq=False)
class Draft:
    """What one row is to make of its record.

    Attributes:
        parsed: the row.
        effect: what becomes of it.
        stored: the external id that names the record; `None` if the row is new.
        digest: the digest to be stored; blank if it is there.
        before: the record as it is; `None` if it is new or stays.
        after: the record as it will be; `None` if it stays.
        changes: what changes in a record that is there.
        moves: the moves that it makes.
    """

    parsed: Parsed
    effect: Effect = "reject"
    stored: Any = None
    digest: str = ""
    before: Any = None
    after: Any = None
    changes: dict[str, Any] = attrs.field(factory=dict[str, Any])
    moves: list[Any] = attrs.field(factory=list[Any])

    @property
    def id(self) -> UUID:
        """The record."""
        id: UUID = self.after.id
        return id

    @property
    def stands(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.parsed.problems
