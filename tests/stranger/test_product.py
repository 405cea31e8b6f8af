"""A day at the product of strangers: all that crmkit offers to those who extend it, at once, on every store."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest

from crmkit import (
    Activity,
    Actor,
    BadRecord,
    Contact,
    Crm,
    Customer,
    Money,
    MoveRefused,
    Opportunity,
    Refused,
    RuleBroken,
    Session,
    Unsupported,
    User,
    connect,
    f,
    from_json,
    json_schema,
    system,
    to_dict,
    to_json,
)
from tests.stranger.lifts.fleet import fleet, job
from tests.stranger.lifts.house import PIPELINE, TIDYING, Site
from tests.stranger.lifts.product import LEGACY, awaited_lifts
from tests.stranger.lifts.report import FUNNEL, LARGE, TAXED, board
from tests.stranger.lifts.subscriber import Subscriber
from tests.stranger.lifts.vat import invoicing, vat
from tests.stranger.lifts.warranty.model import Warranty, WarrantyClaim
from tests.stranger.lifts.warranty.warranties import AsyncWarranties
from tests.stranger.lifts.warranty.warranties_blocking import Warranties

nightly = system("test")
DAY = dt.date(2026, 3, 1)
Reopen = Callable[..., Crm]


def harbour(s: Session) -> Customer:
    """A site with everything on it."""
    site = vat.evolve(Site(name="Harbour", industry="office, hotel", x_lots=2, country="DE"), vat_level="high")
    return s.customers.add(fleet.evolve(site, fleet_lifts=4, fleet_fee=Money("99.50", "EUR"), fleet_state="due"))


def ready(s: Session, site: Customer, name: str = "Shaft") -> Opportunity:
    """A deal that may be signed."""
    if site.tax_number is None:
        s.contacts.add(Contact(name="Bo Li", customer_id=site.id, role="decision_maker", phone="1"))
        s.customers.update(site, tax_number="DE1")
    deal = Opportunity(name=name, customer_id=site.id, amount=Money(900, "EUR"))
    return s.opportunities.add(job.evolve(deal, job_begins=DAY, job_lifts=0))


def test_thirty_fields_of_two_packages_and_a_host_stand_on_one_model(crm: Crm) -> None:
    with crm.session(nightly) as s:
        site = harbour(s)
        assert isinstance(site, Site)
        assert (fleet.of(site).fleet_lifts, vat.of(site).vat_rate, site.x_lots) == (4, Decimal(19), 2)
        site = s.customers.update(fleet.evolve(site, fleet_load=Decimal("2.5")), vat_level="low", x_lots=3)
        assert s.customers.count((f.fleet_load > 2) & (f.vat_level == "low") & (f.x_lots == 3)) == 1
        assert s.repository(Site).get(site.id) == site
        assert from_json(s.customers.model, to_json(site)) == site
        described = json_schema(s.customers.model)["properties"]
        assert len([name for name in described if name.startswith(("fleet_", "vat_", "x_", "auditor_"))]) == 23


def test_what_the_host_made_of_a_field_counts(crm: Crm) -> None:
    with crm.session(nightly) as s:
        assert s.customers.add(Site(name="Long", industry="x" * 200)).industry == "x" * 200
        with pytest.raises(BadRecord, match="there were no lifts then"):
            s.customers.update(harbour(s), x_built=dt.date(1800, 1, 1))


def test_rules_hold_on_what_crmkit_brings_along(crm: Crm) -> None:
    with crm.session(nightly) as s:
        site = harbour(s)
        deal = s.opportunities.add(Opportunity(name="Shaft", customer_id=site.id, amount=Money(900, "EUR")))
        s.activities.add(Activity(kind="call", at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC), customer_id=site.id))
    attempts: list[tuple[str, Callable[[Session], object]]] = [
        ("lifts_no_contact", lambda s: s.opportunities.update(deal, amount=Money(200_000, "EUR"))),
        ("growing", lambda s: s.opportunities.update(deal, amount=Money(1, "EUR"))),
        ("a_customer_has_at_most_three_open_deals",
         lambda s: s.opportunities.add_many([Opportunity(name=n, customer_id=site.id) for n in "abc"])),
        ("say_how_to_reach_them", lambda s: s.contacts.add(Contact(name="Nobody"))),
        ("nobody_owns_half_a_town", lambda s: s.customers.update(site, x_lots=900)),
        ("lifts_busy", lambda s: s.customers.delete(site)),
        ("calls_are_kept", lambda s: s.activities.delete(s.activities.find()[0])),
    ]  # fmt: skip
    for code, attempt in attempts:
        with crm.session(nightly) as s:
            with pytest.raises(RuleBroken) as broken:
                attempt(s)
            assert code in [each.code for each in broken.value.breaches]
            s.rollback()
    with crm.session(Actor(id=None, name="Boss", roles=["manager"])) as s:
        assert s.opportunities.update(deal, amount=Money(1, "EUR")).version == 2


def test_a_deal_goes_all_the_way_and_everybody_has_a_hand_in_it(crm: Crm) -> None:
    heard = Subscriber(crm, ["lifts.signed", "acme.planned", "best.taxed", "warranties.due"])
    with crm.session(nightly) as s:
        site = harbour(s)
        bare = s.opportunities.add(Opportunity(name="Bare", customer_id=site.id))
        assert s.opportunities.why_not(bare, "survey") == "Say what comes next."
        assert s.opportunities.why_not(bare, "survey", data={"hurry": True}) == ""
        assert "customer.tax_number" in s.opportunities.why_not(bare, "proposal")
        for reason in ("There is no amount to tax.", "Say when the job begins.", "decision_maker"):
            assert reason in s.opportunities.why_not(bare, "won")
        with pytest.raises(MoveRefused, match="Say what comes next"):
            s.opportunities.advance(bare, "survey")
    with crm.session(nightly) as s:
        deal = s.opportunities.advance(ready(s, site), "survey", next_step="call")
        assert job.of(deal).job_lifts == 1
        assert s.tasks.count(f.subject == "Shaft: survey") == 1
    assert heard.pull() == []
    with crm.session(nightly) as s:
        deal = s.opportunities.advance(deal, "won")
        assert (deal.outcome, invoicing.of(deal).invoice_rate) == ("won", Decimal(19))
        assert [move.to_stage for move in s.stage_moves.find(f.record_id == deal.id, order=f.number)] == [
            "contact", "survey", "won",
        ]  # fmt: skip
    assert sorted(heard.pull()) == [
        ("acme.planned", {"lifts": 1}),
        ("best.taxed", {"amount": "900.00 EUR"}),
        ("lifts.signed", {"name": "Shaft"}),
        ("warranties.due", {"customer": str(site.id)}),
    ]
    assert heard.pull() == []
    with crm.session(nightly) as s:
        with pytest.raises(BadRecord) as locked:
            s.opportunities.update(deal, amount=Money(5_000, "EUR"))
        assert locked.value.problems[0].code == "locked"
        assert "What is won stays won" in s.opportunities.why_not(deal, "survey", data={"hurry": True})


def test_what_is_refused_leaves_neither_a_task_nor_a_message(crm: Crm) -> None:
    heard = Subscriber(crm, ["lifts.signed", "opportunity.moved"])
    with crm.session(nightly) as s:
        deal = s.opportunities.add(Opportunity(name="Bare", next_step="call"))
        with pytest.raises(MoveRefused, match=r"Name the customer\."):
            s.opportunities.advance(deal, "won")
    with pytest.raises(ZeroDivisionError), crm.session(nightly) as s:
        s.opportunities.advance(deal, "survey")
        raise ZeroDivisionError
    assert heard.pull() == []
    with crm.session(nightly) as s:
        assert (s.tasks.count(), s.opportunities.get(deal.id).stage) == (0, "contact")


def test_a_step_is_replaced_while_data_are_put_in_order(reopen: Reopen) -> None:
    tidying = reopen(steps=TIDYING, capabilities=[])
    with tidying.session(nightly) as s:
        deal = s.opportunities.advance(s.opportunities.add(Opportunity(name="Old")), "won")
        assert deal.outcome == "won"


def test_the_capability_offers_warranties(crm: Crm) -> None:
    with crm.session(nightly) as s:
        site = harbour(s)
        warranty = s.use(Warranties).issue(site, DAY, years=3)
        claim = s.warranties.claim(warranty, "The door jams.", Money("12.50", "EUR"))
        assert s.warranties.settle(claim).state == "settled"
        assert s.warranties.cost(site) == Money("12.50", "EUR")
        assert [each.id for each in s.warranties.running(DAY)] == [warranty.id]
        assert s.repository(WarrantyClaim).count(f.warranty.customer.fleet_lifts > 3) == 1
        spent = s.repository(Warranty).update(s.repository(Warranty).get(warranty.id), claims_left=0)
        with pytest.raises(Refused, match="There are no claims left"):
            s.warranties.claim(spent, "Again.", Money(1, "EUR"))
        with pytest.raises(BadRecord, match="ends after it begins"):
            s.repository(Warranty).update(spent, ends=dt.date(2000, 1, 1))
    with crm.session(Actor(id=None, name="Trial", tenant="trial")) as s:
        assert s.customers.count() == 0
        with pytest.raises(Unsupported, match="does not have the capability 'warranties'"):
            s.use(Warranties)


def test_the_old_system_is_imported(crm: Crm) -> None:
    plan = crm.imports(nightly).plan(LEGACY / "mapping.toml")
    run = plan.apply()
    assert [(each.file, each.create, each.reject) for each in run.counts] == [("sites.csv", 2, 2), ("deals.csv", 2, 1)]
    assert [(each.record, each.code) for each in run.problems] == [(each.record, each.code) for each in plan.problems]
    with crm.session(nightly) as s:
        deal = s.opportunities.first(f.name == "Shaft 1")
        assert (deal.stage, deal.amount, job.of(deal).job_lifts) == ("survey", Money("1234.50", "EUR"), 2)
        assert s.customers.first(f.vat_number == "DE1").industry == "office, hotel"
        assert s.tasks.count(f.subject == "Shaft 1: survey") == 1
    assert crm.imports(nightly).plan(LEGACY / "mapping.toml").total("create") == 0


def test_segments_funnels_and_boards(crm: Crm) -> None:
    with crm.session(nightly) as s:
        site = harbour(s)
        s.customers.add(Site(name="Small"))
        s.segments.save(LARGE)
        s.segments.save(TAXED)
        assert s.segments.count(s.segments.get("large")) == 1
        assert [each.name for each in s.segments.members(LARGE)] == ["Harbour"]
        s.customers.update(site, vat_number="DE9")
        assert s.segments.ids(TAXED) == {site.id}
        s.contacts.add_many([Contact(name=name, customer_id=site.id, phone="1") for name in ("Cy", "Ann", "Bo")])
        s.use(Warranties).issue(site, DAY)
        deal = ready(s, s.customers.get(site.id))
        s.opportunities.advance(ready(s, s.customers.get(site.id), "Signed"), "won")
        report = s.analytics.funnel(FUNNEL)
        assert str(report["due"].conversion("contact", "won")) == "1 of 2 (50.0%)"
        page = board(s)
        assert [each.name for each in page.related(deal, f.customer.contacts, tuple[Contact, ...])] == ["Ann", "Bo"]
        (told,) = to_dict(page, include=True)["records"]
        assert (told["customer"]["fleet_lifts"], len(told["customer"]["warranties"])) == (4, 1)


def test_it_can_be_awaited() -> None:
    async def day() -> None:
        async with awaited_lifts("memory://") as crm, crm.session(nightly) as s:
            site = await s.customers.add(fleet.evolve(Site(name="Harbour", tax_number="DE1"), fleet_lifts=4))
            await s.contacts.add(Contact(name="Bo Li", customer_id=site.id, role="decision_maker", phone="1"))
            deal = Opportunity(name="Shaft", customer_id=site.id, amount=Money(900, "EUR"))
            deal = await s.opportunities.add(job.evolve(deal, job_begins=DAY))
            assert await s.opportunities.why_not(deal, "survey") == "Say what comes next."
            deal = await s.opportunities.advance(deal, "survey", next_step="call")
            assert await s.tasks.count(f.subject == "Shaft: survey") == 1
            with pytest.raises(RuleBroken):
                await s.opportunities.update(deal, amount=Money(1, "EUR"))
            assert (await s.opportunities.advance(deal, "won")).outcome == "won"
            warranty = await s.use(AsyncWarranties).issue(site, DAY)
            assert [each.id async for each in s.use(AsyncWarranties).running(DAY)] == [warranty.id]
            assert len(await board(s)) == 0
            assert await s.outbox.count(f.topic == "lifts.signed") == 1

    asyncio.run(day())


def test_the_database_serves_those_who_know_nothing_of_the_packages(reopen: Reopen) -> None:
    with reopen().session(nightly) as s:
        ann = s.users.add(User(name="Ann"))
        site = s.customers.update(harbour(s), auditor_id=ann.id)
    with reopen(connect, models=[Site]).session(nightly) as s:
        assert s.customers.update(s.customers.get(site.id), name="Harbour Ltd").version == 3
    with reopen().session(nightly) as s:
        held = s.customers.get(site.id)
        assert (held.name, fleet.of(held), vat.of(held).auditor_id) == ("Harbour Ltd", fleet.of(site), ann.id)


def test_its_pipeline_is_a_delta_of_the_built_in_one() -> None:
    assert [stage.name for stage in PIPELINE.stages][:4] == ["contact", "needs", "survey", "proposal"]
    assert "Signed" in PIPELINE.mermaid()
