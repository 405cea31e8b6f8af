"""The product on one database, opened again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crmkit import Crm
from crmkit.testing import MemoryStore
from tests.stranger.lifts.product import lifts


@pytest.fixture
def reopen(store_url: str) -> Iterator[Callable[..., Crm]]:
    """Connect to one database again and again, with something else each time."""
    database: Any = MemoryStore() if store_url == "memory://" else store_url
    opened: list[Crm] = []

    def connected(connect: Callable[..., Crm] = lifts, **more: Any) -> Crm:
        if store_url != "memory://":
            while opened:
                opened.pop().close()
        opened.append(connect(database, **more))
        return opened[-1]

    yield connected
    for crm in opened:
        crm.close()


@pytest.fixture
def crm(reopen: Callable[..., Crm]) -> Crm:
    """The whole product."""
    return reopen()
