"""The pytest plugin: fixtures for the tests of programs that use crmkit.

It is loaded in every run of pytest where crmkit is installed, so it imports nothing of crmkit before a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from crmkit import Crm
    from crmkit.testing import Asked, Cast, CountedIds, Factory, FrozenClock, OutboxRecorder
    from crmkit.testing.host.stores import Stores
    from crmkit.testing.host.watch import WatchedStore

__all__ = [
    "assert_hidden",
    "assert_statements",
    "assert_visible",
    "crm",
    "crm_actor",
    "crm_clock",
    "crm_defaults",
    "crm_ids",
    "crm_make",
    "crm_options",
    "crm_outbox",
    "crm_store",
    "crm_undo",
    "crm_url",
]


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers", 'crm_stores(*databases): run the test on each of these: "memory", "sqlite" or a URL'
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a marked test once on each store."""
    marker = metafunc.definition.get_closest_marker("crm_stores")
    if marker is not None and "crm_url" in metafunc.fixturenames:
        from crmkit.testing.host.stores import labelled

        metafunc.parametrize("crm_url", [pytest.param(url, id=label) for label, url in labelled(marker.args)])


# -- what a product overrides ------------------------------------------------------------------------------------------


@pytest.fixture
def crm_url() -> str:
    """The database that tests use; override it to give another one."""
    return "memory://"


@pytest.fixture
def crm_undo() -> bool:
    """Whether what a test writes is undone; override it to return False where each test has a database of its own."""
    return True


@pytest.fixture
def crm_options() -> dict[str, Any]:
    """What `connect` is given besides the database; override it to name models, pipelines, a policy and so on."""
    return {}


@pytest.fixture
def crm_defaults() -> dict[type[Any], Mapping[str, Any]]:
    """What records of factories hold unless a test says otherwise, by model; override it to give more."""
    return {}


@pytest.fixture
def crm_clock() -> FrozenClock:
    """The clock of the CRM, which stands until the test moves it."""
    from crmkit.testing import FrozenClock

    return FrozenClock()


@pytest.fixture
def crm_ids() -> CountedIds:
    """What makes the CRM's ids: they are counted, and so the same in every run."""
    from crmkit.testing import CountedIds

    return CountedIds()


# -- the CRM -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _crm_stores() -> Generator[Stores]:
    from crmkit.testing.host.stores import Stores

    stores = Stores()
    yield stores
    stores.close()


@pytest.fixture
def crm_store(
    crm_url: str,
    crm_undo: bool,  # noqa: FBT001 - pytest passes fixtures by name
    crm_options: Mapping[str, Any],
    _crm_stores: Stores,
) -> WatchedStore:
    """The store of this test, for those who connect to it by themselves; to close it is to undo what was written."""
    return _crm_stores.of(crm_url, crm_options.get("statement_timeout"), undo=crm_undo)


@pytest.fixture
def crm(
    request: pytest.FixtureRequest,
    crm_store: WatchedStore,
    crm_options: Mapping[str, Any],
    crm_clock: FrozenClock,
    crm_ids: CountedIds,
) -> Generator[Crm]:
    """A CRM that holds nothing but what the test writes."""
    from crmkit import connect

    outbox = "crm_outbox" in request.fixturenames
    given: dict[str, Any] = {"clock": crm_clock, "ids": crm_ids, "outbox": outbox, **crm_options}
    with connect(crm_store, **given) as connected:
        yield connected


# -- what tests use ----------------------------------------------------------------------------------------------------


@pytest.fixture
def crm_make(crm: Crm, crm_defaults: Mapping[type[Any], Mapping[str, Any]]) -> Factory:
    """The factory: `crm_make(Customer)` makes a record, `crm_make.add(Customer)` adds it, both with what they need."""
    from crmkit.testing import Factory

    return Factory(crm, crm_defaults)


@pytest.fixture
def crm_actor(crm_make: Factory) -> Cast:
    """Actors by role: `crm_actor("rep", team="North")`."""
    from crmkit.testing import Cast

    return Cast(crm_make)


@pytest.fixture
def crm_outbox(crm: Crm) -> OutboxRecorder:
    """The outbox messages that the test caused; a CRM whose test asks for them writes them."""
    from crmkit.testing import OutboxRecorder

    return OutboxRecorder(crm)


@pytest.fixture
def assert_statements(crm: Crm) -> Callable[[int], AbstractContextManager[list[Asked]]]:
    """How many statements the CRM makes within a block, given the number and entered by `with`."""
    from crmkit.testing import assert_statements

    return partial(assert_statements, crm)


@pytest.fixture
def assert_visible(crm: Crm) -> Callable[..., None]:
    """How tests assert that an actor sees records: `assert_visible(ann, acme)`."""
    from crmkit.testing import assert_visible

    return partial(assert_visible, crm)


@pytest.fixture
def assert_hidden(crm: Crm) -> Callable[..., None]:
    """How tests assert that an actor sees none of these records: `assert_hidden(ann, secret)`."""
    from crmkit.testing import assert_hidden

    return partial(assert_hidden, crm)
