"""The driver's errors as crmkit's: without addresses, documents or values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
)

from crmkit.errors import Busy, CrmError, Duplicate, StoreError, Unreachable
from crmkit.storage.spi.deadline import timed_out

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["error_of"]

_DUPLICATE: Final = 11000
_TOO_LARGE: Final = {10334, 17280, 17419, 17420}
_TOO_MUCH: Final = 388
_TIMED_OUT: Final = {50, 202, 262}
"""MaxTimeMSExpired, NetworkInterfaceExceededTimeLimit, ExceededTimeLimit."""
_CONFLICT: Final = {24, 112}
"""LockTimeout, WriteConflict."""
_ABORTED: Final = {225, 246, 251, 290}
"""TransactionTooOld, SnapshotUnavailable, NoSuchTransaction, TransactionExceededLifetimeLimitSeconds."""


def error_of(error: Exception, entity: str) -> CrmError:
    """Return what to raise for an error of the driver.

    Args:
        error: the driver's.
        entity: the model that was worked on.
    """
    code, details = _facts(error)
    if code == _DUPLICATE:
        pattern: Mapping[str, Any] = details.get("keyPattern") or {}
        # That of `_id` is an index of tenant and id, as a unique one of earlier versions is.
        return Duplicate(entity, ["id" if name == "_id" else name for name in pattern if name != "tenant"])
    if code in _TIMED_OUT or isinstance(error, NetworkTimeout):
        return timed_out(entity)
    if isinstance(error, ConnectionFailure):  # before the label below, which these carry as well within a transaction
        return Unreachable("the database cannot be reached.", hint="Check its address, and that it runs.")
    if code in _CONFLICT:
        return Busy("another transaction is writing there.", hint="Run the session again.")
    if code in _ABORTED or (isinstance(error, PyMongoError) and error.has_error_label("TransientTransactionError")):
        return Busy(
            "the database aborted the transaction, which it also does after a minute.", hint="Run the session again."
        )
    if isinstance(error, DocumentTooLarge) or code in _TOO_LARGE:
        return StoreError(f"one {entity} does not fit into a document of 16 MB.")
    if code == _TOO_MUCH:
        return StoreError(
            "the transaction is larger than the database's cache can hold.",
            hint="Write less in one session, or give mongod a larger --wiredTigerCacheSizeGB.",
        )
    shown = type(error).__name__ if code is None else f"code {code}{_name(details)}"
    return StoreError(f"the database refused to work on {entity}: {shown}.")


def _facts(error: Exception) -> tuple[int | None, Mapping[str, Any]]:
    if isinstance(error, BulkWriteError):
        failed: list[Mapping[str, Any]] = error.details.get("writeErrors") or []
        return (failed[0].get("code"), failed[0]) if failed else (error.code, {})
    if isinstance(error, OperationFailure):
        return error.code, error.details or {}
    return None, {}


def _name(details: Mapping[str, Any]) -> str:
    name = details.get("codeName")
    return f" ({name})" if isinstance(name, str) and name.isalnum() else ""
