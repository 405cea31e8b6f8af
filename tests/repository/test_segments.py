"""Segments at work, on every store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crmkit import BadDefinition, BadExpression, Contact, Crm, Customer, NotFound, Segment, connect, f, system
from crmkit.segment import changes

job = system("test")
VIP = Segment("vip", Customer, f.tags.has("vip") & f.contacts.any(f.role == "decision_maker"))


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url) as crm:
        yield crm


def test_a_segment_is_kept_found_and_read_by_the_store(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme", tags=("vip",), country="DE"))
        s.customers.add(Customer(name="Bare", tags=("vip",)))
        s.contacts.add(Contact(name="Bo", customer_id=acme.id, role="decision_maker"))
        s.segments.save(VIP)
    with crm.session(job) as s:
        vip = s.segments.get("vip")
        assert vip == VIP
        assert s.segments.names() == ["vip"]
        assert s.segments.count(vip) == 1
        assert [each.name for each in s.segments.members(vip)] == ["Acme"]
        assert s.customers.count(vip & (f.country == "DE")) == 1
        assert s.customers.count(vip & (f.country == "FR")) == 0
        assert [each.name for each in s.customers.find(~vip)] == ["Bare"]
        s.segments.save(Segment("vip", Customer, f.country == "FR", description="narrower"))
        assert s.segments.names() == ["vip"]
        assert s.segments.count(s.segments.get("vip")) == 0
        with pytest.raises(NotFound, match="there is no segment 'wip'"):
            s.segments.get("wip")
        with pytest.raises(BadExpression, match="picks from customer, and this is contact"):
            s.contacts.find(vip)


def test_who_entered_and_who_left(crm: Crm) -> None:
    large = Segment("large", Customer, f.employees > 100)
    with crm.session(job) as s:
        grows = s.customers.add(Customer(name="Grows", employees=50))
        shrinks = s.customers.add(Customer(name="Shrinks", employees=500))
        before = s.segments.ids(large)
        grows = s.customers.update(grows, employees=150)
        s.customers.update(shrinks, employees=5)
        moved = changes(before, s.segments.ids(large))
        assert (moved.entered, moved.left) == ({grows.id}, {shrinks.id})


def test_something_that_is_not_a_segment_is_refused(crm: Crm) -> None:
    with crm.session(job) as s:
        s.segments.save(Segment("german", Customer, f.country == "DE"))
        with pytest.raises(NotFound, match="there is no segment 'germn'. Did you mean 'german'?"):
            s.segments.get("germn")
        for call in (s.segments.save, s.segments.count, s.segments.ids):
            with pytest.raises(BadDefinition, match="a segment is expected, not str."):
                call("german")  # type: ignore[operator]  # wrong on purpose
