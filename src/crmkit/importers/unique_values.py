"""Unique values: rows whose values another record has, found before the store would refuse their whole batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from crmkit.errors import Duplicate, Problem
from crmkit.expr.core import In

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.importers.companion import Companions
    from crmkit.importers.draft import Draft
    from crmkit.importers.run import Run
    from crmkit.importers.section import Parsed, Section

__all__ = ["Holders", "UniqueValues", "refuse_taken"]

_Values: TypeAlias = tuple[Any, ...]
Holders: TypeAlias = "dict[_Values, UUID | None]"
"""Which record has which values; none has those that a record of this import gave up."""


class UniqueValues:
    """The values of one file that no two records may share.

    Args:
        run: the import.
        section: the file.
        companions: the rows of other files that add columns to its records.
    """

    def __init__(self, run: Run, section: Section, companions: Companions) -> None:
        self._run = run
        self._section = section
        self._companions = companions
        self._door = run.doors.of(section.schema)
        given = companions.fields.union(section.rule.fields)
        groups = [group for group in section.schema.unique_columns() if not given.isdisjoint(group)]
        held = run.holders[section.schema.name]
        self._holders = {group: held.setdefault(group, {}) for group in groups}

    async def refuse(self, batch: Sequence[Parsed], stored: Mapping[str, Any], live: Mapping[UUID, Any]) -> None:
        """Refuse the rows whose values another record has, or a row before them.

        Args:
            batch: the rows.
            stored: the external ids that there are, by key.
            live: the records of these, as far as they are there.
        """
        for group, holders in self._holders.items():
            rows: list[tuple[Parsed, UUID | None, _Values]] = []
            for parsed in batch:
                known = stored.get(parsed.key)
                own = parsed.id if known is None else known.record_id
                record = self._section.defaults if known is None else live.get(known.record_id)
                values = tuple(self._value(parsed, name, record) for name in group)
                if not parsed.problems and None not in values:
                    rows.append((parsed, own, values))
            holders.update(await self._held(group, [values for _, _, values in rows if values not in holders]))
            for parsed, own, values in rows:
                holder = holders.get(values)
                if holder is None:
                    parsed.id = holders[values] = own or self._run.doors.ids()
                elif holder != own:
                    refuse_taken(parsed, self._section, group, values[0])

    def give_up(self, draft: Draft) -> None:
        """Let others have what a changed record no longer has."""
        for group, holders in self._holders.items():
            before, after = (tuple(getattr(each, name) for name in group) for each in (draft.before, draft.after))
            if before != after:
                holders[before] = None

    def _value(self, parsed: Parsed, name: str, record: Any) -> Any:
        """Return the value that a field will have, also of a link that is still to be resolved; `None` if none yet."""
        for row in self._companions.joined(parsed.key):
            if name in row.values:
                return row.values[name]
        link = parsed.links.get(name)
        if link is None:
            return parsed.values[name] if name in parsed.values else getattr(record, name, None)
        found = self._run.crosswalk.find(link.entity, link.by, link.text)
        return found[0] if len(found) == 1 else None

    async def _held(self, group: tuple[str, ...], wanted: Sequence[_Values]) -> dict[_Values, UUID]:
        if not wanted:
            return {}
        first = tuple(dict.fromkeys(values[0] for values in wanted))
        rows = await self._door.columns((In(group[0], first),), (*group, "id"), action=None, deleted=True)
        return {values[:-1]: values[-1] for values in rows}


def refuse_taken(parsed: Parsed, section: Section, fields: Sequence[str], value: object) -> None:
    """Refuse a row because of what another record has: the values of these fields, or the key of the row."""
    taken = Duplicate(section.schema.name, fields)
    link = parsed.links.get(fields[0])
    column = section.column(fields[0]) if fields[0] in section.schema.fields else section.key_column
    text = str(value) if link is None else link.text
    parsed.refuse(column, Problem(taken.code, taken.message, hint=taken.hint), text)
