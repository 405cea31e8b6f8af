"""Keyset pages: in any order and with any gaps, pages joined are the whole, sorted as said."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
from functools import cmp_to_key
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import Customer, connect, f, system
from crmkit.errors import BadExpression
from crmkit.expr.build import Sort
from crmkit.expr.node import Ref
from crmkit.model.schema import schema_of
from crmkit.repository.pager import read_cursor, write_cursor
from crmkit.storage.spi import SortKey

job = system("test")
SCHEMA = schema_of(Customer)
small = st.none() | st.integers(0, 3)
sorts = st.lists(
    st.builds(
        Sort,
        st.sampled_from([Ref(("employees",)), Ref(("founded_year",)), Ref(("name",))]),
        st.booleans(),
        st.sampled_from(["first", "last"]),
    ),
    max_size=3,
)


def compared(sort: Sort, one: Any, other: Any) -> int:
    left, right = getattr(one, sort.ref.path[0]), getattr(other, sort.ref.path[0])
    if left is None or right is None:
        if left is right:
            return 0
        return 1 if (left is None) is (sort.missing == "last") else -1
    return ((left > right) - (left < right)) * (-1 if sort.descending else 1)


@given(
    rows=st.lists(st.tuples(small, st.none() | st.integers(2000, 2002), st.sampled_from("ab")), max_size=12),
    order=sorts,
    size=st.integers(1, 5),
)
def test_pages_joined_are_the_whole_in_order(rows: list[tuple[Any, Any, str]], order: list[Sort], size: int) -> None:
    with connect("memory://") as crm, crm.session(job) as s:
        s.customers.add_many(Customer(name=name, employees=a, founded_year=b) for a, b, name in rows)
        # Ids settle ties, in the direction of the last key; sorting is stable, so they come first.
        whole = sorted(s.customers.stream(), key=lambda each: each.id, reverse=bool(order) and order[-1].descending)
        whole.sort(key=cmp_to_key(lambda x, y: next((d for sort in order if (d := compared(sort, x, y))), 0)))
        joined: list[Customer] = []
        after: str | None = None
        for _ in range(len(rows) + 1):
            page = s.customers.find(order=order, limit=size, after=after)
            assert len(page) <= size
            joined += page
            after = page.next
            if after is None:
                break
        assert joined == whole


def test_a_cursor_comes_back_as_it_was_written() -> None:
    keys = (SortKey("name"), SortKey("employees", descending=True), SortKey("id"))
    values = ("Zoë 🙂", None, UUID(int=7))
    assert read_cursor(SCHEMA, keys, write_cursor(keys, values)) == values


@given(st.text(max_size=60))
def test_no_text_makes_reading_a_cursor_fail_in_another_way(text: str) -> None:
    with contextlib.suppress(BadExpression):
        read_cursor(SCHEMA, (SortKey("id"),), text)


@pytest.mark.parametrize(
    ("order", "value"),
    [
        (f.score, "text"),
        (f.score, 2**70),
        (f.score, True),
        (f.name, "\x00"),
        (f.name, "\ud800"),
        (f.name, None),
        (f.created_at, dt.datetime(2026, 1, 1)),
        (f.created_at, dt.date(2026, 1, 1)),
    ],
)
def test_a_forged_cursor_never_reaches_the_store(sqlite_url: str, order: Ref, value: object) -> None:
    with connect(sqlite_url) as crm, crm.session(job) as s:
        s.customers.add_many([Customer(name="a"), Customer(name="b")])
        column = order.path[0]
        forged = write_cursor((SortKey(column), SortKey("id")), (value, UUID(int=7))) if value != "\ud800" else SPLIT
        with pytest.raises(BadExpression, match="after is no cursor"):
            s.customers.find(order=order, after=forged)


SPLIT = base64.urlsafe_b64encode(
    rb'[[["name",false,false],["id",false,false]],[["","\ud800"],["id","00000000000000000000000000000007"]]]'
).decode()
