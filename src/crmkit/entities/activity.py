"""What people did and are going to do: activities and tasks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from crmkit.model.declare import Record, choice, entity, instant, integer, link, tags, text

_CONCERNED = ("customer_id", "contact_id", "lead_id", "opportunity_id", "ticket_id", "campaign_id")
"""The links to what an activity or a task is about."""


@entity(
    plural="activities",
    indexes=(
        ("kind", "at"),
        ("customer_id", "at"),
        ("contact_id", "at"),
        ("lead_id", "at"),
        ("opportunity_id", "at"),
        ("ticket_id", "at"),
        ("campaign_id", "at"),
        ("owner_id", "at"),
    ),
    about=_CONCERNED,
)
class Activity(Record):
    """A call, visit, meeting, e-mail or note, planned or past, with everything it concerns."""

    kind: str = choice("call", "visit", "meeting", "email", "note", doc="What sort of activity it is.")
    subject: str = text(default="", max=300, search=True, doc="What it is about, in one line.")
    body: str | None = text(default=None, max=200_000, doc="What was said, written or found.")
    at: datetime = instant(index=True, doc="When it took place, or is to begin.")
    duration: int | None = integer(default=None, min=0, doc="How long it took or is to take, in seconds.")
    status: str = choice(
        "planned", "done", "cancelled", default="done", doc="Whether it lies ahead, took place or will not."
    )
    direction: str | None = choice("in", "out", default=None, doc="Whether the customer got in touch, or we did.")
    place: str | None = text(default=None, max=300, doc="Where it takes place, or the link of an online meeting.")
    result: str | None = text(default=None, max=2_000, doc="What came of it.")
    customer_id: UUID | None = link("customer", back="activities", default=None, doc="The customer concerned.")
    contact_id: UUID | None = link("contact", back="activities", default=None, doc="The contact concerned.")
    lead_id: UUID | None = link("lead", back="activities", default=None, doc="The lead concerned.")
    opportunity_id: UUID | None = link("opportunity", back="activities", default=None, doc="The opportunity concerned.")
    ticket_id: UUID | None = link("ticket", back="activities", default=None, doc="The ticket concerned.")
    campaign_id: UUID | None = link("campaign", back="activities", default=None, doc="The campaign concerned.")
    owner_id: UUID | None = link("user", back="activities", default=None, doc="The user who does or did it.")
    tags: tuple[str, ...] = tags(default=(), doc="Free marks.")


@entity(
    indexes=(("status", "due_at"), ("owner_id", "status", "due_at"), ("status", "remind_at")),
    about=_CONCERNED,
)
class Task(Record):
    """Something to be done by somebody, with a time to be reminded."""

    subject: str = text(min=1, max=300, search=True, doc="What is to be done, in one line.")
    description: str | None = text(default=None, max=32_000, doc="What is to be done, in detail.")
    status: str = choice(
        "open", "in_progress", "waiting", "done", "cancelled", default="open", doc="Where the work on it stands."
    )
    priority: str = choice("low", "normal", "high", "urgent", default="normal", doc="How pressing it is.")
    due_at: datetime | None = instant(default=None, doc="When it is to be done at the latest.")
    remind_at: datetime | None = instant(default=None, doc="When the owner wants to be reminded.")
    done_at: datetime | None = instant(default=None, index=True, doc="When it was done.")
    owner_id: UUID | None = link("user", back="tasks", default=None, doc="The user who is to do it.")
    customer_id: UUID | None = link("customer", back="tasks", default=None, doc="The customer concerned.")
    contact_id: UUID | None = link("contact", back="tasks", default=None, doc="The contact concerned.")
    lead_id: UUID | None = link("lead", back="tasks", default=None, doc="The lead concerned.")
    opportunity_id: UUID | None = link("opportunity", back="tasks", default=None, doc="The opportunity concerned.")
    ticket_id: UUID | None = link("ticket", back="tasks", default=None, doc="The ticket concerned.")
    campaign_id: UUID | None = link("campaign", back="tasks", default=None, doc="The campaign concerned.")
    tags: tuple[str, ...] = tags(default=(), doc="Free marks.")
