"""Sales: leads, opportunities with their lines, and the products that are sold."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from crmkit.entities.party import SIZES
from crmkit.entities.staged import Staged
from crmkit.model.declare import Record, choice, day, decimal, entity, flag, instant, integer, link, money, tags, text
from crmkit.values import Money


@entity(indexes=(("created_at",), ("outcome", "closed_at"), ("owner_id", "outcome")))
class Lead(Staged):
    """Somebody who showed interest and is not a customer yet; won when converted, lost when given up."""

    name: str = text(min=1, max=200, search=True, doc="The full name of the person, or of the firm if nobody is named.")
    given_name: str | None = text(default=None, max=100, doc="The name that family and friends use.")
    family_name: str | None = text(default=None, max=100, doc="The name shared with the family.")
    salutation: str | None = text(default=None, max=60, doc="Forms of address and titles before the name.")
    company: str | None = text(default=None, max=200, search=True, doc="The firm for which the person works.")
    job_title: str | None = text(default=None, max=120, doc="What the person's post is called.")
    email: str | None = text(
        default=None, max=320, search=True, index=True, doc="The e-mail address, without blanks around it."
    )
    phone: str | None = text(default=None, max=60, index=True, doc="The phone number, as it is dialled.")
    mobile: str | None = text(default=None, max=60, doc="The mobile phone number, as it is dialled.")
    website: str | None = text(default=None, max=500, doc="The address of the web site.")
    industry: str | None = text(default=None, max=100, doc="The branch of business, in the product's own words.")
    size: str | None = choice(*SIZES, default=None, doc="The size of the firm.")
    employees: int | None = integer(default=None, min=0, doc="How many people work at the firm.")
    annual_revenue: Money | None = money(default=None, doc="What the firm earns in a year.")
    street: str | None = text(default=None, max=300, doc="Street and house number; lines are kept.")
    postcode: str | None = text(default=None, max=20, doc="The postal code, leading zeros included.")
    city: str | None = text(default=None, max=100, doc="The town.")
    province: str | None = text(default=None, max=100, doc="The state, province or county.")
    country: str | None = text(default=None, min=2, max=2, doc='The ISO 3166-1 code of the country, such as "DE".')
    region: str | None = text(default=None, max=100, doc="The sales region, in the product's own words.")
    language: str | None = text(
        default=None, max=35, doc='The BCP 47 tag of the language to write in, such as "pt-BR".'
    )
    source: str | None = text(default=None, max=100, doc="How the lead came in, such as web, trade_show or phone.")
    campaign_id: UUID | None = link("campaign", back="leads", default=None, doc="The campaign that brought the lead.")
    product_id: UUID | None = link("product", back="leads", default=None, doc="The product of interest.")
    intent: str | None = choice("low", "medium", "high", default=None, doc="How serious the wish to buy seems.")
    need: str | None = text(default=None, max=10_000, doc="What the lead needs, in words.")
    budget: Money | None = money(default=None, min=0, doc="What the lead can spend.")
    score: int = integer(default=0, index=True, doc="Points that tell how promising the lead is.")
    rating: str | None = choice("cold", "warm", "hot", default=None, doc="How promising the lead is, at a glance.")
    owner_id: UUID | None = link("user", back="leads", default=None, doc="The user who follows the lead up.")
    team_id: UUID | None = link("team", back="leads", default=None, doc="The team that follows the lead up.")
    assigned_at: datetime | None = instant(default=None, doc="When the present owner got the lead.")
    last_contact_at: datetime | None = instant(default=None, doc="When somebody last was in touch.")
    do_not_contact: bool = flag(default=False, doc="Whether the person asked not to be contacted by any channel.")
    lost_reason: str | None = text(default=None, max=100, doc="Why the lead was given up, as one of a few words.")
    lost_notes: str | None = text(default=None, max=4_000, doc="Why the lead was given up, in detail.")
    converted_customer_id: UUID | None = link(
        "customer", back="leads", default=None, doc="The customer that conversion made or found."
    )
    converted_contact_id: UUID | None = link(
        "contact", back="leads", default=None, doc="The contact that conversion made or found."
    )
    converted_opportunity_id: UUID | None = link(
        "opportunity", back="leads", default=None, doc="The opportunity that conversion opened."
    )
    tags: tuple[str, ...] = tags(default=(), doc="Free marks.")
    notes: str | None = text(default=None, max=32_000, doc="Anything else worth knowing.")


@entity(
    plural="opportunities",
    indexes=(
        ("created_at",),
        ("outcome", "closed_at"),
        ("outcome", "close_date"),
        ("owner_id", "outcome"),
        ("customer_id", "outcome"),
    ),
)
class Opportunity(Staged):
    """A deal that may be won: who might buy, for how much, and when."""

    name: str = text(min=1, max=200, search=True, doc="What the deal is called.")
    customer_id: UUID | None = link("customer", back="opportunities", default=None, doc="The customer who might buy.")
    contact_id: UUID | None = link("contact", back="opportunities", default=None, doc="The person to talk to.")
    amount: Money | None = money(default=None, index=True, doc="What the deal is worth; missing while nobody knows.")
    close_date: date | None = day(default=None, doc="The day on which it is expected to close, or did.")
    probability: int | None = integer(
        default=None, min=0, max=100, doc="The chance to win in per cent, where it is not the one of the stage."
    )
    forecast_category: str | None = choice(
        "omitted", "pipeline", "best_case", "commit", default=None, doc="How firmly the deal counts in the forecast."
    )
    kind: str | None = choice(
        "new", "renewal", "expansion", default=None, doc="Whether it is new business or more of the old."
    )
    source: str | None = text(default=None, max=100, doc="Where the deal came from, such as web or referral.")
    campaign_id: UUID | None = link("campaign", back="opportunities", default=None, doc="The campaign that brought it.")
    product_id: UUID | None = link(
        "product", back="opportunities", default=None, doc="The main product; lines hold the details."
    )
    needs: str | None = text(default=None, max=10_000, doc="What the customer needs, as found out.")
    competitor: str | None = text(default=None, max=200, doc="Who else is in the running, or won.")
    next_step: str | None = text(default=None, max=500, doc="What is to be done next.")
    lost_reason: str | None = text(default=None, max=100, doc="Why the deal was lost, as one of a few words.")
    lost_notes: str | None = text(default=None, max=4_000, doc="Why the deal was lost, in detail.")
    win_back_on: date | None = day(default=None, doc="When to try again after a loss.")
    owner_id: UUID | None = link("user", back="opportunities", default=None, doc="The user who sells.")
    team_id: UUID | None = link("team", back="opportunities", default=None, doc="The team that sells.")
    tags: tuple[str, ...] = tags(default=(), doc="Free marks.")
    description: str | None = text(default=None, max=32_000, doc="Anything else worth knowing.")


@entity(indexes=(("opportunity_id", "position"),))
class OpportunityLine(Record):
    """One product or service in an opportunity, at the price agreed there."""

    opportunity_id: UUID = link("opportunity", back="lines", doc="The opportunity it is part of.")
    position: int = integer(default=1, min=1, doc="Its place among the lines, from 1.")
    product_id: UUID | None = link(
        "product", back="lines", default=None, doc="The product; missing for something special."
    )
    name: str | None = text(default=None, max=200, doc="What is sold, as this offer words it.")
    quantity: Decimal = decimal(scale=4, default=Decimal(1), min=0, doc="How many units.")
    unit_price: Money | None = money(default=None, doc="The price of one unit in this deal, before the discount.")
    discount: Decimal | None = decimal(
        scale=4, default=None, min=0, max=100, doc="The discount on the price, in per cent."
    )
    amount: Money | None = money(default=None, doc="The line's total as agreed: after the discount, and rounded.")


@entity(indexes=(("active", "name"),))
class Product(Record):
    """Something that is sold, goods or a service; one no longer sold stays, inactive, for the deals it was part of."""

    name: str = text(min=1, max=200, search=True, index=True, doc="What the product is called.")
    sku: str | None = text(default=None, max=80, unique=True, doc="The stock keeping unit; no two products share one.")
    family: str | None = text(default=None, max=100, index=True, doc="The series or group it belongs to.")
    price: Money | None = money(default=None, min=0, doc="The list price of one unit, without tax.")
    cost: Money | None = money(default=None, min=0, doc="What one unit costs the seller.")
    unit: str | None = text(default=None, max=40, doc="What one of it is, such as piece, hour or licence.")
    tax_rate: Decimal | None = decimal(scale=4, default=None, min=0, max=100, doc="The tax on the price, in per cent.")
    active: bool = flag(default=True, doc="Whether it is still sold.")
    tags: tuple[str, ...] = tags(default=(), doc="Free marks.")
    description: str | None = text(default=None, max=32_000, doc="What the product is and does.")
