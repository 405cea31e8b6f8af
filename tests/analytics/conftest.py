"""A CRM with the pipeline of these tests, on each store."""

from collections.abc import Iterator

import pytest

from crmkit import Crm, Session, connect, system
from tests.analytics.loading import SALES, day
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    """The clock of the CRM."""
    return Clock(day(100))


@pytest.fixture
def crm(store_url: str, clock: Clock) -> Iterator[Crm]:
    """An empty CRM on each store in turn."""
    with connect(store_url, clock=clock, pipelines=[SALES]) as made:
        yield made


@pytest.fixture
def session(crm: Crm) -> Iterator[Session]:
    """A session of that CRM."""
    with crm.session(system("test")) as made:
        yield made
