"""Crosswalk: which record a text of a file means, in this run and in the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from crmkit.errors import Problem
from crmkit.expr.core import Compare, In
from crmkit.expr.node import Op
from crmkit.values import fold, key_of

if TYPE_CHECKING:
    from crmkit.importers.prospect import Prospects
    from crmkit.model.schema import Schema
    from crmkit.repository import Doors

__all__ = ["Crosswalk"]

_SEVERAL: Final = 2
"""So many records are enough to know that a text is ambiguous."""


class Crosswalk:
    """What texts name which records: external ids and natural keys, met in this run or found in the database.

    Held in memory are keys and ids only. An external id matches exactly or, if that finds nothing, without regard to
    case; a natural key matches without regard to case.

    Args:
        doors: the doors through which the database is asked.
        prospects: the records as the import will leave them.
        source: the system whose external ids count.
        linked: the models that some file links to; of others, nothing has to be held.
    """

    def __init__(self, doors: Doors, prospects: Prospects, source: str, linked: frozenset[str]) -> None:
        self._doors = doors
        self._prospects = prospects
        self._source = source
        self._linked = linked
        self._external: dict[str, dict[str, UUID]] = {}
        self._natural: dict[tuple[str, str], dict[str, tuple[UUID, ...]]] = {}
        self._met: dict[str, set[UUID]] = {}
        self._found: dict[tuple[str, str], dict[str, tuple[UUID, ...]]] = {}
        self._refused: dict[tuple[str, str], int] = {}

    # -- learning ------------------------------------------------------------------------------------------------------

    def learn(self, entity: str, external: str, id: UUID, natural: Iterable[tuple[str, str]]) -> None:
        """Take note of an accepted row: its key, its record, and its texts by natural key."""
        if entity not in self._linked:
            return
        self._met.setdefault(entity, set()).add(id)
        if external:
            self._external.setdefault(entity, {})[external] = id
            if key_of(external) != external:
                self._name(entity, "", external, id)
        for by, text in natural:
            self._name(entity, by, text, id)

    def forget(self, entity: str, external: str, id: UUID, natural: Iterable[tuple[str, str]]) -> None:
        """Take back that a row was accepted."""
        self._external.get(entity, {}).pop(external, None)
        for by, text in (("", external), *natural):
            index, key = self._natural.get((entity, by), {}), key_of(text)
            index[key] = tuple(each for each in index.get(key, ()) if each != id)

    def refuse(self, entity: str, external: str, record: int) -> None:
        """Take note of a rejected row, so that those which hang on it can say why they are rejected too."""
        if external:
            self._refused.setdefault((entity, external), record)

    def why_unknown(self, entity: str, text: str) -> str:
        """Return what is to be said of a key that names no record."""
        record = self._refused.get((entity, text))
        return (
            f"the {entity} of that key was rejected: record {record} of its file."
            if record
            else f"no {entity} has that key."
        )

    # -- asking --------------------------------------------------------------------------------------------------------

    async def prepare(self, schema: Schema, by: str, texts: Iterable[str]) -> None:
        """Ask the database for these texts, as far as it was not asked before, in few queries."""
        cache = self._found.setdefault((schema.name, by), {})
        known = self._external.get(schema.name, {})
        wanted = [text for text in dict.fromkeys(texts) if (text if not by else key_of(text)) not in cache]
        if not by:
            wanted = [text for text in wanted if text not in known]
        if not wanted:
            return
        if by:
            await self._ask_natural(schema, by, wanted, cache)
        else:
            await self._ask_external(schema, wanted, cache)

    def find(self, entity: str, by: str, text: str) -> tuple[UUID, ...]:
        """Return the records that a text means, two if there are more; `prepare` was called for it."""
        if by:
            key = key_of(text)
            own = self._natural.get((entity, by), {}).get(key, ())
            met = self._met.get(entity, set())
            others = (id for id in self._found.get((entity, by), {}).get(key, ()) if id not in met)
            return (*own, *islice(others, _SEVERAL - len(own)))
        known = self._external.get(entity, {})
        if text in known:
            return (known[text],)
        stored = self._found.get((entity, ""), {}).get(text, ())
        return stored or self._folded(entity, text)

    def resolve(self, entity: str, by: str, text: str) -> UUID:
        """Return the one record that a text means.

        Raises:
            Problem: it means none, or several.
        """
        found = self.find(entity, by, text)
        if len(found) == 1:
            return found[0]
        raise self.problem(entity, by, text, len(found))

    def problem(self, entity: str, by: str, text: str, found: int) -> Problem:
        """Return the problem of a link that fits no record, or several."""
        if found:
            return Problem(
                "ambiguous_link", f"fits more than one record of {entity}.", hint="Link by the old key instead."
            )
        reason = f"no {entity} has that {by}." if by else self.why_unknown(entity, text)
        return Problem("unknown_link", f"leads nowhere: {reason}")

    # -- within --------------------------------------------------------------------------------------------------------

    def _name(self, entity: str, by: str, text: str, id: UUID) -> None:
        index = self._natural.setdefault((entity, by), {})
        key = key_of(text)
        held = index.get(key, ())
        if len(held) < _SEVERAL and id not in held:
            index[key] = (*held, id)

    def _folded(self, entity: str, text: str) -> tuple[UUID, ...]:
        key = key_of(text)
        exact = self._external.get(entity, {}).get(key)
        others = self._natural.get((entity, ""), {}).get(key, ())
        return others if exact is None else (*others, exact)

    async def _ask_natural(
        self, schema: Schema, by: str, texts: Sequence[str], cache: dict[str, tuple[UUID, ...]]
    ) -> None:
        field = schema.fields[by]
        column, values = (
            (field.search_column, [fold(text) for text in texts]) if field.search_column else (by, list(texts))
        )
        rows = await self._rows(schema, column, values, ("id", by))
        seen = await self._prospects.visible_ids(schema, {id for id, _ in rows})
        found: dict[str, list[UUID]] = {key_of(text): [] for text in texts}
        for id, value in rows:
            if id in seen:
                found.setdefault(key_of(value), []).append(id)
        cache |= {key: tuple(dict.fromkeys(ids)) for key, ids in found.items()}

    async def _ask_external(self, schema: Schema, texts: Sequence[str], cache: dict[str, tuple[UUID, ...]]) -> None:
        crosswalk = self._doors.catalog["external_id"]
        more = (Compare("source", Op.EQ, self._source), Compare("entity", Op.EQ, schema.name))
        rows = await self._rows(crosswalk, "external_id", texts, ("external_id", "record_id"), more)
        live = await self._prospects.visible_ids(schema, [id for _, id in rows])
        named = {text: id for text, id in rows if id in live}
        cache |= {text: (named[text],) if text in named else () for text in texts}

    async def _rows(
        self, schema: Schema, column: str, values: Sequence[Any], columns: tuple[str, ...], more: tuple[Any, ...] = ()
    ) -> list[tuple[Any, ...]]:
        # Whether the actor will see them is for the prospects to say.
        return await self._doors.of(schema).columns((*more, In(column, tuple(values))), columns, action=None)
