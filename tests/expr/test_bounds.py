"""However an expression was made, what it may cost is bounded before a store sees it."""

from collections.abc import Callable

import pytest

from crmkit import BadExpression, Customer, connect, f, system, where_from
from crmkit.expr.build import Name
from crmkit.expr.node import Expr

job = system("test")


def along(number: int) -> Expr:
    return Name(*["parent"] * number, "name") == "x"


def within(number: int) -> Expr:
    made: Expr = f.name == "x"
    for _ in range(number):
        made = f.subsidiaries.any(made)
    return made


def negated(number: int) -> Expr:
    made: Expr = f.name == "x"
    for _ in range(number):
        made = ~(made & (f.name != "y"))
    return made


@pytest.mark.parametrize(("make", "most", "beyond"), [(along, 8, 9), (within, 8, 9), (negated, 31, 32)])
def test_the_deepest_that_is_taken_is_answered_and_one_more_is_refused(
    store_url: str, make: Callable[[int], Expr], most: int, beyond: int
) -> None:
    with connect(store_url) as crm, crm.session(job) as s:
        s.customers.add(Customer(name="x"))
        s.customers.count(make(most))
        with pytest.raises(BadExpression, match="more than"):
            s.customers.count(make(beyond))


@pytest.mark.parametrize("make", [along, within, negated])
def test_what_is_absurdly_deep_is_refused_like_what_is_just_too_deep(make: Callable[[int], Expr]) -> None:
    with connect("memory://") as crm, crm.session(job) as s, pytest.raises(BadExpression):
        s.customers.count(make(3000))


def test_a_path_in_an_order_in_a_group_and_in_a_query_string_is_bounded_too() -> None:
    with connect("memory://") as crm, crm.session(job) as s:
        with pytest.raises(BadExpression, match="more than 8 relations"):
            s.customers.find(order=Name(*["parent"] * 9, "name"))
        with pytest.raises(BadExpression, match="more than 8 relations"):
            s.customers.tally(by=Name(*["parent"] * 9, "name"))
    with pytest.raises(BadExpression, match="more than 8 relations"):
        where_from(Customer, {"parent." * 9 + "name": "x"})
