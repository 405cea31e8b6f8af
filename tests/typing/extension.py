"""What type checkers make of packages that extend a model; checked by `nox -s types`, never run."""

from __future__ import annotations

from typing import Any, assert_type

from crmkit import Customer, Extension, Fields, Session, connect, extend, integer, text


class Loyalty(Fields):
    """The fields of a package."""

    points: int = integer(default=0)
    card: str | None = text(default=None)


loyalty = extend(Customer, by="acme-loyalty", fields=Loyalty)
loose = extend(Customer, by="best-vat", fields={"vat_rate": integer(default=19)})


def read(customer: Customer) -> None:
    assert_type(loyalty.of(customer), Loyalty)
    assert_type(loyalty.of(customer).points, int)
    assert_type(loyalty.of(customer).card, str | None)
    loyalty.of(customer).pionts  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018 - misspelt
    assert_type(loose, Extension[..., Any])
    assert_type(loose.of(customer).vat_rate, Any)


def written(s: Session, customer: Customer) -> None:
    assert_type(loyalty.evolve(customer, points=5), Customer)
    assert_type(s.customers.update(loyalty.evolve(customer, points=5, card="A")), Customer)
    assert_type(loose.evolve(customer, vat_rate=7), Customer)
    assert_type(s.customers.model, type[Customer])
    loyalty.evolve(customer, points="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # not a number
    loyalty.evolve(customer, pionts=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # misspelt


def connected() -> None:
    connect("memory://", extensions=[loyalty, loose])
    connect("memory://", extensions=[Loyalty])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]  # not made by extend
