"""Two strangers' packages and a host change one operation at once, in every order; each may leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from crmkit import Contact, Crm, Customer, Money, MoveRefused, Opportunity, connect, f, system
from tests.stranger.lifts import fleet, house, vat

nightly = system("test")
DAY = dt.date(2026, 3, 1)
Reopen = Callable[..., Crm]
STEPS: dict[str, Any] = {"fleet": fleet.STEPS, "vat": vat.STEPS, "house": house.steps()}
EXTENSIONS: dict[str, Any] = {"fleet": fleet.EXTENSIONS, "vat": vat.EXTENSIONS, "house": ()}
TOPICS = {"fleet": "acme.planned", "vat": "best.taxed", "house": "lifts.signed"}
REASONS = {"fleet": "Say when the job begins.", "vat": "There is no amount to tax.", "house": "Say what comes next."}
ORDERS = [pytest.param(order, id="-".join(order)) for order in permutations(TOPICS)]


def given(who: Iterable[str]) -> dict[str, Any]:
    """What a CRM is connected with that has these packages, in this order; the host's model is always there."""
    who = list(who)
    return {
        "steps": [each for name in who for each in STEPS[name]],
        "extensions": [each for name in who for each in EXTENSIONS[name]],
        "models": [house.Site],
        "outbox": True,
    }


def bare(crm: Crm) -> Opportunity:
    """A deal that nobody is content with."""
    with crm.session(nightly) as s:
        site = s.customers.add(house.Site(name="Harbour"))
        s.contacts.add(Contact(name="Bo Li", customer_id=site.id))
        return s.opportunities.add(Opportunity(name="Shaft", customer_id=site.id))


def signed(crm: Crm, deal: Opportunity, **more: Any) -> Opportunity:
    with crm.session(nightly) as s:
        deal = s.opportunities.advance(s.opportunities.get(deal.id), "needs")
        return s.opportunities.advance(deal, "won", amount=Money(900, "EUR"), **more)


def topics(crm: Crm, deal: Opportunity) -> list[str]:
    with crm.session(nightly) as s:
        messages = s.outbox.find((f.record_id == deal.id) & f.topic.one_of(*TOPICS.values()), order=f.id)
        return [each.topic for each in messages]


@pytest.mark.parametrize("order", ORDERS)
def test_all_of_them_have_their_say_in_any_order(reopen: Reopen, order: Sequence[str]) -> None:
    crm = reopen(connect, **given(order))
    deal = bare(crm)
    with crm.session(nightly) as s:
        told = s.opportunities.why_not(deal, "won")
        said = [name for name in order if REASONS[name] in told]
        assert said == [name for name in order if name != "house"]
        assert sorted(said, key=lambda name: told.index(REASONS[name])) == said
    with crm.session(nightly) as s, pytest.raises(MoveRefused):
        s.opportunities.advance(deal, "won")
    assert topics(crm, deal) == []
    deal = signed(crm, deal, job_begins=DAY, job_lifts=0)
    assert (fleet.job.of(deal).job_lifts, vat.invoicing.of(deal).invoice_rate) == (1, Decimal(19))
    assert topics(crm, deal) == [TOPICS[name] for name in order]


@pytest.mark.parametrize("gone", ["fleet", "vat"])
@pytest.mark.parametrize("order", ORDERS)
def test_one_leaves_and_the_data_of_the_others_stay(reopen: Reopen, order: Sequence[str], gone: str) -> None:
    crm = reopen(connect, **given(order))
    deal = signed(crm, bare(crm), job_begins=DAY, job_lifts=7)
    with crm.session(nightly) as s:
        site = s.customers.find()[0]
        site = s.customers.update(fleet.fleet.evolve(site, fleet_lifts=4), vat_level="high", x_lots=9)
    stays = {"fleet": (vat.vat, vat.invoicing), "vat": (fleet.fleet, fleet.job)}[gone]
    left = {"vat": (vat.vat, vat.invoicing), "fleet": (fleet.fleet, fleet.job)}[gone]
    records: tuple[Customer, Opportunity] = (site, deal)
    kept = [each.of(record) for each, record in zip(stays, records, strict=True)]
    lost = [each.of(record) for each, record in zip(left, records, strict=True)]
    before = topics(crm, deal)

    crm = reopen(connect, **given(name for name in order if name != gone))
    with crm.session(nightly) as s:
        held = s.customers.get(site.id), s.opportunities.get(deal.id)
        assert [each.of(record) for each, record in zip(stays, held, strict=True)] == kept
        assert held[0].x_lots == 9  # type: ignore[attr-defined]
        s.customers.update(held[0], name="Harbour Ltd")
    more = {} if gone == "fleet" else {"job_begins": DAY}
    other = signed(crm, bare(crm), **more)
    assert topics(crm, other) == [TOPICS[name] for name in order if name != gone]
    assert topics(crm, deal) == before

    crm = reopen(connect, **given(reversed(order)))
    with crm.session(nightly) as s:
        held = s.customers.get(site.id), s.opportunities.get(deal.id)
        assert [each.of(record) for each, record in zip(stays, held, strict=True)] == kept
        assert [each.of(record) for each, record in zip(left, held, strict=True)] == lost
        new = s.opportunities.get(other.id)
        missing = fleet.job.of(new).job_lifts if gone == "fleet" else vat.invoicing.of(new).invoice_rate
        assert missing == (1 if gone == "fleet" else None)
