"""The names of constraints and indexes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

__all__ = ["constraint_name"]

_LONGEST: Final = 63  # the least of what databases keep of a longer name


def constraint_name(kind: str, table: str, columns: Iterable[str] = ()) -> str:
    """Return the name of a constraint or index; one that would be too long ends in a digest of itself.

    >>> constraint_name("uq", "customers", ["email"])
    'uq_customers__email'
    """
    name = "__".join(filter(None, (f"{kind}_{table}", "_".join(columns))))
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST - 9]}_{digest}"
