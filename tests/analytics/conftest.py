"""A CRM with the pipeline of these tests, on each store."""

from collections.abc import Iterator
from typing import Any

import pytest

from crmkit import Crm, Session, system
from crmkit.testing import FrozenClock
from tests.analytics.loading import SALES, day


@pytest.fixture
def crm_clock() -> FrozenClock:
    """The clock of the CRM."""
    return FrozenClock(day(100))


@pytest.fixture
def crm_options() -> dict[str, Any]:
    """The pipeline of these tests."""
    return {"pipelines": [SALES]}


@pytest.fixture
def session(crm: Crm) -> Iterator[Session]:
    """A session of that CRM."""
    with crm.session(system("test")) as made:
        yield made
