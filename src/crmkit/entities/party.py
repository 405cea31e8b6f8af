"""The parties a business deals with: customers, the people who work there, and where they are."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from crmkit.model.declare import Record, choice, day, entity, flag, instant, integer, link, money, tags, text
from crmkit.values import Money

SIZES = ("micro", "small", "medium", "large", "enterprise")
"""Sizes of an organisation, smallest first; where one ends and the next begins is each product's own affair."""
BUYING_ROLES = ("decision_maker", "influencer", "champion", "user", "blocker", "other")
"""The parts that a person can play when a customer decides to buy."""


@entity(indexes=(("status", "tier", "score"),))
class Customer(Record):
    """An organisation or a person that buys, bought or may buy; organisations form a tree."""

    name: str = text(min=1, max=200, search=True, doc="The name of the organisation, or the full name of the person.")
    kind: str = choice(
        "organisation", "person", default="organisation", doc="Whether it is an organisation or a person."
    )
    status: str = text(
        default="active", max=40, doc='Where the account stands, in the product\'s own words, such as "active".'
    )
    lifecycle: str = choice(
        "potential", "active", "loyal", "lost", default="potential", doc="How far the relationship has come."
    )
    tier: str | None = choice(
        "standard", "bronze", "silver", "gold", "platinum", default=None, doc="The grade by value, lowest first."
    )
    score: int = integer(
        default=0, doc="Points that tell how promising the customer is; what they mean is the product's own affair."
    )
    purchase_potential: str | None = choice(
        "low", "medium", "high", default=None, doc="How much more the customer is expected to buy."
    )
    industry: str | None = text(default=None, max=100, doc="The branch of business, in the product's own words.")
    size: str | None = choice(*SIZES, default=None, doc="The size of the organisation.")
    employees: int | None = integer(default=None, min=0, doc="How many people work there.")
    annual_revenue: Money | None = money(default=None, doc="What the organisation earns in a year.")
    founded_year: int | None = integer(
        default=None, min=1, max=9999, doc="The year in which the organisation was founded."
    )
    birthday: date | None = day(default=None, doc="The date of birth, if the customer is a person.")
    tax_number: str | None = text(default=None, max=60, doc="The number under which it pays value added or sales tax.")
    registration_number: str | None = text(default=None, max=60, doc="The number in the register of companies.")
    email: str | None = text(
        default=None, max=320, index=True, doc="The main e-mail address, without blanks around it."
    )
    phone: str | None = text(default=None, max=60, doc="The main phone number, as it is dialled.")
    website: str | None = text(default=None, max=500, doc="The address of the web site.")
    street: str | None = text(default=None, max=300, doc="Street and house number of the main address; lines are kept.")
    postcode: str | None = text(
        default=None, max=20, doc="The postal code of the main address, leading zeros included."
    )
    city: str | None = text(default=None, max=100, doc="The town of the main address.")
    province: str | None = text(default=None, max=100, doc="The state, province or county of the main address.")
    country: str | None = text(
        default=None, min=2, max=2, doc='The ISO 3166-1 code of the main address\'s country, such as "DE".'
    )
    region: str | None = text(default=None, max=100, doc="The sales region, in the product's own words.")
    language: str | None = text(
        default=None, max=35, doc='The BCP 47 tag of the language to write in, such as "pt-BR".'
    )
    source: str | None = text(default=None, max=100, doc="Where the customer came from, such as web or referral.")
    credit_limit: Money | None = money(default=None, min=0, doc="How much the customer may owe.")
    last_contact_at: datetime | None = instant(default=None, doc="When somebody last was in touch.")
    owner_id: UUID | None = link("user", back="customers", default=None, doc="The user who looks after the customer.")
    team_id: UUID | None = link("team", back="customers", default=None, doc="The team that looks after the customer.")
    parent_id: UUID | None = link(
        "customer", back="subsidiaries", default=None, doc="The organisation that this one belongs to."
    )
    tags: tuple[str, ...] = tags(default=(), doc="Free marks such as vip or newsletter.")
    notes: str | None = text(default=None, max=32_000, doc="Anything else worth knowing.")


@entity(plural="addresses", indexes=(("customer_id", "kind"),))
class Address(Record):
    """A further address of a customer, such as where bills or goods go; the main one is on the customer itself."""

    customer_id: UUID = link("customer", back="addresses", doc="The customer whose address it is.")
    kind: str = choice(
        "billing", "shipping", "office", "home", "other", default="other", doc="What the address is used for."
    )
    label: str | None = text(default=None, max=100, doc="What the customer calls the place, such as north gate.")
    recipient: str | None = text(default=None, max=200, doc="The person or department named on the envelope.")
    street: str | None = text(default=None, max=300, doc="Street and house number; lines are kept.")
    postcode: str | None = text(default=None, max=20, doc="The postal code, leading zeros included.")
    city: str | None = text(default=None, max=100, doc="The town.")
    province: str | None = text(default=None, max=100, doc="The state, province or county.")
    country: str | None = text(default=None, min=2, max=2, doc='The ISO 3166-1 code of the country, such as "DE".')


@entity()
class Contact(Record):
    """A person to talk to, mostly at a customer; affiliations say where else the same person has a say."""

    name: str = text(min=1, max=200, search=True, doc="The full name, as it is written in that person's culture.")
    given_name: str | None = text(default=None, max=100, doc="The name that family and friends use.")
    middle_name: str | None = text(default=None, max=100, doc="Names between the given and the family name.")
    family_name: str | None = text(default=None, max=100, doc="The name shared with the family.")
    salutation: str | None = text(default=None, max=60, doc="Forms of address and titles before the name.")
    suffix: str | None = text(default=None, max=60, doc="What follows the name, such as Jr. or PhD.")
    customer_id: UUID | None = link(
        "customer", back="contacts", default=None, doc="The customer for whom the person mainly works."
    )
    job_title: str | None = text(default=None, max=120, doc="What the person's post is called.")
    department: str | None = text(default=None, max=120, doc="The department in which the person works.")
    role: str | None = choice(*BUYING_ROLES, default=None, doc="The part the person plays when the main customer buys.")
    reports_to_id: UUID | None = link(
        "contact", back="direct_reports", default=None, doc="The contact to whom this person reports."
    )
    email: str | None = text(
        default=None, max=320, search=True, index=True, doc="The e-mail address, without blanks around it."
    )
    phone: str | None = text(default=None, max=60, index=True, doc="The phone number at work, as it is dialled.")
    mobile: str | None = text(default=None, max=60, index=True, doc="The mobile phone number, as it is dialled.")
    street: str | None = text(default=None, max=300, doc="Street and house number of the person's own address.")
    postcode: str | None = text(default=None, max=20, doc="The postal code, leading zeros included.")
    city: str | None = text(default=None, max=100, doc="The town.")
    province: str | None = text(default=None, max=100, doc="The state, province or county.")
    country: str | None = text(default=None, min=2, max=2, doc='The ISO 3166-1 code of the country, such as "DE".')
    birthday: date | None = day(default=None, doc="The date of birth.")
    language: str | None = text(
        default=None, max=35, doc='The BCP 47 tag of the language to write in, such as "pt-BR".'
    )
    do_not_contact: bool = flag(default=False, doc="Whether the person asked not to be contacted by any channel.")
    source: str | None = text(default=None, max=100, doc="Where the contact came from, such as web or trade_show.")
    last_contact_at: datetime | None = instant(default=None, doc="When somebody last was in touch.")
    owner_id: UUID | None = link("user", back="contacts", default=None, doc="The user who looks after the contact.")
    team_id: UUID | None = link("team", back="contacts", default=None, doc="The team that looks after the contact.")
    tags: tuple[str, ...] = tags(default=(), doc="Free marks such as newsletter.")
    notes: str | None = text(default=None, max=32_000, doc="Anything else worth knowing.")


@entity(uniques=(("contact_id", "customer_id"),))
class Affiliation(Record):
    """What one contact has to do with one customer, for people who have a say at several."""

    contact_id: UUID = link("contact", back="affiliations", doc="The person.")
    customer_id: UUID = link("customer", back="affiliations", doc="The customer.")
    role: str | None = choice(*BUYING_ROLES, default=None, doc="The part the person plays when this customer buys.")
    job_title: str | None = text(default=None, max=120, doc="What the person's post at this customer is called.")
    since: date | None = day(default=None, doc="The first day of the affiliation, if known.")
    until: date | None = day(default=None, doc="The last day of the affiliation; missing while it lasts.")
