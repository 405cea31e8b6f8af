"""What type checkers make of capabilities; checked by `nox -s types`, never run."""

from __future__ import annotations

from typing import assert_type

from crmkit import AsyncCrm, AsyncSession, Capability, Crm, Session, aconnect, connect
from crmkit.analytics import AsyncAnalytics
from crmkit.crm.blocking.analytics import Analytics
from crmkit.repository import Doors


class AsyncLoyalty:
    """One of somebody else's."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors


class Loyalty:
    """Its twin."""

    def __init__(self, inner: AsyncLoyalty) -> None:
        self._inner = inner


def blocking(s: Session) -> None:
    assert_type(s.use(Analytics), Analytics)
    assert_type(s.analytics, Analytics)
    assert_type(s.use(Loyalty), Loyalty)
    s.custmers  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018 - misspelt


async def awaited(s: AsyncSession) -> None:
    assert_type(s.use(AsyncLoyalty), AsyncLoyalty)
    assert_type(s.analytics, AsyncAnalytics)


async def connecting(loyalty: Capability) -> None:
    assert_type(connect("memory://", capabilities=[loyalty]), Crm)
    assert_type(await aconnect("memory://", capabilities=[loyalty]), AsyncCrm)
    async with aconnect("memory://") as crm:
        assert_type(crm, AsyncCrm)
    aconnect("memory://", create="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # a flag
