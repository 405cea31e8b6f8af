"""Stage history: each move leaves its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmkit.repository.change import Change
    from crmkit.repository.keeper import KeeperOf

__all__ = ["History"]


class History:
    """Keeps the moves of records."""

    async def observe(self, change: Change[Any], door_of: KeeperOf) -> None:
        """Write the rows of history that go with a change."""
        if change.moves:
            await door_of("stage_move").append(change.moves, change.at)
