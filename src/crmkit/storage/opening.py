"""Opening: from what a caller hands over to its store, by the entry points of the group `crmkit.stores`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import CrmError, StoreError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

    from crmkit.storage.spi import Opener, Store

__all__ = ["GROUP", "open_store"]

GROUP: Final = "crmkit.stores"
"""The group of entry points in which distributions offer stores: the name is a URL's scheme, the object an `Opener`."""
_IO: Final = ("blocking", "asyncio", "none")


def open_store(database: Any, *, awaited: bool) -> Store:
    """Return the store for a URL or for a driver's own object.

    Args:
        database: a URL; an object that one of the stores takes, such as an SQLAlchemy `Engine` or `AsyncEngine`, a
            `MongoClient` or `AsyncMongoClient` (whose default database is used) or one of their databases; or a store.
        awaited: whether it will be used with `await`.

    Raises:
        StoreError: the URL is malformed, or the store's distribution or driver cannot be imported or does not work.
        Unsupported: there is no store for this database, or it does not fit the face.

    >>> open_store("memory://", awaited=False).io
    'none'
    """
    store: Store = database if _is_store(database) else _opened(database, awaited=awaited)
    if awaited and store.io == "blocking":
        raise Unsupported(
            "this store blocks, which would stop the event loop.", hint="Use connect(), or an async driver."
        )
    if not awaited and store.io == "asyncio":
        raise Unsupported("this store must be awaited.", hint="Use aconnect().")
    return store


def _is_store(database: object) -> bool:
    # Some objects, pymongo's among them, have an attribute of every name; so a value is looked at as well.
    io = getattr(database, "io", None)
    known = isinstance(io, str) and io in _IO
    return known and all(hasattr(database, name) for name in ("begin", "prepare", "wires", "features"))


def _opened(database: object, *, awaited: bool) -> Store:
    entry, opener = _offer(database)
    try:
        store = opener(database, awaited=awaited)
    except CrmError:
        raise
    except Exception as error:  # noqa: BLE001 - only its type is told: its text may quote a password of the URL's
        raise _broken(entry, f"failed with {type(error).__name__}") from None
    if not _is_store(store):
        raise _broken(entry, f"opened something that is not a store, but of type {type(store).__name__}")
    return store


def _offer(database: object) -> tuple[EntryPoint, Opener]:
    found = _entries()
    if not isinstance(database, str):
        return _taking(found, database)
    scheme, separator, _ = database.partition("://")
    if not separator:
        raise StoreError("a database is named by a URL.", hint='Write "sqlite:///crm.db", for example.')
    for name in (scheme, scheme.partition("+")[0]):  # an opener reads the driver behind a plus by itself
        if name in found:
            return found[name][0], _loaded(found[name])
    from difflib import get_close_matches

    near = get_close_matches(scheme, found, n=1)
    meant = f" Did you mean {near[0]}://?" if near else ""
    raise Unsupported(f"there is no store for {scheme}://.", hint=f"There is: {', '.join(sorted(found))}.{meant}")


def _taking(found: Mapping[str, list[EntryPoint]], database: object) -> tuple[EntryPoint, Opener]:
    broken: list[str] = []
    for name in sorted(found):
        try:
            if _takes(found[name], database):
                return found[name][0], _loaded(found[name])
        except StoreError as failure:  # one broken distribution must not keep the others from being asked
            broken.append(failure.message)
    error = StoreError(
        f"no store takes an object of type {type(database).__name__}.", hint="Give a URL, an Engine or a MongoClient."
    )
    for message in broken:
        error.add_note(message)
    raise error


def _takes(entries: list[EntryPoint], database: object) -> bool:
    opener = _loaded(entries)
    try:
        return hasattr(opener, "takes") and bool(opener.takes(database))
    except Exception as error:
        raise _broken(entries[0], f"failed with {type(error).__name__} when asked what it takes") from error


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
        raise _broken(entry, f"cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(opener):
        raise _broken(entry, f"cannot be called: its entry point is of type {type(opener).__name__}")
    return opener


def _broken(entry: EntryPoint, what: str) -> StoreError:
    name = _distribution(entry)
    return StoreError(
        f"the store for {entry.name}:// of the distribution {name} {what}.",
        hint=f"Reinstall {name}, or tell its authors.",
    )


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value
