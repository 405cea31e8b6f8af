"""`python -m crmkit.testing MODULE:NAME` prints what a store declares, as a Markdown table.

NAME is a suite, or a callable that makes a store without arguments. Several may be given, one column each.
"""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from crmkit.storage.spi.store import Feature
from crmkit.testing.suite import StoreSuite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.storage.spi.store import Store

__all__ = ["table"]


async def _declared(made: Any) -> tuple[str, str, frozenset[Feature]]:
    name = made.__name__.removeprefix("Test")
    store: Store = await made().make_store() if issubclass(made, StoreSuite) else made()
    try:
        return name, store.io, store.features
    finally:
        await store.close()


def table(targets: Sequence[str]) -> str:
    """Return the support table of stores, each given as `MODULE:NAME`.

    >>> print(table(["crmkit.storage.memory:MemoryStore"]))
    |              | MemoryStore |
    |--------------|-------------|
    | io           | none        |
    | transactions | yes         |
    | unique       | yes         |
    | reach        | yes         |
    | buckets      | yes         |
    | top          | yes         |
    | savepoint    | yes         |
    | timeout      | yes         |
    | join         | no          |
    """
    columns = [["", "io", *(feature.value for feature in Feature)]]
    for target in targets:
        module, _, name = target.partition(":")
        title, io, features = asyncio.run(_declared(getattr(import_module(module), name)))
        columns.append([title, io, *("yes" if feature in features else "no" for feature in Feature)])
    widths = [max(map(len, column)) for column in columns]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in zip(*columns, strict=True)]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(__doc__)
    print(table(sys.argv[1:]))  # noqa: T201 - a program prints
