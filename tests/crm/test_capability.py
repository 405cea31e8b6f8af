"""A capability of somebody else's: passed to connect, and then like crmkit's own, on every store."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from keyword import kwlist
from types import ModuleType

import pytest

from crmkit import BadDefinition, Capability, Customer, Unsupported, aconnect, connect, f, system
from crmkit.analytics import AsyncAnalytics
from crmkit.cli.command import run
from crmkit.crm.blocking.analytics import Analytics
from tests.crm.loyalty import FILES

job = system("test")


@pytest.fixture(scope="module")
def loyalty(tmp_path_factory: pytest.TempPathFactory):
    """The package of the capability, with the blocking class that the command line wrote."""
    folder = tmp_path_factory.mktemp("loyalty")
    (folder / "loyalty").mkdir()
    for name, text in FILES.items():
        (folder / "loyalty" / name).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        assert run(["generate", "loyalty.points"]) == 0
        import_module("loyalty.points_blocking")
        yield sys.modules["loyalty"]
    for name in [each for each in sys.modules if each.partition(".")[0] == "loyalty"]:
        del sys.modules[name]


@pytest.fixture
def points(loyalty: ModuleType):
    return sys.modules["loyalty.points"]


@pytest.fixture
def points_blocking(loyalty: ModuleType):
    return sys.modules["loyalty.points_blocking"]


def test_it_reads_and_writes_through_its_own_model(store_url, loyalty, points_blocking):
    with connect(store_url, capabilities=[loyalty.loyalty]) as crm:
        with crm.session(job) as s:
            acme, beta = s.customers.add(Customer(name="Acme")), s.customers.add(Customer(name="Beta"))
            points = s.use(points_blocking.Loyalty)
            assert isinstance(points, points_blocking.Loyalty)
            assert points.earn(acme, 50).points == 50
            assert points.earn(acme, 50, twice=True).points == 150
            points.earn(beta, 1)
        with crm.session(job) as s:
            assert [each.customer_id for each in s.loyalty.rich()] == [acme.id]
            assert s.loyalty.accounts.count() == 2
            assert s.loyalty.ledger(acme).balance() == 150
            with s.loyalty.held(beta) as balance:
                assert balance == 1
            assert [each.name for each in s.customers.find(f.loyalty_accounts.any(f.points > 100))] == ["Acme"]
            assert s.repository(loyalty.LoyaltyAccount).count(f.customer.name == "Beta") == 1


def test_it_is_awaited_on_an_awaited_session(store_url, loyalty, points):
    async def work() -> None:
        async with aconnect(store_url, capabilities=[loyalty.loyalty]) as crm, crm.session(job) as s:
            acme = await s.customers.add(Customer(name="Acme"))
            assert (await s.use(points.AsyncLoyalty).earn(acme, 100)).points == 100
            assert [each.points async for each in s.loyalty.rich()] == [100]
            async with s.loyalty.held(acme) as balance:
                assert balance == 100

    asyncio.run(work())


def test_what_it_wrote_is_undone_with_the_session(store_url, loyalty):
    with connect(store_url, capabilities=[loyalty.loyalty]) as crm:
        with pytest.raises(RuntimeError), crm.session(job) as s:
            s.loyalty.earn(s.customers.add(Customer(name="Acme")), 5)
            raise RuntimeError
        with crm.session(job) as s:
            assert s.loyalty.accounts.count() == 0


def test_an_operation_that_waits_for_something_else_than_the_store_is_refused(loyalty):
    with connect("memory://", capabilities=[loyalty.loyalty]) as crm, crm.session(job) as s:
        with pytest.raises(Unsupported, match="this call needs a running event loop"):
            s.loyalty.settle()
        assert s.loyalty.accounts.count() == 0


def test_built_in_capabilities_are_used_by_their_class_as_well():
    with connect("memory://") as crm, crm.session(job) as s:
        assert isinstance(s.use(Analytics), Analytics)
        assert type(s.analytics) is Analytics


def test_a_capability_that_was_not_connected_is_refused(points_blocking):
    message = r"Loyalty is not one of this CRM's capabilities. Name it in connect\(..., capabilities=\[...\]\)."
    with connect("memory://") as crm, crm.session(job) as s:
        with pytest.raises(BadDefinition, match=message):
            s.use(points_blocking.Loyalty)
        with pytest.raises(AttributeError, match="a session has no 'loyalty'"):
            s.loyalty  # noqa: B018 - looking it up is the test
        with pytest.raises(AttributeError, match=r"a session has no 'custmers'. Did you mean 'customers'\?"):
            s.custmers  # noqa: B018 - as above
        assert not hasattr(s, "loyalty")


def test_the_class_of_the_other_face_is_refused():
    message = "AsyncAnalytics is awaited. Give Analytics."
    with connect("memory://") as crm, crm.session(job) as s, pytest.raises(BadDefinition, match=message):
        s.use(AsyncAnalytics)


@pytest.mark.parametrize("name", ["customers", "commit", "analytics", "use"])
def test_a_name_that_sessions_use_already_is_refused(name):
    with pytest.raises(BadDefinition, match=f"sessions already have '{name}', so it cannot name a capability."):
        connect("memory://", capabilities=[Capability(name, "loyalty.points:AsyncLoyalty")])


def test_two_capabilities_of_one_name_are_refused(loyalty):
    with pytest.raises(BadDefinition, match="two capabilities are named 'loyalty'. Rename one of them."):
        connect("memory://", capabilities=[loyalty.loyalty, Capability("loyalty", "other:AsyncLoyalty")])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("Loyalty", "loyalty:AsyncLoyalty"), "'Loyalty' cannot name a capability."),
        (("_loyalty", "loyalty:AsyncLoyalty"), "'_loyalty' cannot name a capability."),
        *(
            ((name, "loyalty:AsyncLoyalty"), f"'{name}' cannot name a capability: it is a keyword of Python.")
            for name in kwlist
            if name.islower()
        ),
        (("loyalty", "loyalty.AsyncLoyalty"), "the capability 'loyalty' has no class at 'loyalty.AsyncLoyalty'."),
        (("loyalty", 7), "the capability 'loyalty' has no class at 7."),
    ],
)
def test_a_malformed_capability_is_refused(given, message):
    with pytest.raises(BadDefinition) as caught:
        Capability(*given)
    assert str(caught.value).startswith(message)


def test_something_that_is_not_a_capability_is_refused():
    with pytest.raises(BadDefinition, match="a capability is expected, not str"):
        connect("memory://", capabilities=["loyalty"])


def test_a_class_that_was_never_generated_is_reported(loyalty):
    capability = Capability("points", "loyalty.account:AsyncPoints")
    message = "has no loyalty.account_blocking:Points. Run: crmkit generate loyalty.account"
    with connect("memory://", capabilities=[capability]) as crm, crm.session(job) as s:
        with pytest.raises(BadDefinition, match=message):
            s.points  # noqa: B018 - looking it up is the test
        assert s.customers.count() == 0
