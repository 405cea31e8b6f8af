"""The clean model: a company that sells packaging machines, its customers and two years of its pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TypeVar

from examples.legacy.vocabulary import (
    FAMILY,
    GIVEN,
    INDUSTRY_SPELLINGS,
    LEGAL,
    LOSS_SPELLINGS,
    NOTES,
    ODD_ACCOUNTS,
    ODD_DEALS,
    OPEN_STAGES,
    PLACES,
    PRODUCTS,
    RARE_NAMES,
    ROLE_SPELLINGS,
    SIZE_SPELLINGS,
    SOURCES,
    STEMS,
    STREETS,
    TAGS,
    TEAMS,
    TITLES,
    TRADES,
)

T = TypeVar("T")

BEGIN = datetime(2025, 1, 1)  # noqa: DTZ001 - the old CRM kept wall clock times of Berlin
CUT_OFF = datetime(2026, 11, 1)  # noqa: DTZ001 - as above
TWIN_NAME = "Müller GmbH"
TWINS = (90, 210)
QUIET = 9


class Dice:
    """Seeded chance that draws from `Random.random` alone, the one method whose sequence Python promises to keep."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def below(self, limit: int) -> int:
        """Return a whole number from 0 up to, but not including, `limit`."""
        return int(self._random() * limit)

    def chance(self, per_mille: int) -> bool:
        """Return whether something happens that happens so many times in a thousand."""
        return self.below(1000) < per_mille

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items, all equally likely."""
        return items[self.below(len(items))]

    def weighted(self, weights: Mapping[T, int]) -> T:
        """Return one of the keys, as likely as its weight."""
        left = self.below(sum(weights.values()))
        for item, weight in weights.items():
            left -= weight
            if left < 0:
                return item
        raise AssertionError("weights are positive, so one of them was met")

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in another order."""
        mixed = list(items)
        for last in range(len(mixed) - 1, 0, -1):
            other = self.below(last + 1)
            mixed[last], mixed[other] = mixed[other], mixed[last]
        return mixed


@dataclass(frozen=True, slots=True)
class Person:
    """A sales rep or a team lead."""

    number: str
    name: str
    email: str
    team: str
    manager: str
    active: bool


@dataclass(frozen=True, slots=True)
class Account:
    """A customer company. `country` is a pair: ISO code and the spelling in the file."""

    number: str
    name: str
    industry: str
    size: str
    team: str
    country: tuple[str, str]
    street: str
    city: str
    postcode: str
    owner: str
    parent: str
    tags: tuple[str, ...]
    notes: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A person who works for an account."""

    number: str
    given: str
    family: str
    account: str
    title: str
    role: str


@dataclass(frozen=True, slots=True)
class Move:
    """One entry of a deal into a stage, at a wall clock time of Berlin."""

    stage: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Deal:
    """An opportunity with every stage it entered, in order."""

    number: str
    name: str
    account: str
    owner: Person
    currency: str
    amount: Decimal | None
    close_date: datetime
    source: str
    loss: str
    moves: tuple[Move, ...]

    @property
    def stage(self) -> str:
        """Where the deal stands now."""
        return self.moves[-1].stage

    @property
    def reached(self) -> int:
        """How many open stages, counted from the first, the deal reached: the furthest ever, or all once it is won."""
        if self.stage == "won":
            return len(OPEN_STAGES)
        return max(OPEN_STAGES.index(move.stage) for move in self.moves if move.stage in OPEN_STAGES) + 1


@dataclass(slots=True)
class Company:
    """Everything the old CRM knew."""

    people: list[Person] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)
    quiet: frozenset[str] = frozenset()


def found(seed: int, *, accounts: int = 400, contacts: int = 900, deals: int = 3000) -> Company:
    """Make the company. `quiet` accounts have no deals and no subsidiaries, so that their loss drags little along."""
    dice = Dice(seed)
    company = Company()
    company.people = _people(dice)
    company.accounts = _accounts(dice, company.people, accounts)
    company.quiet = frozenset(account.number for account in company.accounts[-QUIET:])
    company.contacts = _contacts(dice, company.accounts, contacts)
    linkable = [a for a in company.accounts if a.number not in company.quiet and a.name != TWIN_NAME]
    company.deals = _deals(dice, linkable, company.people, deals)
    return company


def _scattered(items: Sequence[T], index: int, step: int) -> T | None:
    """The next of `items` in the middle of each stretch of `step` records, so that oddities are spread over a file."""
    stretch, position = divmod(index, step)
    return items[stretch] if position == step // 2 and stretch < len(items) else None


def _people(dice: Dice) -> list[Person]:
    names = dice.shuffled([f"{given} {family}" for given in GIVEN for family in FAMILY])
    people: list[Person] = []
    for team in TEAMS:
        lead = names.pop()
        for position in range(6 + dice.below(2)):
            name = names.pop() if position else lead
            number = len(people) + 1
            active = not position or not dice.chance(220)
            email = f"rep{number:02d}@nordwind.example.com"
            people.append(Person(f"U{number:02d}", name, email, team, lead if position else "", active))
    return people


def _accounts(dice: Dice, people: list[Person], count: int) -> list[Account]:
    accounts: list[Account] = []
    plain = dice.shuffled([f"{stem} {trade}" for stem in STEMS for trade in TRADES])
    plain += [f"{name} International" for name in plain]
    for index in range(count):
        team = dice.pick(list(TEAMS))
        code, spellings, cities = dice.pick(PLACES[team])
        city, postcode = dice.pick(cities)
        name = f"{plain[index]} {LEGAL[code]}"
        name = TWIN_NAME if index in TWINS else _scattered(ODD_ACCOUNTS, index, 45) or name
        parents = [a for a in accounts[: count - QUIET] if a.team == team and a.name != TWIN_NAME]
        account = Account(
            number=f"{index + 1:05d}",
            name=name,
            industry=dice.pick(list(INDUSTRY_SPELLINGS)),
            size=dice.pick(list(SIZE_SPELLINGS)),
            team=team,
            country=(code, dice.pick(spellings)),
            street=f"{dice.pick(STREETS)} {1 + dice.below(180)}",
            city=city,
            postcode=postcode,
            owner=dice.pick([p for p in people if p.team == team]).name,
            parent=dice.pick(parents).name if parents and dice.chance(120) else "",
            tags=tuple(tag for tag in TAGS if dice.chance(130)),
            notes=dice.pick(NOTES) if dice.chance(160) else "",
        )
        accounts.append(account)
    return accounts


def _contacts(dice: Dice, accounts: list[Account], count: int) -> list[Contact]:
    contacts: list[Contact] = []
    for index in range(count):
        given, family = _scattered(RARE_NAMES, index, 60) or (dice.pick(GIVEN), dice.pick(FAMILY))
        contact = Contact(
            number=f"C-{index + 1:04d}",
            given=given,
            family=family,
            account=accounts[index if index < len(accounts) else dice.below(len(accounts) - QUIET)].number,
            title=dice.pick(TITLES),
            role=dice.pick(list(ROLE_SPELLINGS)),
        )
        contacts.append(contact)
    return contacts


def _deals(dice: Dice, accounts: list[Account], people: list[Person], count: int) -> list[Deal]:
    span = (CUT_OFF - BEGIN).days
    # The larger of two draws now and then: the company grows, so later months have more deals.
    days = sorted(max(dice.below(span), dice.below(span) if dice.chance(300) else 0) for _ in range(count))
    deals: list[Deal] = []
    for index, day in enumerate(days):
        account = dice.pick(accounts)
        owner = dice.pick([p for p in people if p.team == account.team])
        source = dice.weighted({name: share for name, (share, _, _) in SOURCES.items()})
        moves = _moves(dice, _office_hour(dice, BEGIN + timedelta(days=day)), source, owner.name)
        last = moves[-1]
        name = f"{dice.pick(PRODUCTS)} {account.name.split(maxsplit=1)[0]}"
        closed = last.stage not in OPEN_STAGES
        deal = Deal(
            number=f"{index + 1:06d}",
            name=_scattered(ODD_DEALS, index, 350) or name,
            account=account.name,
            owner=owner,
            currency="USD" if account.team == "North America" else "EUR",
            amount=None,
            close_date=last.at if closed else last.at + timedelta(days=10 + dice.below(90)),
            source=source,
            loss=dice.pick(list(LOSS_SPELLINGS)) if last.stage == "lost" else "",
            moves=moves,
        )
        # Early in a deal nobody knows the price. From the proposal on there always is one.
        early = deal.reached <= OPEN_STAGES.index("needs_analysis") + 1
        deals.append(deal if early and dice.chance(100) else _priced(dice, deal))
    return deals


def _priced(dice: Dice, deal: Deal) -> Deal:
    euros = 800 + dice.below(1200) + (dice.below(300) * dice.below(300) * dice.below(10)) // 10
    cents = dice.pick((0, 0, 0, 50, 90, dice.below(100)))
    amount = Decimal(euros * 100 + cents).scaleb(-2)
    return replace(deal, amount=amount)


def _office_hour(dice: Dice, day: datetime) -> datetime:
    """Some minute of the working day, so that no time falls into the hour that summer time skips or repeats."""
    friday = day - timedelta(days=max(0, day.weekday() - 4))
    return friday.replace(hour=8) + timedelta(minutes=dice.below(600))


def _path(dice: Dice, source: str) -> list[str]:
    """The stages after the first that the deal would enter if there were time enough."""
    _, win, _ = SOURCES[source]
    won = dice.below(100) < win
    furthest = 3 if won else dice.weighted({0: 38, 1: 30, 2: 21, 3: 11})
    path = [stage for stage in OPEN_STAGES[1 : furthest + 1] if not dice.chance(70)]
    if len(path) > 1 and dice.chance(60):
        path.insert(len(path) - 1, path[-2])
        path.insert(len(path) - 2, path[-1])
    if dice.chance(285):
        return path  # stalled: nobody ever closed it
    path.append("won" if won else "lost")
    if dice.chance(35):
        path += [dice.pick(OPEN_STAGES[1:]), dice.pick(("won", "lost", "lost"))]
    return path


def _moves(dice: Dice, created: datetime, source: str, by: str) -> tuple[Move, ...]:
    _, _, slowness = SOURCES[source]
    moves = [Move(OPEN_STAGES[0], created, by)]
    for stage in _path(dice, source):
        draw = dice.below(100)
        at = _office_hour(dice, moves[-1].at + timedelta(days=3 + (draw * draw * slowness) // 24_000))
        if at >= CUT_OFF:
            break
        if stage != moves[-1].stage:
            moves.append(Move(stage, at, by))
    return tuple(moves)
