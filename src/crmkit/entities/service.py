"""Tickets: what customers ask, report and complain of, and the messages about it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from crmkit.entities.staged import Staged
from crmkit.model.declare import Record, choice, entity, flag, instant, integer, link, tags, text


@entity(
    indexes=(
        ("created_at",),
        ("outcome", "closed_at"),
        ("outcome", "due_at"),
        ("owner_id", "outcome"),
        ("team_id", "outcome"),
        ("customer_id", "outcome"),
    )
)
class Ticket(Staged):
    """A question, incident, complaint, request or piece of feedback, from the first word to the answer."""

    subject: str = text(min=1, max=300, search=True, doc="What it is about, in one line.")
    number: str | None = text(
        default=None, max=60, unique=True, doc="The number customers quote; no two tickets share one."
    )
    description: str | None = text(default=None, max=200_000, doc="What happened or is wanted, in detail.")
    kind: str = choice(
        "question",
        "incident",
        "complaint",
        "request",
        "feedback",
        default="question",
        doc="What sort it is.",
    )
    category: str | None = text(default=None, max=100, doc="The topic, in the product's own words.")
    priority: str = choice("low", "normal", "high", "urgent", default="normal", doc="How pressing it is.")
    channel: str | None = text(default=None, max=60, doc="How it came in, such as email, phone, chat or web.")
    customer_id: UUID | None = link("customer", back="tickets", default=None, doc="The customer concerned.")
    contact_id: UUID | None = link("contact", back="tickets", default=None, doc="The person who asks.")
    product_id: UUID | None = link("product", back="tickets", default=None, doc="The product concerned.")
    owner_id: UUID | None = link("user", back="tickets", default=None, doc="The user who works on it.")
    team_id: UUID | None = link("team", back="tickets", default=None, doc="The team that works on it.")
    due_at: datetime | None = instant(default=None, doc="When it is to be solved at the latest.")
    first_response_at: datetime | None = instant(default=None, doc="When somebody first answered.")
    resolved_at: datetime | None = instant(default=None, doc="When a solution was given.")
    escalated: bool = flag(default=False, doc="Whether somebody above was called in.")
    cause: str | None = text(default=None, max=4_000, doc="What turned out to be behind it.")
    solution: str | None = text(default=None, max=32_000, doc="What solved it.")
    satisfaction: int | None = integer(
        default=None, min=1, max=5, doc="How content the customer was, 5 being the best."
    )
    satisfaction_notes: str | None = text(default=None, max=10_000, doc="What the customer said about the service.")
    tags: tuple[str, ...] = tags(default=(), doc="Free marks.")


@entity(indexes=(("ticket_id", "at"),))
class TicketMessage(Record):
    """One message about a ticket: from the customer, to the customer, or among colleagues."""

    ticket_id: UUID = link("ticket", back="messages", doc="The ticket it belongs to.")
    direction: str = choice(
        "in", "out", "internal", doc="Whether it came in, went out, or is a note that customers never see."
    )
    at: datetime = instant(doc="When it was sent or written.")
    body: str = text(max=200_000, doc="What it says.")
    subject: str | None = text(default=None, max=300, doc="The subject line, if it has one of its own.")
    channel: str | None = text(default=None, max=60, doc="How it was sent, such as email, phone, chat or web.")
    user_id: UUID | None = link("user", back="ticket_messages", default=None, doc="The user who wrote it.")
    contact_id: UUID | None = link("contact", back="ticket_messages", default=None, doc="The contact who wrote it.")
    author: str | None = text(default=None, max=320, doc="The name or address of an author who is neither.")
