"""The outbox: a message for each changed record, for the host to pass on after the commit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from crmkit.repository.change import ChangeKind

if TYPE_CHECKING:
    from crmkit.repository.change import Change
    from crmkit.repository.keeper import KeeperOf

__all__ = ["Outbox"]


class Outbox:
    """Writes messages about records that changed."""

    async def observe(self, change: Change[Any], door_of: KeeperOf) -> None:
        """Write a message for each record of a change."""
        outbox = door_of("outbox_message")
        payload = json.dumps(_facts(change), ensure_ascii=False, sort_keys=True, default=str)
        versions = [record.version for record in change.after] if change.before else [1] * len(change.ids)
        messages = [
            outbox.schema.cls(
                topic=f"{change.schema.name}.{change.kind.value}",
                entity=change.schema.name,
                record_id=record_id,
                record_version=version,
                at=change.at,
                actor=change.actor,
                payload=payload,
            )
            for record_id, version in zip(change.ids, versions, strict=True)
        ]
        await outbox.append(messages, change.at)


def _facts(change: Change[Any]) -> dict[str, Any]:
    if change.kind is ChangeKind.MOVED:
        return {"from": change.moves[0].from_stage, "to": change.moves[0].to_stage}
    if change.kind in {ChangeKind.UPDATED, ChangeKind.IMPORTED} and change.before:
        return {"fields": sorted(change.fields)}
    return {}
