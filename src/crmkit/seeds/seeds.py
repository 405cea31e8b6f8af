"""Seeds at work: packs written to a tenant, and brought up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from crmkit.errors import BadDefinition
from crmkit.expr.build import f
from crmkit.seeds.item import items_of
from crmkit.seeds.pack import SeedPack
from crmkit.seeds.seed_report import SeedReport

if TYPE_CHECKING:
    from crmkit.repository import Doors
    from crmkit.seeds.item import Item

__all__ = ["AsyncSeeds"]

Effect: TypeAlias = Literal["created", "updated", "kept", "unchanged"]


class AsyncSeeds:
    """The seeds of one tenant: `session.seeds`."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._keeper = doors.keeper("seed_item")

    async def apply(self, pack: SeedPack) -> SeedReport:
        """Write what the tenant lacks of a pack, and bring up to date what it left as an earlier version wrote it.

        What the tenant changed, deleted, or made by itself before, is left alone, and nothing is ever deleted. To apply
        a version again, or an older one, changes nothing.

        Raises:
            BadDefinition: the pack does not fit this CRM, or was applied under this version with other content.
            Busy: another session is applying it to this tenant.
            NotAllowed: the policy does not let the actor write an item.
            Duplicate: a unique field's value is taken.
        """
        if not isinstance(pack, SeedPack):
            raise BadDefinition(
                f"a pack of seeds is expected, not {type(pack).__name__}.", hint='Give SeedPack("acme", 1, ...).'
            )
        items = list(items_of(pack, self._doors))
        await self._doors.lock(f"seeds {pack.name}")
        known = await self._keeper.records(f.pack == pack.name, action=None, deleted=True)
        if any(each.pack_version > pack.version for each in known):
            return SeedReport(unchanged=pack.keys)
        memos = {each.item: each for each in known}
        _check_version(pack, items, memos)
        effects: dict[Effect, list[str]] = {}
        for item in items:
            effects.setdefault(await self._settle(pack, item, memos.get(item.key)), []).append(item.key)
        return SeedReport(**{effect: tuple(keys) for effect, keys in effects.items()})

    async def _settle(self, pack: SeedPack, item: Item, memo: Any) -> Effect:
        at = self._doors.clock()
        if memo is None:
            if await item.is_taken():
                return "kept"
            values = {"record_id": await item.create(), "pack_version": pack.version, "content": item.content}
            made = self._keeper.schema.cls(pack=pack.name, item=item.key, entity=item.entity, **values)
            await self._keeper.append([made], at)
            return "created"
        if memo.content == item.content:
            return "unchanged"
        if await item.present(memo.record_id, memo.content) != memo.content:
            return "kept"
        id = await item.change(memo.record_id, memo.content)
        values = {"record_id": id, "pack_version": pack.version, "content": item.content}
        await self._keeper.amend(memo, values, at)
        return "updated"


def _check_version(pack: SeedPack, items: list[Item], memos: dict[str, Any]) -> None:
    """Refuse what differs from what was applied under the same version."""
    for item in items:
        memo = memos.get(item.key)
        if memo is not None and memo.pack_version == pack.version and memo.content != item.content:
            raise BadDefinition(
                f"version {pack.version} of the pack {pack.name!r} was applied with another {item.key!r}.",
                hint=f"Give the pack version {pack.version + 1}.",
            )
