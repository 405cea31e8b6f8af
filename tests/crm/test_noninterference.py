"""Who may see half of the data never learns the other half: two worlds that differ in that half answer alike.

What a call returns, what it raises and what it counts is compared. The one thing that does tell is a unique value or an
id that is taken: the calls here use none that the hidden half holds, and `Duplicate` says how its holder is found.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from crmkit import (
    Action,
    Activity,
    Actor,
    Address,
    BehaviourEvent,
    Campaign,
    CampaignMember,
    Contact,
    CrmError,
    Customer,
    Expr,
    Found,
    Funnel,
    Lead,
    Money,
    Opportunity,
    OpportunityLine,
    Product,
    SeedPack,
    Segment,
    Session,
    Task,
    Ticket,
    TicketMessage,
    User,
    by_month,
    connect,
    count,
    everything,
    f,
    me,
    system,
    to_dict,
    total,
)
from crmkit.analytics.report import Report
from crmkit.crm.blocking.analytics import Analytics
from crmkit.crm.blocking.connect import Crm
from crmkit.crm.blocking.imports import Imports, Plan
from crmkit.crm.blocking.repository import Repository
from crmkit.crm.blocking.seeds import Seeds
from crmkit.crm.blocking.segments import Segments
from crmkit.entities import BUILT_IN
from crmkit.importers.import_report import ImportReport
from crmkit.lifecycle.built_in import OPPORTUNITY
from crmkit.model.catalog import Catalog
from crmkit.model.schema import Schema
from crmkit.repository.pager import Page

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
job = system("test")
ANN, BO = UUID(int=1), UUID(int=2)
ann = Actor(id=ANN, name="Ann")
MINE, THEIRS = 0x1000, 0x2000
"""Where the ids of the two halves begin; each model has a place of its own behind that."""
PLACES = {model: place for place, model in enumerate(BUILT_IN)}
CATALOG = Catalog(BUILT_IN)


class Half:
    """People see what is theirs: records that they own, users who still work here, products that are on sale."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        if actor.id is None or action is not Action.READ or CATALOG.namings(schema):
            return everything
        if "owner_id" in schema.fields:
            return f.owner_id == me.id
        return f.active == True if "active" in schema.fields else everything  # noqa: E712 - an expression


@attrs.frozen
class Secret:
    """What the hidden half is like."""

    number: int = 1
    stage: str = "contact"
    units: int = 1
    word: str = "x"
    deleted: bool = False


SECRETS = st.builds(
    Secret,
    number=st.integers(1, 3),
    stage=st.sampled_from(["contact", "proposal", "won", "lost"]),
    units=st.integers(1, 10**6),
    word=st.sampled_from(["x", "Acme", "Mine", "zzz"]),
    deleted=st.booleans(),
)


def id_of(model: type[Any], half: int, number: int = 0) -> UUID:
    return UUID(int=half + 0x10 * PLACES[model] + number)


def write(s: Session, half: int, owner: UUID, secret: Secret) -> None:
    """Write one half: records, and rows about them."""
    worth = Money(secret.units, "EUR")
    active = owner == ANN
    for number in range(secret.number):

        def made(model: type[Any], /, number: int = number, **values: Any) -> Any:
            return s.repository(model).add(model(id=id_of(model, half, number), **values))

        who = {"owner_id": owner, "name": f"{secret.word} {number}"}
        made(User, name=secret.word, active=active, region=secret.word)
        product = made(Product, name=secret.word, active=active, price=worth)
        customer = made(Customer, **who, score=secret.units, tags=(secret.word,))
        contact = made(Contact, **who, customer_id=customer.id)
        campaign = made(Campaign, **who)
        lead = made(Lead, **who, campaign_id=campaign.id, score=secret.units)
        ticket = made(Ticket, subject=secret.word, owner_id=owner, customer_id=customer.id)
        # Some of what is hidden hangs on what is not.
        at = customer.id if number == 0 else id_of(Customer, MINE)
        deal = made(Opportunity, **who, customer_id=at, amount=worth, close_date=NOW.date(), product_id=product.id)
        if secret.stage != "contact":
            deal = s.opportunities.advance(deal, secret.stage, note=secret.word, **_reason(secret.stage))
        made(OpportunityLine, opportunity_id=deal.id, name=secret.word, amount=worth)
        made(Address, customer_id=customer.id, city=secret.word)
        made(TicketMessage, ticket_id=ticket.id, direction="in", at=NOW, body=secret.word)
        made(CampaignMember, campaign_id=campaign.id, contact_id=contact.id)
        made(BehaviourEvent, kind=secret.word, at=NOW, lead_id=lead.id, amount=worth)
        made(Activity, kind="note", at=NOW, body=secret.word, customer_id=id_of(Customer, MINE), opportunity_id=deal.id)
        made(Task, subject=secret.word, owner_id=owner)
        if secret.deleted and number:
            s.customers.delete(customer)
            s.opportunities.delete(deal)


def _reason(stage: str) -> dict[str, Any]:
    return {"lost_reason": "price"} if stage == "lost" else {}


class World:
    """A visible half that is always the same, and a hidden one."""

    def __init__(self, url: str, folder: Path, secret: Secret, **more: Any) -> None:
        self.folder = folder
        self._next = 0
        self.crm = connect(url, policy=Half(), outbox=True, clock=lambda: NOW, ids=self._id, **more)
        with self.crm.session(job) as s:
            s.users.add(User(id=ANN, name="Ann"))
            s.users.add(User(id=BO, name="Bo", active=False))
            write(s, MINE, ANN, Secret(number=2, stage="proposal", word="Mine"))
            self._next = 0x10000
            write(s, THEIRS, BO, secret)
            self._next = 0x18000
            deal = Opportunity(id=UUID(int=3), name="at theirs", owner_id=ANN, customer_id=id_of(Customer, THEIRS))
            s.opportunities.add(deal)
            s.segments.save(Segment("big", "customer", f.score > 5))
            s.seeds.apply(PACK)
        for row in ("Mine,new,Ann", f"Theirs,{secret.word},Bo"):
            (folder / "a.csv").write_text(f"No,Name,Owner\n{row}\n")
            self.crm.imports(job).plan(IMPORT, folder=folder).apply()

    def _id(self) -> UUID:
        self._next += 1
        return UUID(int=self._next)

    def told(self, name: str) -> list[str]:
        """Return what each of the attempts at a method tells."""
        if name.startswith(("Imports", "Plan")):
            return [self._told(attempt, self.crm, self.folder) for attempt in ATTEMPTS[name]]
        told: list[str] = []
        with self.crm.session(ann) as s:
            for attempt in ATTEMPTS[name]:
                told.append(self._told(attempt, s))
                s.rollback()
        return told

    def _told(self, attempt: Callable[..., object], *on: object) -> str:
        self._next = 0x30000
        try:
            return plain(attempt(*on))
        except CrmError as error:
            return f"{type(error).__name__}: {error} {error.hint} {plain(vars(error))}"


def plain(value: object) -> str:
    """Return everything that a caller can read of an answer."""
    match value:
        case Report():
            return repr((value.to_dicts(), value.total))
        case ImportReport():
            return repr((value.to_dicts(), value.summary()))
        case Page():
            return repr((list(value), value.next, to_dict(value, include=True)))
        case Found():
            return repr((value, to_dict(value, include=True)))
        case frozenset():
            return repr(sorted(value))
        case Iterator():
            return repr([plain(each) for each in value])
        case _:
            return repr(value)


IMPORT = {
    "source": "legacy",
    "zone": "UTC",
    "file": [
        {
            "path": "a.csv", "into": "customer", "id": "No",
            "fields": {"name": "Name", "owner_id": {"column": "Owner", "link": "user", "by": "name"}},
        }
    ],
}  # fmt: skip
LINKS = {
    "source": "legacy",
    "zone": "UTC",
    "file": [
        {
            "path": "b.csv", "into": "contact", "id": "No",
            "fields": {"name": "Name", "customer_id": {"column": "At", "link": "customer"}},
        },
        {
            "path": "c.csv", "into": "task", "id": "No",
            "fields": {"subject": "Name", "customer_id": {"column": "At", "link": "customer", "by": "name"}},
        },
    ],
}  # fmt: skip
ROWS = {
    "a.csv": "No,Name,Owner\nMine,changed,Ann\nOther,other,Ann\nNobody,x,Bo\n",
    "b.csv": "No,Name,At\n1,a,Mine\n2,b,Theirs\n3,c,Nobody\n",
    "c.csv": "No,Name,At\n1,a,new\n2,b,x 0\n3,c,Acme 0\n4,d,zzz 1\n5,e,Mine 0\n",
}


def planned(crm: Crm, folder: Path, mapping: dict[str, Any]) -> Plan:
    for name, content in ROWS.items():
        (folder / name).write_text(content)
    return crm.imports(ann).plan(mapping, folder=folder)


PROBED = [id_of(Customer, THEIRS, number) for number in range(3)]
"""Ids that may be those of hidden customers."""
DEALS = [id_of(Opportunity, THEIRS, number) for number in range(3)]
BIG = Segment("big", "customer", f.score > 5)


LATER = Customer(name="New", owner_id=ANN)
PACK = SeedPack(
    "pack",
    1,
    records={"own": Customer(name="Seed", owner_id=ANN), "hidden": Customer(name="Seed", owner_id=BO)},
    segments=[BIG],
)


def customer(s: Session, id: UUID | None = None) -> Customer:
    """A customer of Ann's; under another id, as somebody would make it who guesses."""
    held = s.customers.get(id_of(Customer, MINE))
    return held if id is None else attrs.evolve(held, id=id)


def deal(s: Session, id: UUID | None = None, version: int = 1) -> Opportunity:
    held = s.opportunities.get(id_of(Opportunity, MINE))
    return held if id is None else attrs.evolve(held, id=id, version=version)


def everywhere(read: Callable[[Repository[Any]], object]) -> list[Callable[[Session], object]]:
    """Ask something of every model."""
    return [lambda s, model=schema.cls: read(s.repository(model)) for schema in CATALOG]  # type: ignore[misc]


def related(schema: Schema) -> list[Expr]:
    """Conditions on what a model is related to."""
    ways = CATALOG.relations(schema).values()
    return [getattr(f, way.name).count() > 1 if way.many else ~getattr(f, way.name).id.missing() for way in ways]


def included(schema: Schema, *, further: bool = False) -> list[Any]:
    """All that a model is related to, of several records the newest two; and some of what lies further."""
    found: list[Any] = []
    for name, way in CATALOG.relations(schema).items():
        found.append(getattr(f, name).first(2, order=-f.id) if way.many else getattr(f, name))
        if further:
            found += [getattr(getattr(f, name), beyond) for beyond in [*CATALOG.relations(CATALOG[way.target])][:2]]
    return found


def each(
    read: Callable[[Repository[Any], list[Any]], object], *, further: bool = False
) -> list[Callable[[Session], object]]:
    """Ask something of every model, with all that it is related to."""
    return [
        lambda s, model=schema: read(s.repository(model.cls), included(model, further=further))  # type: ignore[misc]
        for schema in CATALOG
    ]


def steps(schema: Schema) -> list[Any]:
    """The ways from a model to one other record."""
    return [getattr(f, name) for name, way in CATALOG.relations(schema).items() if not way.many]


ATTEMPTS: dict[str, list[Callable[..., object]]] = {
    "Repository.get": [
        *(lambda s, id=id: s.customers.get(id, deleted=True) for id in (*PROBED, id_of(Customer, MINE))),
        *(lambda s, id=id: s.opportunities.get(id) for id in DEALS),
        *(
            lambda s, id=id: s.customers.get(id, include=included(CATALOG["customer"]))
            for id in (*PROBED, id_of(Customer, MINE))
        ),
    ],
    "Repository.find": [
        *everywhere(lambda found: found.find(deleted=True)),
        *each(lambda found, include: found.find(include=include, deleted=True), further=True),
        lambda s: s.customers.find(include=f.contacts.where(f.name.starts_with("x")).first(1)),
        *(
            lambda s, model=schema.cls, way=way: s.repository(model).find(order=[-way.updated_at, way.id], limit=2)
            for schema in CATALOG
            for way in steps(schema)
        ),
    ],
    "Repository.first": [
        *everywhere(lambda found: found.first(order=-f.id)),
        *each(lambda found, include: found.first(order=-f.id, include=include)),
    ],
    "Repository.stream": [
        *everywhere(lambda found: found.stream(deleted=True)),
        *each(lambda found, include: found.stream(include=include)),
    ],
    "Repository.batches": [
        *everywhere(lambda found: found.batches()),
        *each(lambda found, include: found.batches(include=include)),
    ],
    "Repository.count": [
        *everywhere(lambda found: (found.count(), found.count(deleted=True))),
        *(
            lambda s, model=schema.cls, where=where: s.repository(model).count(where)
            for schema in CATALOG
            for where in related(schema)
        ),
    ],
    "Repository.ids": everywhere(lambda found: found.ids()),
    "Repository.exists": everywhere(lambda found: found.exists()),
    "Repository.tally": [
        *everywhere(lambda found: found.tally(by=by_month(f.created_at), n=count(), deleted=True)),
        *(
            lambda s, model=schema.cls, way=way: s.repository(model).tally(by=way.id, n=count(), v=total(f.version))
            for schema in CATALOG
            for way in steps(schema)
        ),
        lambda s: s.opportunities.tally(by=f.customer.name, a=total(f.amount)),
    ],
    "Repository.add": [
        lambda s: s.customers.add(Customer(name="New", owner_id=ANN)),
        lambda s: s.opportunities.add(Opportunity(name="New", customer_id=PROBED[0])),
        *(lambda s, id=id: s.tasks.add(Task(subject="x", customer_id=id)) for id in PROBED),
        *(lambda s, id=id: s.tasks.add(Task(subject="x", opportunity_id=id)) for id in DEALS),
        *(lambda s, id=id: s.customers.add(Customer(name="x", parent_id=id)) for id in PROBED),
    ],
    "Repository.add_many": [
        lambda s: s.contacts.add_many([Contact(name="x", customer_id=id) for id in (None, *PROBED)]),
        lambda s: s.contacts.add_many([Contact(name="x", customer_id=id_of(Customer, MINE))]),
    ],
    "Repository.update": [
        *(lambda s, id=id: s.customers.update(customer(s, id), name="x") for id in (None, *PROBED)),
        *(lambda s, id=id: s.customers.update(customer(s), parent_id=id) for id in PROBED),
        *(lambda s, id=id, v=v: s.opportunities.update(deal(s, id, v), name="x") for id in DEALS for v in (1, 2, 3)),
    ],
    "Repository.delete": [lambda s, id=id: s.customers.delete(customer(s, id)) for id in (None, *PROBED)],
    "Repository.restore": [
        lambda s, id=id, v=v: s.opportunities.restore(deal(s, id, v)) for id in (None, *DEALS) for v in (1, 2, 3)
    ],
    "Repository.advance": [
        lambda s: s.opportunities.advance(deal(s), "won"),
        *(
            lambda s, id=id, to=to: s.opportunities.advance(deal(s, id, 2), to)
            for id in DEALS
            for to in ("won", "contact")
        ),
    ],
    "Repository.transfer": [
        lambda s, id=id, v=v: s.opportunities.transfer(deal(s, id, v), stage="needs")
        for id in (None, *DEALS)
        for v in (1, 2)
    ],
    "Repository.why_not": [lambda s, id=id: s.opportunities.why_not(deal(s, id), "lost") for id in (None, *DEALS)],
    "Repository.allowed_moves": [lambda s, id=id: s.opportunities.allowed_moves(deal(s, id)) for id in (None, *DEALS)],
    "Repository.add_external_id": [
        *(lambda s, id=id: s.customers.add_external_id(customer(s, id), "erp", "1") for id in (None, *PROBED)),
        *(lambda s, key=key: s.customers.add_external_id(customer(s), "legacy", key) for key in ("Theirs", "Nobody")),
    ],
    "Repository.remove_external_id": [
        lambda s, id=id, key=key: s.customers.remove_external_id(customer(s, id), "legacy", key)
        for id in (None, *PROBED)
        for key in ("Mine", "Theirs", "Nobody")
    ],
    "Segments.save": [
        lambda s: s.segments.save(BIG),
        lambda s: s.segments.save(Segment("new", "customer", f.contacts.any())),
    ],
    "Segments.get": [lambda s: s.segments.get("big"), lambda s: s.segments.get("bug")],
    "Segments.delete": [lambda s: s.segments.delete("big"), lambda s: s.segments.delete("bug")],
    "Segments.names": [lambda s: s.segments.names()],
    "Segments.count": [lambda s: s.segments.count(BIG)],
    "Segments.members": [lambda s: s.segments.members(BIG)],
    "Segments.ids": [lambda s: s.segments.ids(BIG)],
    "Seeds.apply": [
        lambda s: s.seeds.apply(PACK),
        lambda s: s.seeds.apply(attrs.evolve(PACK, version=2, records={"own": LATER, "hidden": LATER})),
        *(
            lambda s, id=id: s.seeds.apply(SeedPack("a", 1, records={"x": Contact(name="x", customer_id=id)}))
            for id in PROBED
        ),
    ],
    "Analytics.funnel": [
        lambda s: s.analytics.funnel(Funnel(OPPORTUNITY, by=f.customer.name)),
        lambda s: s.analytics.funnel(Funnel(OPPORTUNITY, entered=("2026-01-01", None))),
    ],
    "Analytics.win_rate": [lambda s: s.analytics.win_rate(by=f.customer.name)],
    "Analytics.cycle": [lambda s: s.analytics.cycle(by=f.product.name, outcome="all")],
    "Analytics.velocity": [lambda s: s.analytics.velocity()],
    "Analytics.forecast": [lambda s: s.analytics.forecast(by=f.owner.region)],
    "Analytics.pipeline_value": [lambda s: s.analytics.pipeline_value(by=f.contact.name, ended=True)],
    "Analytics.time_in_stage": [lambda s: s.analytics.time_in_stage(OPPORTUNITY)],
    "Imports.plan": [
        lambda crm, folder: planned(crm, folder, IMPORT),
        lambda crm, folder: planned(crm, folder, LINKS),
    ],
    "Plan.apply": [
        lambda crm, folder: planned(crm, folder, IMPORT).apply(),
        lambda crm, folder: planned(crm, folder, LINKS).apply(),
    ],
}


def test_no_public_call_is_left_out() -> None:
    faces = (Repository, Segments, Seeds, Analytics, Imports, Plan)
    public = {f"{face.__name__}.{name}" for face in faces for name in vars(face) if not name.startswith("_")}
    assert set(ATTEMPTS) == public


def compare(urls: Iterable[str], folder: Path, *secrets: Secret) -> None:
    """Compare what worlds with these hidden halves tell, method by method."""
    worlds: list[World] = []
    for number, (url, secret) in enumerate(zip(urls, secrets, strict=True)):
        (folder / str(number)).mkdir(exist_ok=True)
        worlds.append(World(url, folder / str(number), secret))
    for name in ATTEMPTS:
        here, there = (world.told(name) for world in worlds)
        assert here == there, name
    for world in worlds:
        world.crm.close()


@settings(max_examples=5, phases=[Phase.explicit, Phase.generate])  # two worlds are costly, and small enough to read
@given(one=SECRETS, other=SECRETS)
def test_what_is_hidden_changes_no_answer(tmp_path_factory: pytest.TempPathFactory, one: Secret, other: Secret) -> None:
    compare(["memory://"] * 2, tmp_path_factory.mktemp("worlds"), one, other)


@pytest.fixture(params=["sqlite", "mongo"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """The addresses of two empty databases."""
    if request.param == "sqlite":
        yield [f"sqlite:///{tmp_path / name}.db" for name in ("one", "other")]
        return
    server = request.getfixturevalue("mongod")
    with server.database() as one, server.database() as other:
        yield [one, other]


def test_nor_in_any_store(urls: list[str], tmp_path: Path) -> None:
    compare(urls, tmp_path, Secret(), Secret(number=3, stage="won", units=7, word="Mine", deleted=True))
