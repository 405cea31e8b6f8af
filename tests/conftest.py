"""What the tests share: an empty database on each store, the public data sets, and how hard Hypothesis tries."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import server

ROOT = Path(__file__).parents[1]
STORES = ("memory", "sqlite", "mongo")

# The short run is the same every time, so a red build is never luck; the long run looks for what it has not seen.
settings.register_profile("ci", max_examples=50, derandomize=True, database=None, deadline=None)
settings.register_profile("long", max_examples=20_000, deadline=None)
settings.load_profile(os.environ.get("CRMKIT_HYPOTHESIS", "ci"))


@pytest.fixture(scope="session")
def mongod() -> Iterator[server.Server]:
    """A private MongoDB, started when the first test asks for it."""
    with server.running() as started:
        yield started


@pytest.fixture
def mongo_url(mongod: server.Server) -> Iterator[str]:
    """The address of an empty MongoDB database."""
    with mongod.database() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'crm.db'}"


def url_of(request: pytest.FixtureRequest) -> str:
    """Return the address of an empty database on the store that is the request's parameter."""
    if request.param == "memory":
        return "memory://"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty database, on each store in turn."""
    return url_of(request)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `crm` on each store in turn, unless the test names its stores."""
    if "crm_url" in metafunc.fixturenames and not metafunc.definition.get_closest_marker("crm_stores"):
        metafunc.parametrize("crm_url", STORES, indirect=True)


@pytest.fixture
def crm_url(request: pytest.FixtureRequest) -> str:
    """The database behind `crm`."""
    return url_of(request)


@pytest.fixture
def crm_undo() -> bool:
    """Each test has a database of its own, and commits to it."""
    return False


@pytest.fixture(scope="session")
def dataset() -> Callable[[str], Path]:
    """Find the folder of a public data set, or skip the test where the data sets are not present."""
    home = Path(os.environ.get("CRMKIT_TEST_DATA") or ROOT.parent / "shared" / "data")

    def folder(name: str) -> Path:
        path = home / name
        if not path.is_dir():
            pytest.skip(f"data set {name!r} is not in {home}; CRMKIT_TEST_DATA may name another folder")
        return path

    return folder
