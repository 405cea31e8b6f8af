"""A package of one stranger: what a customer has standing, and what a deal is to add."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from crmkit import (
    Contact,
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
    instant,
    integer,
    money,
    tags,
    text,
)


class Fleet(Fields):
    """What stands at a customer's."""

    fleet_lifts: int = integer(default=0, min=0, doc="How many lifts there are.")
    fleet_floors: int | None = integer(default=None, min=1)
    fleet_load: Decimal = decimal(scale=2, default=Decimal(0), doc="Tonnes, of all of them together.")
    fleet_maker: str | None = text(default=None, max=80, search=True)
    fleet_number: str | None = text(default=None, max=20, unique=True)
    fleet_state: str = choice("fine", "due", "stopped", default="fine")
    fleet_inspected: dt.date | None = day(default=None)
    fleet_alarm_at: dt.datetime | None = instant(default=None)
    fleet_contract: bool = flag(default=False)
    fleet_fee: Money | None = money(default=None, min=0)
    fleet_marks: tuple[str, ...] = tags(default=("new",))


class Job(Fields):
    """What a deal is to add."""

    job_lifts: int = integer(default=1, min=0)
    job_kind: str = choice("new", "retrofit", "service", default="new")
    job_begins: dt.date | None = day(default=None)
    job_deposit: Money = money(default=Money(0, "EUR"))


class Pass(Fields):
    """Whom the guards let in."""

    pass_number: str | None = text(default=None, max=20)
    pass_until: dt.date | None = day(default=None)


fleet = extend(Customer, by="acme-fleet", fields=Fleet, indexes=[("fleet_state", "country")])
job = extend(Opportunity, by="acme-fleet", fields=Job)
door_pass = extend(Contact, by="acme-fleet", fields=Pass)
EXTENSIONS = (fleet, job, door_pass)


def begins_some_day(s, move: Move):
    """Refuse to sign what has no first day."""
    if move.target == "won" and job.of(move.record).job_begins is None:
        return Refusal("Say when the job begins.", code="acme_no_begin", fields=["job_begins"])
    return None


def counted(s, move: Move):
    """Count a job that is to begin as one lift at least."""
    if move.kind == "advance" and job.of(move.record).job_lifts == 0:
        return move.having(job_lifts=1)
    return None


planned = Message("acme.planned", lambda move: {"lifts": move.record.job_lifts} if move.target == "won" else None)
STEPS = (
    advance.before("check", begins_some_day),
    advance.before("write", counted),
    advance.after_commit("write", planned),
)
