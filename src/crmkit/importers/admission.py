"""Admission: which drafts may be written, judged as the store and the policy will judge them, in the same order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import NotAllowed, Problem
from crmkit.importers.section import Link
from crmkit.importers.unique_values import refuse_taken
from crmkit.security.access import Action
from crmkit.values import NOT_YET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from uuid import UUID

    from crmkit.importers.draft import Draft
    from crmkit.importers.family import Families
    from crmkit.importers.run import Run
    from crmkit.importers.section import Parsed, Section
    from crmkit.model.schema import Schema

__all__ = ["Admission"]

_ROUNDS: Final = 8
"""How often new records are judged anew because others that they need were refused; after that, all are refused."""


class Admission:
    """Judges the drafts of one file, batch by batch.

    Args:
        run: the import.
        section: the file.
        families: the trees of its model.
        forget: takes back that a row made a record.
    """

    def __init__(self, run: Run, section: Section, families: Families, forget: Callable[[Parsed], None]) -> None:
        self._run = run
        self._section = section
        self._schema = section.schema
        self._door = run.doors.of(section.schema)
        self._actor = run.doors.actor.key
        self._prospects = run.prospects
        self._families = families
        self._forget = forget
        self._links = [(link, run.doors.catalog[link.to]) for link in section.schema.links if link.link_target]
        self._secretive = any(self._prospects.asks(target, Action.READ) for _, target in self._links)
        self._inward = any(target.name == section.schema.name for _, target in self._links)
        self._hanging: dict[UUID, list[tuple[Draft, str]]] = {}

    async def judge(self, drafts: Sequence[Draft], *, last: bool) -> list[Draft]:
        """Refuse what must not be written, and return what cannot be yet, as other rows have to be written before.

        Args:
            drafts: the drafts of a batch.
            last: whether no other rows come any more.
        """
        new = [draft for draft in drafts if draft.stored is None]
        self._hanging = {}
        for draft, name, target, id in self._linked(drafts) if self._inward else ():
            if target.name == self._schema.name:
                self._hanging.setdefault(id, []).append((draft, name))
        self._families.refuse(new)
        standing = [draft for draft in new if not draft.parsed.problems]
        if len(standing) < len(new):
            self._fall(draft for draft in new if not draft.stands)
            standing = [draft for draft in new if draft.stands]
        if self._secretive or self._prospects.asks(self._schema, Action.CREATE):
            await self._judge_new(standing)
        else:
            self._prospects.put(self._schema.name, map(self._stamped, standing))
        changed = [draft for draft in drafts if draft.before is not None and draft.stands]
        return await self._judge_changed(changed, last=last)

    # -- links ---------------------------------------------------------------------------------------------------------

    def _linked(self, drafts: Iterable[Draft]) -> Iterator[tuple[Draft, str, Schema, UUID]]:
        """Yield the links that are to be written: the draft, the field, the model and the id."""
        for draft in drafts:
            for field, target in self._links if draft.stands and draft.after is not None else ():
                id = getattr(draft.after, field.name)
                if id is not None and (draft.before is None or field.name in draft.changes):
                    yield draft, field.name, target, id

    async def _refuse_unseen(self, drafts: Sequence[Draft], meant: Callable[[UUID], bool]) -> None:
        """Refuse the drafts that link to records which the actor will not see by then."""
        linking: dict[str, dict[UUID, list[tuple[Draft, str]]]] = {}
        for draft, name, target, id in self._linked(drafts) if self._secretive else ():
            if meant(id) and self._prospects.asks(target, Action.READ):
                linking.setdefault(target.name, {}).setdefault(id, []).append((draft, name))
        for model, links in linking.items():
            seen = await self._prospects.visible_ids(self._run.doors.catalog[model], links)
            for draft, name in (link for id, found in links.items() if id not in seen for link in found):
                self._unlink(draft, name)
        self._fall(draft for draft in drafts if draft.stored is None and not draft.stands)

    def _fall(self, drafts: Iterable[Draft]) -> None:
        """Refuse what links to new records that are refused, and what links to that."""
        left = deque(draft for draft in drafts if draft.parsed.id is not None)
        while left:
            draft = left.popleft()
            id: Any = draft.parsed.id
            self._forget(draft.parsed)
            self._prospects.drop(self._schema.name, (id,))
            self._run.crosswalk.refuse(self._schema.name, draft.parsed.key, draft.parsed.record)
            for other, name in self._hanging.pop(id, ()):
                if other.stands:
                    self._unlink(other, name)
                    left += [other] if other.stored is None else []

    def _unlink(self, draft: Draft, name: str) -> None:
        link = draft.parsed.links.get(name)
        if link is None:  # another file adds it
            link = Link(name, "", "", "", self._section.key_column)
        target = next(target.name for field, target in self._links if field.name == name)
        draft.parsed.refuse(link.column, self._run.crosswalk.problem(target, link.by, link.text, 0), link.text)

    # -- new records ---------------------------------------------------------------------------------------------------

    async def _judge_new(self, drafts: list[Draft]) -> None:
        own = {draft.after.id for draft in drafts}
        await self._refuse_unseen(drafts, lambda id: id not in own)
        drafts = [draft for draft in drafts if draft.stands]
        self._prospects.put(self._schema.name, map(self._stamped, drafts))
        await self._refuse_unseen(drafts, own.__contains__)
        for _ in range(_ROUNDS):
            drafts = [draft for draft in drafts if draft.stands]
            if not await self._refuse(drafts, Action.CREATE):
                return
        for draft in drafts:
            self._forbid(draft, Action.CREATE)
        self._fall(drafts)

    async def _refuse(self, drafts: Sequence[Draft], action: Action) -> bool:
        """Refuse the drafts that the policy does not allow, and return whether others have to be judged anew."""
        if not self._prospects.asks(self._schema, action):
            return False
        allowed = await self._prospects.allowed(self._schema, action, list(map(self._stamped, drafts)))
        refused = [draft for draft, may in zip(drafts, allowed, strict=True) if not may]
        for draft in refused:
            self._forbid(draft, action)
        self._fall(refused)
        return bool(refused) and self._prospects.follows(self._schema, action)

    # -- records that are there ----------------------------------------------------------------------------------------

    async def _judge_changed(self, drafts: Sequence[Draft], *, last: bool) -> list[Draft]:
        waiting: list[Draft] = []
        for draft in self._families.downward(drafts):
            circle = await self._families.circle(draft)
            if circle is not None and not last:
                waiting.append(draft)
            elif circle is not None:
                link = draft.parsed.links.get(circle.field)
                column, value = (circle.field, "") if link is None else (link.column, link.text)
                draft.parsed.refuse(column, circle, value)
            else:
                await self._judge_change(draft)
                if draft.stands:
                    self._families.place(draft)
        return waiting

    async def _judge_change(self, draft: Draft) -> None:
        if not (await self._prospects.allowed(self._schema, Action.READ, [draft.before]))[0]:
            refuse_taken(draft.parsed, self._section, ("external_id",), draft.parsed.key)
            return
        await self._refuse_unseen([draft], lambda _: True)
        if not draft.stands:
            return
        may = await self._prospects.allowed(self._schema, Action.UPDATE, [draft.before])
        self._prospects.put(self._schema.name, map(self._stamped, [draft]))
        if self._prospects.asks(self._schema, Action.UPDATE):
            may += await self._prospects.allowed(self._schema, Action.UPDATE, [self._stamped(draft)])
        if not all(may):
            self._prospects.drop(self._schema.name, (draft.before.id,))
            self._forbid(draft, Action.UPDATE)

    # -- the policy ----------------------------------------------------------------------------------------------------

    def _forbid(self, draft: Draft, action: Action) -> None:
        message = f"the policy does not let this actor {action.value} this {self._schema.name}."
        draft.parsed.refuse(self._section.key_column, Problem(NotAllowed.code, message), draft.parsed.key)

    def _stamped(self, draft: Draft) -> Any:
        """Return the record as it will be, with what is only known of a record when it is written."""
        now, before, after = self._run.doors.clock(), draft.before, draft.after
        if before is not None:
            at = max(now, before.updated_at)
            return self._door.replace(after, version=before.version + 1, updated_at=at, updated_by=self._actor)
        made = {"created_at": now if after.created_at == NOT_YET else after.created_at, "created_by": self._actor}
        return self._door.replace(after, version=1, updated_at=now, updated_by=self._actor, **made)
