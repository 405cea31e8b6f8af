"""Identifiers: UUIDs of version 7, made by the application, so that a batch needs no round trip to the store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID, SafeUUID

from crmkit.values.instant import NOT_YET, UTC, Clock

if TYPE_CHECKING:
    import random

__all__ = ["NEW", "IdSource", "uuid7_source", "uuid_of_hex", "uuid_of_int"]

NEW: Final = UUID(int=0)
"""The id of a record that was not added yet."""

IdSource: TypeAlias = Callable[[], UUID]
"""Makes a new id at every call."""

_new_uuid = UUID.__new__
_set_int = UUID.int.__set__  # type: ignore[attr-defined,misc]  # past UUID's own, four times slower, constructor
_set_safe = UUID.is_safe.__set__  # type: ignore[attr-defined,misc]  # as above
_UNKNOWN = SafeUUID.unknown


def uuid_of_int(number: int) -> UUID:
    """Return the UUID with this 128-bit number; nothing is checked.

    >>> uuid_of_int(1)
    UUID('00000000-0000-0000-0000-000000000001')
    """
    made = _new_uuid(UUID)
    _set_int(made, number)
    _set_safe(made, _UNKNOWN)
    return made


def uuid_of_hex(text: str) -> UUID:
    """Return the UUID that 32 hexadecimal digits spell; nothing is checked.

    >>> uuid_of_hex("00000000000000000000000000000001")
    UUID('00000000-0000-0000-0000-000000000001')
    """
    made = _new_uuid(UUID)
    _set_int(made, int(text, 16))
    _set_safe(made, _UNKNOWN)
    return made


_MILLISECOND: Final = dt.timedelta(milliseconds=1)


def uuid7_source(clock: Clock, rng: random.Random) -> IdSource:
    """Return a source of UUIDs of version 7, which rise strictly.

    They do so also within one millisecond, and when the clock steps back.

    RFC 9562, section 6.2, method 1: the 42 bits below the version are a counter that starts anywhere in its lower half.
    Taking clock and random source as arguments keeps runs reproducible.

    >>> from random import Random
    >>> ids = uuid7_source(lambda: dt.datetime(2026, 1, 1, tzinfo=UTC), Random(1))
    >>> first, second = ids(), ids()
    >>> first.version, first < second
    (7, True)
    """
    epoch = dt.datetime(1970, 1, 1, tzinfo=UTC)
    seen = NOT_YET
    prefix = counter = 0

    def make() -> UUID:
        nonlocal seen, prefix, counter
        now = clock()
        chance = rng.getrandbits(40)
        counter += 1 + (chance >> 32)
        if now > seen:
            seen = now
            millisecond = (now - epoch) // _MILLISECOND
            if millisecond > prefix:
                prefix, counter = millisecond, rng.getrandbits(41)
        if counter >> 42:
            prefix, counter = prefix + 1, rng.getrandbits(41)
        return uuid_of_int(
            (prefix & 0xFFFFFFFFFFFF) << 80
            | 7 << 76
            | counter >> 30 << 64
            | 2 << 62
            | (counter & 0x3FFFFFFF) << 32
            | chance & 0xFFFFFFFF
        )

    return make
