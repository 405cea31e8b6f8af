"""The session, awaited: one actor and one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from crmkit.crm.capability import Sugar, repository
from crmkit.crm.shelf import AsyncShelf
from crmkit.repository import AsyncRepository

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from crmkit.crm.capability import Capabilities
    from crmkit.repository import Doors
    from crmkit.security.access import Actor

__all__ = ["AsyncSession"]

T = TypeVar("T")
AsyncC = TypeVar("AsyncC")


class AsyncSession(AsyncShelf, Sugar):
    """One actor, one transaction: committed on leaving, rolled back on an exception."""

    def __init__(self, doors: Doors, capabilities: Capabilities) -> None:
        self.doors = doors
        self._capabilities = capabilities

    @property
    def actor(self) -> Actor:
        """Who the session acts for."""
        return self.doors.actor

    @property
    def capabilities(self) -> Capabilities:
        """What the session offers besides its repositories."""
        return self._capabilities

    def repository(self, model: type[T]) -> AsyncRepository[T]:
        """Return the repository of a model.

        Raises:
            BadDefinition: the model is not one of this CRM's.
            Unsupported: it belongs to a capability that the tenant does not have.
        """
        self._capabilities.refuse_off(model, self.actor.tenant)
        return repository(self.doors, model)

    def use(self, capability: Callable[[Any], AsyncC]) -> AsyncC:
        """Return a capability by its class, such as `AsyncAnalytics`; its attribute, `analytics`, says the same.

        Raises:
            BadDefinition: the CRM was not connected with it.
            Unsupported: the tenant does not have it.
        """
        made: AsyncC = self._capabilities.awaited(capability, self.actor.tenant)(self.doors)
        return made

    async def commit(self) -> None:
        """Make everything so far permanent and go on in a new transaction."""
        await self.doors.unit.commit()

    async def rollback(self) -> None:
        """Undo everything since the last commit and go on in a new transaction."""
        await self.doors.unit.rollback()

    def nested(self) -> AbstractAsyncContextManager[None]:
        """Return a part of the session, to be entered with `async with`: if it raises, only what it wrote is undone.

        Raises:
            Unsupported: on entering it, if the database has no savepoints.
        """
        return self.doors.unit.nested()

    async def __aenter__(self) -> Self:
        self.doors.unit.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.doors.unit.end(commit=kind is None)
        finally:
            self.doors.let_go()
