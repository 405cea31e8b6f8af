"""Keyset pages: in any order and with any gaps, pages joined are the whole, sorted as said."""

from __future__ import annotations

import base64
import contextlib
import json
from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import Customer, connect, f, system
from crmkit.errors import BadExpression
from crmkit.expr.build import Name, Sort
from crmkit.expr.node import Ref

job = system("test")
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


@given(st.text(max_size=60))
def test_no_text_makes_reading_a_cursor_fail_in_another_way(text: str) -> None:
    with connect("memory://") as crm, crm.session(job) as s, contextlib.suppress(BadExpression):
        s.customers.find(after=text)


def cursor(order: str, kind: str, value: object) -> str:
    """Return a cursor as somebody would forge it: an order by one field and the id, and a value as JSON has it."""
    id = ["id", "00000000000000000000000000000007"]
    keys = [[order, False, False], ["id", False, False]]
    return base64.urlsafe_b64encode(json.dumps([keys, [[kind, value], id]]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("order", "kind", "value"),
    [
        (f.score, "", "text"),
        (f.score, "", 2**70),
        (f.score, "", True),
        (f.score, "", 1.5),
        (f.name, "", "\x00"),
        (f.name, "", "\ud800"),
        (f.name, "", None),
        (f.created_at, "at", "2026-01-01T00:00:00"),
        (f.created_at, "on", "2026-01-01"),
        (f.created_at, "id", "7"),
        (f.created_at, "?", "7"),
        (f.parent.score, "", "text"),
        (f.parent.name, "", "\ud800"),
        (f.parent.name, "", 7),
        (f.owner.team_id, "", "text"),
    ],
)
def test_a_forged_cursor_never_reaches_the_store(sqlite_url: str, order: Name, kind: str, value: Any) -> None:
    with connect(sqlite_url) as crm, crm.session(job) as s:
        s.customers.add_many([Customer(name="a"), Customer(name="b")])
        with pytest.raises(BadExpression, match="after is not a cursor"):
            s.customers.find(order=order, after=cursor(order.text.removeprefix("f."), kind, value))


def test_a_cursor_of_another_order_is_refused() -> None:
    with connect("memory://") as crm, crm.session(job) as s:
        s.customers.add_many([Customer(name="a"), Customer(name="b")])
        after = s.customers.find(order=f.parent.name, limit=1).next
        assert s.customers.find(order=f.parent.name, after=after)[0].name == "b"
        for order in (
            f.name,
            -f.parent.name,
            f.parent.country,
            f.parent.parent.name,
            f.parent.name.asc(missing="first"),
        ):
            with pytest.raises(BadExpression, match="after comes from a page in another order"):
                s.customers.find(order=order, after=after)
