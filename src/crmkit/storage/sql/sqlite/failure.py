"""What the errors of the sqlite3 module mean, by their extended result codes: https://www.sqlite.org/rescode.html."""

from __future__ import annotations

import re

from crmkit.storage.sql.dialect import Cause, Failure

__all__ = ["failure_of"]

_BUSY, _LOCKED, _READ_ONLY, _INTERRUPTED = 5, 6, 8, 9
_CHECK, _FOREIGN_KEY, _NOT_NULL, _PRIMARY_KEY, _UNIQUE = 275, 787, 1299, 1555, 2067


def failure_of(error: BaseException) -> Failure:
    """Return what an error means; names only, never a value."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    if code in {_UNIQUE, _PRIMARY_KEY}:
        return Failure(Cause.DUPLICATE, tuple(re.findall(r"\.(\w+)(?:, |$)", str(error))))
    if code == _FOREIGN_KEY:
        return Failure(Cause.ORPHAN)
    if code in {_CHECK, _NOT_NULL}:
        return Failure(Cause.REFUSED, detail=str(error).partition(": ")[2])  # a constraint's or a column's name
    if code & 0xFF in {_BUSY, _LOCKED}:
        return Failure(Cause.BUSY)
    if code == _INTERRUPTED:
        return Failure(Cause.TIMED_OUT)
    if code == _READ_ONLY:
        return Failure(Cause.READ_ONLY, detail=f"{name}: it can only be read")
    if code & 0xFF == _READ_ONLY:
        return Failure(Cause.READ_ONLY, detail=f"{name}: SQLite writes files beside it even to read, and may not")
    return Failure(Cause.OTHER, detail=name)
