"""A CRM with the pipeline of these tests, on each store."""

import datetime as dt
from collections.abc import Iterator

import pytest

from crmkit import Crm, Session, connect, system
from tests.analytics.loading import SALES, day


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = day(100)

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the CRM."""
    return Clock()


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
