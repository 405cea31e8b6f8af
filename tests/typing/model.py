"""What type checkers make of declarations: each kind is of its own type, and optional where its default is `None`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, assert_type
from uuid import UUID

from crmkit import (
    Expr,
    Money,
    Opportunity,
    Record,
    TextField,
    choice,
    day,
    decimal,
    declare,
    document,
    entity,
    everything,
    extra,
    f,
    flag,
    instant,
    integer,
    key,
    link,
    money,
    nothing,
    tags,
    text,
)


@entity()
class Whole(Record):
    """Fields that must have a value."""

    text: str = text()
    word: str = choice("a", "b")
    closed: Literal["a", "b"] = choice("a", "b")
    number: int = integer()
    ratio: Decimal = decimal(scale=2)
    amount: Money = money()
    flag: bool = flag(default=False)
    day: date = day()
    instant: datetime = instant(default=datetime(2026, 1, 1, tzinfo=UTC))
    key: UUID = key()
    owner_id: UUID = link("user")
    labels: tuple[str, ...] = tags()
    more: Mapping[str, Any] = extra()
    facts: str = document()
    own: str = declare(TextField(max=7))


@entity()
class Partial(Record):
    """Fields whose value may be missing."""

    text: str | None = text(default=None)
    word: str | None = choice("a", "b", default=None)
    closed: Literal["a", "b"] | None = choice("a", "b", default=None)
    number: int | None = integer(default=None)
    ratio: Decimal | None = decimal(scale=2, default=None)
    amount: Money | None = money(default=None)
    flag: bool | None = flag(default=None)
    day: date | None = day(default=None)
    instant: datetime | None = instant(default=None)
    key: UUID | None = key(default=None)
    owner_id: UUID | None = link("user", default=None)
    facts: str | None = document(default=None)
    own: str | None = declare(TextField(max=7), default=None)


@entity()
class OfOtherKinds(Record):
    """Annotations that say something else than their declarations."""

    text: int = text()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # text is not a number
    number: str = integer()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # as above
    seats: str = integer(default=4)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # as above
    ratio: float = decimal(scale=2)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # not a float
    amount: Decimal = money()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # has a currency
    flag: str = flag()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # true or false
    day: datetime = day()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # has no time
    key: str = key()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # not its text
    owner_id: int = link("user")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a UUID
    labels: list[str] = tags()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a tuple


@entity()
class Hollow(Record):
    """Annotations that leave no room for a missing value."""

    text: str = text(default=None)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # or None
    word: str = choice("a", default=None)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # as above
    number: int = integer(default=None)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # as above
    amount: Money = money(default=None)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # as above
    flag: bool = flag(default=None)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # as above
    day: date = day(default=None)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # as above
    owner_id: UUID = link("user", default=None)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # as above


def read(deal: Opportunity, whole: Whole, part: Partial) -> None:
    assert_type(deal.outcome, Literal["open", "won", "lost", "done"])
    assert_type(whole.number, int)
    assert_type(part.number, int | None)
    assert_type(part.closed, Literal["a", "b"] | None)


def refused() -> None:
    Whole(number=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # required fields are missing


def built_up(*, still_open: bool) -> Expr:
    where, never = everything, nothing
    where &= f.name == "x"
    never |= f.name == "x"
    if still_open:
        where &= f.outcome == "open"
    return where | never
