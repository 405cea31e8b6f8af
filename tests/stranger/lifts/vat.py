"""A package of another stranger: value added tax."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

from crmkit import (
    Customer,
    Fields,
    Message,
    Money,
    Move,
    Opportunity,
    Refusal,
    advance,
    choice,
    day,
    decimal,
    extend,
    flag,
    link,
    money,
    tags,
    text,
)


class Vat(Fields):
    """What the tax office wants to know of a customer."""

    vat_number: str | None = text(default=None, max=20, unique=True)
    vat_rate: Decimal = decimal(scale=2, default=Decimal(19))
    vat_words: str = text(default="none yet", max=200, search=True)
    vat_due: Money = money(default=Money(0, "EUR"))
    vat_checked: bool = flag(default=False)
    vat_since: dt.date = day(default=dt.date(2026, 1, 31))
    vat_level: str = choice("low", "high", default="low")
    vat_marks: tuple[str, ...] = tags()
    auditor_id: UUID | None = link("user", back="vat_audits", default=None)


class Invoicing(Fields):
    """How a deal is invoiced."""

    invoice_reversed: bool = flag(default=False)
    invoice_words: str | None = text(default=None, max=300)
    invoice_rate: Decimal | None = decimal(scale=2, default=None)
    invoice_on: dt.date | None = day(default=None)


vat = extend(Customer, by="best-vat", fields=Vat)
invoicing = extend(Opportunity, by="best-vat", fields=Invoicing, indexes=[("invoice_on",)])
EXTENSIONS = (vat, invoicing)


def priced(s, move: Move):
    """Refuse to sign what cannot be taxed."""
    if move.target == "won" and move.record.amount is None:
        return Refusal("There is no amount to tax.", code="best_no_amount", fields=["amount"], hint="Set the amount.")
    return None


def rated(s, move: Move):
    """Set the rate of what is signed."""
    return move.having(invoice_rate=Decimal(19)) if move.target == "won" else None


taxed = Message("best.taxed", lambda move: {"amount": str(move.record.amount)} if move.target == "won" else None)
STEPS = (
    advance.before("check", priced),
    advance.before("write", rated),
    advance.after_commit("write", taxed),
)
