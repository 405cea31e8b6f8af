"""The customer that every participant stores: its fields, and a seeded list of realistic ones."""

import dataclasses
import datetime as dt
import random
import uuid
from decimal import Decimal

KINDS = {"organisation": 70, "person": 30}
STATUSES = {"potential": 25, "active": 45, "loyal": 18, "lost": 12}
TIERS = {"standard": 60, "silver": 22, "gold": 13, "platinum": 5}
SIZES = {"small": 62, "medium": 27, "large": 11}
SOURCES = {"web": 38, "referral": 22, "event": 12, "import": 20, "partner": 8}
INDUSTRIES = ("manufacturing", "retail", "software", "health", "finance", "energy", "logistics", "education")
TAGS = ("vip", "newsletter", "partner", "beta", "renewal", "export", "on-hold")
FIRST_NAMES = ("Ann", "Bo", "Chidi", "Dörte", "Émile", "Fatima", "Goran", "Hana", "Ines", "Jun", "Kofi", "Léa")
LAST_NAMES = ("Adeyemi", "Bergström", "Costa", "Dvořák", "Evans", "Fischer", "García", "Hoang", "Ito", "Kowalski")
SUFFIXES = ("GmbH", "Ltd", "SA", "Inc", "BV", "Oy")
# city, country, region, currency, dialling prefix
PLACES = (
    ("Berlin", "DE", "emea", "EUR", "+49"),
    ("Lyon", "FR", "emea", "EUR", "+33"),
    ("Leeds", "GB", "emea", "GBP", "+44"),
    ("Austin", "US", "americas", "USD", "+1"),
    ("Recife", "BR", "americas", "BRL", "+55"),
    ("Osaka", "JP", "apac", "JPY", "+81"),
    ("Pune", "IN", "apac", "INR", "+91"),
)
NO_MINOR_UNIT = {"JPY"}
OWNERS = 40
EPOCH_MS = 1_700_000_000_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecord:
    """One customer as plain Python values: about twenty fields, and the four that every library keeps beside them."""

    id: uuid.UUID
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    name: str
    kind: str
    status: str
    tier: str
    industry: str
    size: str
    region: str
    email: str
    phone: str
    website: str | None
    street: str
    city: str
    postcode: str
    country: str
    source: str
    score: int
    credit_limit: Decimal
    currency: str
    owner_id: uuid.UUID
    tags: tuple[str, ...]
    notes: str | None


FIELDS = tuple(field.name for field in dataclasses.fields(CustomerRecord))
INDEXES: tuple[tuple[str, ...], ...] = (("status", "tier", "score"), ("email",))


def plain(record: CustomerRecord) -> dict[str, object]:
    """Return the record as a mapping, with the tags as a list, as JSON columns and documents want them."""
    values: dict[str, object] = {name: getattr(record, name) for name in FIELDS}
    values["tags"] = list(record.tags)
    return values


def make_records(count: int, seed: int = 2) -> list[CustomerRecord]:
    """Return `count` customers in the order of their ids, the same ones for the same seed."""
    draw = random.Random(seed)
    owners = [_time_ordered_id(draw, EPOCH_MS - OWNERS + number) for number in range(OWNERS)]
    return [_record(draw, number, owners) for number in range(count)]


def _record(draw: random.Random, number: int, owners: list[uuid.UUID]) -> CustomerRecord:
    kind = _weighted(draw, KINDS)
    first, last = draw.choice(FIRST_NAMES), draw.choice(LAST_NAMES)
    name = (
        f"{first} {last}" if kind == "person" else f"{last} {draw.choice(INDUSTRIES).title()} {draw.choice(SUFFIXES)}"
    )
    city, country, region, currency, prefix = draw.choice(PLACES)
    created = dt.datetime.fromtimestamp((EPOCH_MS + number) / 1000, dt.UTC).replace(microsecond=number % 1000 * 1000)
    whole_units = min(int(draw.lognormvariate(9, 1.2)), 5_000_000)
    cents = 0 if currency in NO_MINOR_UNIT else draw.randrange(100)
    return CustomerRecord(
        id=_time_ordered_id(draw, EPOCH_MS + number),
        version=1,
        created_at=created,
        updated_at=created,
        name=name,
        kind=kind,
        status=_weighted(draw, STATUSES),
        tier=_weighted(draw, TIERS),
        industry=draw.choice(INDUSTRIES),
        size=_weighted(draw, SIZES),
        region=region,
        email=f"office{number}@customer{draw.randrange(9000)}.example",
        phone=f"{prefix}{draw.randrange(10**8, 10**9)}",
        website=f"https://customer{number}.example" if draw.random() < 0.6 else None,
        street=f"{draw.randrange(1, 240)} {last} Street",
        city=city,
        postcode=f"{draw.randrange(10_000, 99_999)}",
        country=country,
        source=_weighted(draw, SOURCES),
        score=min(100, max(0, int(draw.gauss(48, 20)))),
        credit_limit=Decimal(whole_units * 100 + cents).scaleb(-2),
        currency=currency,
        owner_id=draw.choice(owners),
        tags=tuple(sorted(draw.sample(TAGS, draw.choice((0, 0, 1, 1, 2, 3))))),
        notes=f"Met {first} at the fair; call back about the {draw.choice(SUFFIXES)} plan."
        if draw.random() < 0.4
        else None,
    )


def _weighted(draw: random.Random, weights: dict[str, int]) -> str:
    return draw.choices(list(weights), list(weights.values()))[0]


def _time_ordered_id(draw: random.Random, milliseconds: int) -> uuid.UUID:
    """Return an RFC 9562 version 7 id: 48 bits of time, then random bits around the version and the variant."""
    bits = milliseconds << 80 | 7 << 76 | draw.getrandbits(12) << 64 | 2 << 62 | draw.getrandbits(62)
    return uuid.UUID(int=bits)
