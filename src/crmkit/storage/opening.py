"""Opening: from what a caller hands over to its store, by the entry points of the group `crmkit.stores`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import StoreError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

    from crmkit.storage.spi import Opener, Store

__all__ = ["GROUP", "open_store"]

GROUP: Final = "crmkit.stores"
"""The group of entry points in which distributions offer stores: the name is a URL's scheme, the object an `Opener`."""


def open_store(database: Any, *, awaited: bool) -> Store:
    """Return the store for a URL or for a driver's own object.

    Args:
        database: a URL; an object that one of the stores takes, such as an SQLAlchemy `Engine` or `AsyncEngine`, a
            `MongoClient` or `AsyncMongoClient` (whose default database is used); or a store.
        awaited: whether it will be used with `await`.

    Raises:
        StoreError: the URL is malformed, or the store's distribution or driver cannot be imported.
        Unsupported: there is no store for this database, or it does not fit the face.

    >>> open_store("memory://", awaited=False).io
    'none'
    """
    store: Store = database if _is_store(database) else _opener(database)(database, awaited=awaited)
    if awaited and store.io == "blocking":
        raise Unsupported(
            "this store blocks, which would stop the event loop.", hint="Use connect(), or an async driver."
        )
    if not awaited and store.io == "asyncio":
        raise Unsupported("this store must be awaited.", hint="Use aconnect().")
    return store


def _is_store(database: object) -> bool:
    return all(hasattr(database, name) for name in ("begin", "wires", "features"))


def _opener(database: object) -> Opener:
    found = _entries()
    if not isinstance(database, str):
        return _taking(found, database)
    scheme, separator, _ = database.partition("://")
    if not separator:
        raise StoreError("a database is named by a URL.", hint='Write "sqlite:///crm.db", for example.')
    for name in (scheme, scheme.partition("+")[0]):  # an opener reads the driver behind a plus by itself
        if name in found:
            return _loaded(found[name])
    from difflib import get_close_matches

    near = get_close_matches(scheme, found, n=1)
    meant = f" Did you mean {near[0]}://?" if near else ""
    raise Unsupported(f"there is no store for {scheme}://.", hint=f"There is: {', '.join(sorted(found))}.{meant}")


def _taking(found: Mapping[str, list[EntryPoint]], database: object) -> Opener:
    broken: list[str] = []
    for name in sorted(found):
        try:
            opener = _loaded(found[name])
        except StoreError as failure:  # one broken distribution must not keep the others from being asked
            broken.append(failure.message)
            continue
        if getattr(opener, "takes", _takes_nothing)(database):
            return opener
    error = StoreError(
        f"no store takes an object of type {type(database).__name__}.", hint="Give a URL, an Engine or a MongoClient."
    )
    for message in broken:
        error.add_note(message)
    raise error


def _takes_nothing(_: object) -> bool:
    return False


@lru_cache(maxsize=1)
def _entries() -> Mapping[str, list[EntryPoint]]:
    """Return the entry points by name. They are looked for once: that reads the metadata of all that is installed."""
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        if entry.value not in {other.value for other in found.setdefault(entry.name, [])}:
            found[entry.name].append(entry)
    if not found:
        raise StoreError(
            f"no installed distribution has entry points {GROUP!r}, not even crmkit itself.",
            hint="Install crmkit rather than just putting it on the path, for example: pip install -e .",
        )
    return found


def _loaded(entries: list[EntryPoint]) -> Opener:
    entry, *others = entries
    if others:
        names = " and ".join(sorted(map(_distribution, entries)))
        raise StoreError(f"{names} each open {entry.name}://.", hint="Uninstall all but one of them.")
    try:
        opener: Opener = entry.load()
    except Exception as error:
        raise StoreError(
            f"the store for {entry.name}:// of the distribution {_distribution(entry)} cannot be imported: "
            f"{type(error).__name__}: {error}.",
            hint=f"Reinstall {_distribution(entry)}, or tell its authors.",
        ) from error
    return opener


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value
