"""Opening: from what a caller hands over, a store and all that sessions share."""

from __future__ import annotations

import os
import time
from random import Random
from typing import TYPE_CHECKING, Any, Final

from crmkit.entities import BUILT_IN
from crmkit.errors import BadDefinition, StoreError, Unsupported
from crmkit.lifecycle import Pipeline
from crmkit.lifecycle.built_in import BUILT_IN as BUILT_IN_PIPELINES
from crmkit.lifecycle.check import each
from crmkit.model.catalog import Catalog
from crmkit.repository import Pipelines, Setup
from crmkit.repository.journal import History, Observer, Outbox
from crmkit.security.access import Open
from crmkit.values import clean_instant, system_clock
from crmkit.values.identifier import uuid7_source

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from crmkit.security.access import Policy
    from crmkit.storage.spi import Store
    from crmkit.values import Clock
    from crmkit.values.identifier import IdSource

__all__ = ["make_setup", "open_store", "prepared"]

_SQLITE: Final = ("sqlite", "sqlite+pysqlite", "sqlite+aiosqlite")


def open_store(database: Any, *, awaited: bool) -> Store:
    """Return the store for a URL or for a driver's own object.

    Args:
        database: a URL, an SQLAlchemy `Engine` or `AsyncEngine`, a `MongoClient` or `AsyncMongoClient` (whose default
            database is used), or a store.
        awaited: whether it will be used with `await`.

    Raises:
        StoreError: the URL is malformed, or the driver is not installed.
        Unsupported: there is no store for this database, or it does not fit the face.
    """
    store = _store(database, awaited=awaited)
    if awaited and store.io == "blocking":
        raise Unsupported(
            "this store blocks, which would stop the event loop.", hint="Use connect(), or an async driver."
        )
    if not awaited and store.io == "asyncio":
        raise Unsupported("this store must be awaited.", hint="Use aconnect().")
    return store


def _store(database: Any, *, awaited: bool) -> Store:
    if not isinstance(database, str):
        module = type(database).__module__.partition(".")[0]
        if module == "sqlalchemy":
            return _sql(database, awaited=awaited)
        if module == "pymongo":
            return _mongo(database, awaited=awaited)
        if hasattr(database, "begin") and hasattr(database, "wires"):
            store: Store = database
            return store
        raise StoreError(f"a {type(database).__name__} is no database.", hint="Give a URL, an Engine or a MongoClient.")
    scheme, found, _ = database.partition("://")
    if not found:
        raise StoreError("a database is named by a URL.", hint='Write "sqlite:///crm.db", for example.')
    if scheme == "memory":
        from crmkit.storage.memory import MemoryStore

        return MemoryStore()
    if scheme.partition("+")[0] == "sqlite":
        _check_sqlite(database)
        return _sql(database, awaited=awaited)
    if scheme in {"mongodb", "mongodb+srv"}:
        return _mongo(database, awaited=awaited)
    raise Unsupported(f"there is no store for {scheme}:// yet.", hint="There is: sqlite, mongodb, memory.")


def _check_sqlite(url: str) -> None:
    scheme, _, place = url.partition("://")
    if scheme not in _SQLITE:
        raise Unsupported(f"there is no store for {scheme}://.", hint="Write sqlite:///crm.db.")
    if place and not place.startswith(("/", "?")):
        raise StoreError(
            "two slashes are followed by a server's name, and SQLite has no server.",
            hint=f"Write three: sqlite:///{place.rpartition('@')[2]}.",
        )


def _sql(database: Any, *, awaited: bool) -> Store:
    try:
        from crmkit.storage.sql.store import open_async_sql, open_sql
    except ModuleNotFoundError as error:
        raise StoreError(f"{error.name} is not installed.", hint="pip install crmkit") from None
    if awaited and isinstance(database, str) and database.startswith("sqlite://"):
        database = database.replace("sqlite://", "sqlite+aiosqlite://", 1)
    return open_async_sql(database) if awaited else open_sql(database)


def _mongo(database: Any, *, awaited: bool) -> Store:
    try:
        from crmkit.storage.mongo.store import open_async_mongo, open_mongo
    except ModuleNotFoundError as error:
        raise StoreError(f"{error.name} is not installed.", hint="pip install 'crmkit[mongo]'") from None
    return open_async_mongo(database) if awaited else open_mongo(database)


def _whole(clock: Clock) -> Clock:
    # Stores hold milliseconds, and what a call returns must be what the store holds.
    return lambda: clean_instant(clock())


async def sleep(seconds: float) -> None:
    """Wait, which blocks the thread: the pause of the blocking face."""
    time.sleep(seconds)  # noqa: ASYNC251 - no event loop runs this


def make_setup(
    store: Store,
    *,
    models: Iterable[type[Any]],
    extra: Mapping[type[Any], Mapping[str, Any]] | None,
    pipelines: Iterable[Pipeline] | None,
    policy: Policy | None,
    clock: Clock | None,
    ids: IdSource | None,
    outbox: bool,
    pause: Callable[[float], Awaitable[None]] = sleep,
) -> Setup:
    """Return what sessions share.

    Raises:
        BadDefinition: the models or the pipelines do not fit together.
    """
    catalog = Catalog([*BUILT_IN, *each("a model", type, models, "Customer")], extra)
    own = each("a pipeline", Pipeline, pipelines or (), 'Pipeline("sales", ...)')
    if policy is not None and not hasattr(policy, "rows"):
        raise BadDefinition(
            f"a {type(policy).__name__} is no policy.",
            hint="Give an object with the method rows(actor, action, schema).",
        )
    for pipeline in own:
        pipeline.check(catalog[pipeline.entity])
    now = system_clock if clock is None else _whole(clock)
    observers: list[Observer] = [History()]
    if outbox:
        observers.append(Outbox())
    return Setup(
        catalog=catalog,
        store=store,
        policy=policy or Open(),
        clock=now,
        # Ids carry 74 random bits beside the time. They are names, not secrets, so a seeded generator will do.
        ids=ids or uuid7_source(now, Random(os.urandom(16))),  # noqa: S311 - see above
        pipelines=Pipelines(own, BUILT_IN_PIPELINES),
        pause=pause,
        observers=tuple(observers),
    )


async def prepared(setup: Setup, *, create: bool) -> Setup:
    """Return what sessions share once the store has learnt the models; close the store if it cannot serve them.

    Raises:
        StoreError: the store cannot be reached, or does not fit the models.
    """
    try:
        await setup.store.prepare(setup.catalog, create=create)
    except BaseException:
        await setup.store.close()
        raise
    return setup
