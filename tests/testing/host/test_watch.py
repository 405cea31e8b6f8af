"""Statements are counted where every store is asked, so on every store."""

from __future__ import annotations

import asyncio

import pytest

from crmkit import BadDefinition, Crm, Customer, NotFound, aconnect, connect, system
from crmkit.testing import Asked, asked, assert_statements, watched
from crmkit.values.identifier import NEW

job = system("test")


def test_a_session_that_was_open_before_is_counted_too(crm: Crm) -> None:
    with crm.session(job) as s:
        s.customers.add(Customer(name="Acme"))
        with asked(crm) as found:
            s.customers.find()
            s.commit()
        s.customers.find()
    assert found == [Asked("fetch", "customer"), Asked("commit")]


def test_a_wrong_number_is_told_with_what_was_asked(crm: Crm) -> None:
    with crm.session(job) as s:
        with pytest.raises(AssertionError) as caught, assert_statements(crm, 1):
            s.customers.find()
            s.contacts.count()
        assert str(caught.value) == "1 statements were expected, and there were 2:\n  fetch customer\n  tally contact"
        with (
            pytest.raises(AssertionError, match="1 statements were expected, and there were 0: none"),
            assert_statements(crm, 1),
        ):
            pass


def test_parts_may_overlap(crm: Crm) -> None:
    with crm.session(job) as s, assert_statements(crm, 2):
        with assert_statements(crm, 1):
            s.customers.find()
        with assert_statements(crm, 1), assert_statements(crm, 1):
            s.customers.count()


def test_an_error_within_is_not_hidden(crm: Crm) -> None:
    with crm.session(job) as s, pytest.raises(NotFound), assert_statements(crm, 7):
        s.customers.get(NEW)
    with assert_statements(crm, 0):
        pass


def test_a_crm_that_is_not_watched_is_refused() -> None:
    with connect("memory://") as crm, pytest.raises(BadDefinition, match=r"connect\(watched\(url\)\)"), asked(crm):
        pass


def test_what_is_awaited_is_counted_as_well() -> None:
    async def main() -> list[Asked]:
        async with aconnect(watched("sqlite://", awaited=True)) as crm, crm.session(job) as s:
            with assert_statements(crm, 1) as found:
                await s.customers.add(Customer(name="Acme"))
            return found

    assert asyncio.run(main()) == [Asked("insert", "customer")]
