"""The store on MongoDB, with the blocking and with the asyncio driver."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from bson.errors import BSONError
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from crmkit.errors import StoreError, Unsupported
from crmkit.storage.mongo.driver import AnyClient, Driver, make_driver
from crmkit.storage.mongo.error import error_of
from crmkit.storage.mongo.index import prepare_indexes
from crmkit.storage.mongo.select import MOST_KEYS
from crmkit.storage.mongo.unit import MongoUnit
from crmkit.storage.mongo.wire import WIRES
from crmkit.storage.spi.fork import outlive_forks
from crmkit.storage.spi.store import Feature

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Wires

__all__ = ["MongoStore", "open_async_mongo", "open_mongo"]

_OLDEST: Final = 9
"""The wire version of MongoDB 4.4."""
_DUPLICATE: Final = 11000
_PATIENCE: Final = ("serverSelectionTimeoutMS", 5_000)
"""After how many milliseconds a server that does not answer is given up, unless the host says otherwise."""
_ADDRESS: Final = 'Write "mongodb://localhost/crm?replicaSet=rs0", crm being the database.'


class MongoStore:
    """A MongoDB database: one collection per model, one document per row.

    It needs a replica set, of one member at least, because only there MongoDB has transactions. Reads see what a
    majority of the members hold; a commit returns when a majority holds it.

    Args:
        driver: the client and its database.
        anew: makes another client for the same database, for a fork of the process; `None` for a client of the host's.
        most_keys: how many keys of related rows one plan may carry; past that, the server looks them up row by row.
    """

    features: frozenset[Feature] = frozenset(Feature) - {Feature.JOIN, Feature.SAVEPOINT}
    wires: Wires = WIRES

    def __init__(self, driver: Driver, anew: Callable[[], Driver] | None = None, most_keys: int = MOST_KEYS) -> None:
        self._driver = driver
        self._anew = anew
        self._inherited: list[Driver] = []
        self._most_keys = most_keys
        self._catalog: Catalog | None = None
        self._closed = False
        self._limit: float | None = None
        outlive_forks(self)

    def limit_statements(self, seconds: float) -> None:
        """Stop each call of the driver that takes longer."""
        self._limit = seconds

    @property
    def io(self) -> Literal["blocking", "asyncio"]:
        """Whether its coroutines suspend."""
        return self._driver.io

    async def prepare(self, catalog: Catalog, *, create: bool) -> None:
        """Learn the models, and make sure that collections and indexes are there.

        Raises:
            StoreError: the database cannot be reached, is not a replica set, or is too old; or it lacks something and
                `create` is false; or it holds what does not fit the models. All differences are named.
        """
        self._check()
        failure = None
        try:
            self._accept(await self._driver.settle(self._driver.client.admin.command("hello")))
            await prepare_indexes(self._driver, catalog, create=create)
        except (PyMongoError, BSONError) as error:
            failure = error_of(error, "the models")
            if isinstance(error, OperationFailure) and error.code == _DUPLICATE:
                names = " and ".join(name for name in (error.details or {}).get("keyPattern", {}) if name != "tenant")
                failure = StoreError(f"a unique index on {names} cannot be made, as several documents share a value.")
        if failure is not None:
            raise failure
        self._catalog = catalog

    def _accept(self, hello: dict[str, Any]) -> None:
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise StoreError(
                "this MongoDB server is not part of a replica set, so it has no transactions.",
                hint="Start it with --replSet and run rs.initiate() once; a set of one member will do.",
            )
        if hello.get("maxWireVersion", 0) < _OLDEST:
            raise StoreError("this MongoDB server is older than 4.4.", hint="Use a newer one.")

    async def begin(self) -> MongoUnit:
        """Return a new unit; its transaction starts with its first write."""
        self._check()
        if self._catalog is None:
            raise StoreError("the store was not prepared.", hint="Call prepare() first.")
        return MongoUnit(self._driver, self._catalog, self._most_keys, self._limit)

    async def join(self, handle: object) -> NoReturn:  # noqa: ARG002 - the protocol's argument
        """Refuse to join a transaction of the host's.

        Raises:
            Unsupported: always.
        """
        raise Unsupported("this store cannot join a transaction that somebody else began.")

    def before_fork(self) -> None:
        """Do nothing: the driver's connections may be copied, if only they are not used."""

    def after_fork(self) -> None:
        """Go on with a client of this process; the driver itself looks after those of the host's."""
        if self._anew is not None and not self._closed:
            self._inherited.append(self._driver)
            self._driver = self._anew()

    async def close(self) -> None:
        """Close the client, unless the host brought it."""
        if not self._closed:
            self._closed = True
            if self._driver.own:
                await self._driver.settle(self._driver.client.close())

    def _check(self) -> None:
        if self._closed:
            raise StoreError("the store is closed.", hint="Open a new one.")


def open_mongo(
    url_or_client: str | MongoClient[Any] | Database[Any], database: str | None = None, **options: Any
) -> MongoStore:
    """Open a MongoDB database with the blocking driver.

    Args:
        url_or_client: an address such as `"mongodb://localhost/crm?replicaSet=rs0"`, or a client of the host's, which
            stays the host's to close, or one of its databases.
        database: the database's name; needed where the address names none.
        options: for the driver's client; only with an address.

    Raises:
        StoreError: the address is not acceptable, or no database is named.
    """
    return _open(MongoClient, url_or_client, database, options)


def open_async_mongo(
    url_or_client: str | AsyncMongoClient[Any] | AsyncDatabase[Any], database: str | None = None, **options: Any
) -> MongoStore:
    """Open a MongoDB database with the asyncio driver, for use in one event loop.

    Args:
        url_or_client: as for `open_mongo`.
        database: as for `open_mongo`.
        options: as for `open_mongo`.

    Raises:
        StoreError: the address is not acceptable, or no database is named.
    """
    return _open(AsyncMongoClient, url_or_client, database, options)


def _open(
    kind: type[MongoClient[Any] | AsyncMongoClient[Any]],
    url_or_client: str | AnyClient | Database[Any] | AsyncDatabase[Any],
    database: str | None,
    options: dict[str, Any],
) -> MongoStore:
    client: Any = url_or_client
    if isinstance(url_or_client, Database | AsyncDatabase):
        client, database = url_or_client.client, database or url_or_client.name
    if isinstance(url_or_client, str):
        return _opened(partial(_client, kind, url_or_client, options), database)
    name = database or _default_of(client, 'Hand over a database of the client: client["crm"].')
    return MongoStore(make_driver(client, name, own=False))


def _opened(client: Callable[[], AnyClient], database: str | None) -> MongoStore:
    first = client()
    name = database or _default_of(first, _ADDRESS)
    return MongoStore(make_driver(first, name, own=True), lambda: make_driver(client(), name, own=True))


def _default_of(client: Any, hint: str) -> str:
    try:
        name: str = client.get_default_database().name
    except ConfigurationError:
        raise StoreError("no database is named.", hint=hint) from None
    return name


def _client(kind: type[Any], url: str, options: dict[str, Any]) -> AnyClient:
    # prepare() connects, and reports what fails. An option of the address counts for more than one that is given here.
    given = {"connect": False, **options}
    if _PATIENCE[0].lower() not in f"{url} {[*options]}".lower():
        given[_PATIENCE[0]] = _PATIENCE[1]
    try:
        client: AnyClient = kind(url, **given)
    except (ConfigurationError, TypeError, ValueError):  # what the driver says may quote the address's password
        raise StoreError("the MongoDB driver does not accept the address or an option.", hint=_ADDRESS) from None
    return client
