"""The awaited face, which is the code: the blocking face steps through these same coroutines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from crmkit.crm.open import make_setup, open_store, prepared
from crmkit.crm.shelf import AsyncShelf
from crmkit.errors import CrmError
from crmkit.repository import AsyncRepository, Doors
from crmkit.repository.segment import AsyncSegments
from crmkit.security.access import Actor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from crmkit.analytics import AsyncAnalytics
    from crmkit.importers import AsyncImports
    from crmkit.lifecycle import Pipeline
    from crmkit.repository import Setup
    from crmkit.security.access import Policy
    from crmkit.values import Clock
    from crmkit.values.identifier import IdSource

__all__ = ["AsyncCrm", "AsyncSession", "aconnect"]

T = TypeVar("T")


async def aconnect(
    database: Any,
    *,
    models: Iterable[type[Any]] = (),
    extra: Mapping[type[Any], Mapping[str, Any]] | None = None,
    pipelines: Iterable[Pipeline] | None = None,
    policy: Policy | None = None,
    clock: Clock | None = None,
    ids: IdSource | None = None,
    outbox: bool = False,
    create: bool = True,
) -> AsyncCrm:
    """Connect to a database that is awaited; see `connect` for the arguments and what is raised."""
    import asyncio  # here, as only those who await need it

    setup = make_setup(
        open_store(database, awaited=True),
        models=models, extra=extra, pipelines=pipelines, policy=policy, clock=clock, ids=ids, outbox=outbox,
        pause=asyncio.sleep,
    )  # fmt: skip
    return AsyncCrm(await prepared(setup, create=create))


class AsyncCrm:
    """A connected CRM whose calls are awaited. `aconnect` makes it."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def session(self, actor: Actor) -> AsyncSession:
        """Return a session for an actor, to be entered with `async with`."""
        return AsyncSession(self.setup, actor)

    def imports(self, actor: Actor) -> AsyncImports:
        """Return the imports of an actor: `await crm.imports(actor).plan("mapping.toml")` looks first."""
        from crmkit.importers import AsyncImports  # loads CSV and TOML readers

        return AsyncImports(Doors(self.setup, actor))

    async def close(self) -> None:
        """Give back the connections that crmkit opened itself."""
        await self.setup.store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        await self.close()


class AsyncSession(AsyncShelf):
    """One actor, one transaction: committed on leaving, rolled back on an exception."""

    def __init__(self, setup: Setup, actor: Actor) -> None:
        if not isinstance(actor, Actor):
            raise CrmError(
                f"a session acts for an Actor, not for {type(actor).__name__}.",
                hint='Give Actor(id=user.id), or system("nightly") for background work.',
            )
        self.doors = Doors(setup, actor, entered=False)

    @property
    def actor(self) -> Actor:
        """Whoever the session acts for."""
        return self.doors.actor

    def repository(self, model: type[T]) -> AsyncRepository[T]:
        """Return the repository of a model.

        Raises:
            BadDefinition: the model is not one of this CRM's.
        """
        return AsyncRepository(self.doors, self.doors.catalog.of(model))

    @property
    def segments(self) -> AsyncSegments:
        """The segments kept in the tenant."""
        return AsyncSegments(self.doors)

    @property
    def analytics(self) -> AsyncAnalytics:
        """Funnels and pipeline figures over the records that the actor may see."""
        from crmkit.analytics import AsyncAnalytics  # loaded by those who use it

        return AsyncAnalytics(self.doors)

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
        await self.doors.unit.end(commit=kind is None)
