"""What an observer is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from crmkit.repository.change import Change
    from crmkit.repository.keeper import KeeperOf

__all__ = ["Observer"]


class Observer(Protocol):
    """Learns of each change that is written, after the rows and before the commit.

    A new one is a file beside the others here, and a place in the tuple that `crm.connect` makes. Observers are asked
    one after another, in the order of that tuple. They are shared by all sessions, so they keep no state of a session.
    """

    async def observe(self, change: Change[Any], door_of: KeeperOf) -> None:
        """Take note of a change.

        What is written here through `door_of("model").append(...)` is part of the same transaction, and is not observed
        itself. What is raised here undoes the change, and with it everything since the session's last commit.

        Args:
            change: what happened. Its `after` is costly after a bulk write, so ask for it only if you need it.
            door_of: gives the keeper of a model by its name; it writes, and reads as any door does.
        """
        ...
