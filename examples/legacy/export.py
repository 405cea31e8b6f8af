"""The clean model as the old CRM wrote it: one list of rows per file, in its spellings and formats."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from examples.legacy.company import Account, Company, Contact, Deal, Dice, Move, Person
from examples.legacy.vocabulary import (
    ACTIVE_SPELLINGS,
    INDUSTRY_SPELLINGS,
    LOSS_SPELLINGS,
    OPEN_STAGES,
    PROBABILITY,
    ROLE_SPELLINGS,
    SIZE_SPELLINGS,
    SOURCE_SPELLINGS,
    STAGE_SPELLINGS,
    TEAMS,
)

ISO, DAY_FIRST, MONTH_FIRST_TIME, DAY_FIRST_TIME = "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"
NEXT_STEPS = ("Send offer,\ncall back", 'Ask for the "2nd round" budget', "Besuch; Muster mitbringen")


@dataclass(frozen=True, slots=True)
class Format:
    """How one file is written."""

    encoding: str
    delimiter: str
    newline: str


FORMATS = {
    "people.csv": Format("utf-8", ",", "\r\n"),
    "accounts.csv": Format("cp1252", ";", "\r\n"),
    "contacts.csv": Format("utf-8-sig", ",", "\r\n"),
    "opportunities.csv": Format("utf-8-sig", ",", "\r\n"),
    "stage_history.csv": Format("utf-8", ",", "\n"),
}


@dataclass(slots=True)
class Row:
    """One record: its cells, and what must become of it (`reject` is column and code; neither set means it loads)."""

    cells: dict[str, str]
    reject: tuple[str, str] | None = None
    skip: str = ""
    unquoted: str = ""

    @property
    def loads(self) -> bool:
        """Whether the row becomes a record."""
        return self.reject is None and not self.skip

    def values(self) -> list[str]:
        """The cells in order; a cell that somebody forgot to quote falls apart at its comma."""
        values: list[str] = []
        for column, text in self.cells.items():
            values += text.split(",") if column == self.unquoted else [text]
        return values


Files = dict[str, list[Row]]


class Clerk:
    """Writes records down the way people did, and counts every deviation under the name of its kind."""

    def __init__(self, dice: Dice, tally: Counter[str]) -> None:
        self.dice = dice
        self.tally = tally

    def seen(self, kind: str, *, when: bool = True) -> None:
        """Count one deviation of this kind."""
        self.tally[kind] += when

    def spelt(self, kind: str, spellings: Mapping[str, Sequence[str]], value: str) -> str:
        """Return the usual spelling of a value, or now and then another one."""
        usual, *others = spellings[value]
        if not others or not self.dice.chance(80):
            return usual
        self.seen(kind)
        return self.dice.pick(others)

    def linked(self, name: str) -> str:
        """Return a name as somebody typed it who meant another record."""
        if not name or not self.dice.chance(50):
            return name
        self.seen("link by name with blanks or other case")
        return self.dice.pick((f"{name} ", f"  {name}", name.upper(), name.lower()))

    def phone(self) -> str:
        """Return a number in one of the national styles."""
        number = f"{self.dice.below(10_000_000):07d}"
        self.seen("leading zero in a phone number or postcode")
        return self.dice.pick((f"030/{number}", f"0049 40 {number}", f"0{self.dice.below(9) + 1}-{number}"))

    def phone_abroad(self) -> str:
        """Return a number that a spreadsheet takes for a formula."""
        self.seen("formula-like cell")
        return f"+49 30 {self.dice.below(10_000_000):07d}"

    def person(self, person: Person) -> Row:
        """Write down a sales rep."""
        return Row(
            {
                "User ID": person.number,
                "Name": person.name,
                "E-mail": person.email,
                "Team": person.team,
                "Region": TEAMS[person.team],
                "Manager": self.linked(person.manager),
                "Status": self.spelt("misspelt picklist value", ACTIVE_SPELLINGS, str(person.active).lower()),
            }
        )

    def account(self, account: Account) -> Row:
        """Write down a customer."""
        self.seen("leading zero in a phone number or postcode", when=account.postcode.startswith("0"))
        self.seen("newline inside a field", when="\n" in account.notes)
        self.seen("quote inside a field", when='"' in account.notes + account.name)
        self.seen("formula-like cell", when=account.name[0] in "=+-@")
        return Row(
            {
                "Account No": account.number,
                "Account name": account.name,
                "Branch": self.spelt("misspelt picklist value", INDUSTRY_SPELLINGS, account.industry),
                "Employees": self.spelt("misspelt picklist value", SIZE_SPELLINGS, account.size),
                "Region": TEAMS[account.team],
                "Country": account.country[1],
                "Street": account.street,
                "City": account.city,
                "Postcode": account.postcode,
                "Phone": self.phone_abroad() if self.dice.chance(300) else self.phone(),
                "Website": f"www.customer-{account.number}.example.com",
                "Owner": self.linked(account.owner),
                "Parent account": self.linked(account.parent),
                "Tags": " | ".join(account.tags),
                "Notes": account.notes,
            }
        )

    def contact(self, contact: Contact) -> Row:
        """Write down a person at a customer."""
        email = f"{contact.number.lower()}@example.com"
        self.seen("name outside Latin-1", when=_outside_latin_1(contact.given + contact.family))
        if self.dice.chance(40):
            self.seen("e-mail address with blanks or capitals")
            email = f" {email.upper()} "
        return Row(
            {
                "Contact No": contact.number,
                "First name": contact.given,
                "Last name": contact.family,
                "E-mail": email,
                "Phone": self.phone_abroad() if self.dice.chance(300) else self.phone(),
                "Job title": contact.title,
                "Role": self.spelt("misspelt picklist value", ROLE_SPELLINGS, contact.role),
                "Account No": contact.account,
            }
        )

    def deal(self, deal: Deal) -> Row:
        """Write down an opportunity."""
        self.seen("name outside Latin-1", when=_outside_latin_1(deal.name))
        self.seen("formula-like cell", when=deal.name[0] in "=+-@")
        self.seen("quote inside a field", when='"' in deal.name)
        amount, currency = self.price(deal.currency, deal.amount)
        dates = ISO
        if self.dice.chance(15):
            self.seen("date in the other format of its column")
            dates = DAY_FIRST
        step = self.dice.pick(NEXT_STEPS) if self.dice.chance(30) else ""
        self.seen("newline inside a field", when="\n" in step)
        self.seen("quote inside a field", when='"' in step)
        return Row(
            {
                "Opp No": deal.number,
                "Opportunity": deal.name,
                "Account": self.linked(deal.account),
                "Owner": deal.owner.email,
                "Stage": self.spelt("stage in another spelling", STAGE_SPELLINGS, deal.stage),
                "Amount": amount,
                "Curr.": currency,
                "Probability": f"{PROBABILITY[deal.stage]} %",
                "Created": deal.moves[0].at.strftime(MONTH_FIRST_TIME),
                "Close date": deal.close_date.strftime(dates),
                "Lead source": self.spelt("misspelt picklist value", SOURCE_SPELLINGS, deal.source),
                "Loss reason": self.spelt("misspelt picklist value", LOSS_SPELLINGS, deal.loss) if deal.loss else "",
                "Next step": step,
            }
        )

    def price(self, currency: str, amount: Decimal | None) -> tuple[str, str]:
        """The amount with separators of its country, often a sign, and the currency column, sometimes blank."""
        if amount is None:
            self.seen('amount "n/a"')
            return self.dice.pick(("n/a", "N/A", "n/a ")), currency
        us = f"{amount:,.2f}"
        german = us.translate(str.maketrans(",.", ".,"))
        signed = [f"${us}"] if currency == "USD" else [f"{german} €", f"€ {german}", f"{german}\N{NO-BREAK SPACE}€"]
        plain = [us, f"{amount}"] if currency == "USD" else [german, f"{amount}".replace(".", ",")]
        text = self.dice.pick(signed) if self.dice.chance(350) else self.dice.pick(plain)
        self.seen("currency sign in an amount", when=text in signed)
        self.seen("thousands separator in an amount", when="," in text and "." in text)
        if text in signed and self.dice.chance(300):
            self.seen("currency only as a sign in the amount")
            return text, ""
        if self.dice.chance(20):
            self.seen("currency in another spelling")
            return text, "US$" if currency == "USD" else "Euro"
        return text, currency

    def move(self, deal: Deal, old: str, new: str, at: datetime) -> Row:
        """Write down one change of stage."""
        nobody = self.dice.chance(20)
        self.seen("history row without a person", when=nobody)
        return Row(
            {
                "Opp No": deal.number,
                "Old stage": STAGE_SPELLINGS[old][0] if old else "",
                "New stage": self.spelt("stage in another spelling", STAGE_SPELLINGS, new),
                "Changed": at.strftime(DAY_FIRST_TIME),
                "Changed by": "" if nobody else deal.owner.name,
            }
        )

    def history(self, deal: Deal) -> list[Row]:
        """Write down every change of stage of one opportunity."""
        previous = ("", *(move.stage for move in deal.moves))
        return [self.move(deal, old, move.stage, move.at) for old, move in zip(previous, deal.moves, strict=False)]


def _outside_latin_1(text: str) -> bool:
    return any(ord(letter) > 0xFF for letter in text)


def write_down(company: Company, clerk: Clerk) -> Files:
    """Every record of the clean model as a row that loads, before anything goes wrong."""
    return {
        "people.csv": [clerk.person(person) for person in company.people],
        "accounts.csv": [clerk.account(account) for account in company.accounts],
        "contacts.csv": [clerk.contact(contact) for contact in company.contacts],
        "opportunities.csv": [clerk.deal(deal) for deal in company.deals],
        "stage_history.csv": [row for deal in company.deals for row in clerk.history(deal)],
    }


def encoded(name: str, rows: list[Row]) -> bytes:
    """The bytes of one file, header included."""
    layout = FORMATS[name]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=layout.delimiter, lineterminator=layout.newline)
    writer.writerow(rows[0].cells)
    writer.writerows(row.values() for row in rows)
    return out.getvalue().encode(layout.encoding)


def skipped_stages(moves: Sequence[Move]) -> bool:
    """Whether the deal ever jumped forward over an open stage, or was won without having seen them all."""
    order = [*OPEN_STAGES, "won"]
    ranks = [order.index(move.stage) for move in moves if move.stage in order]
    return any(later - earlier > 1 for earlier, later in pairwise(ranks))
