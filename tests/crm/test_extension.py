"""Packages of strangers and a host's own subclass add fields to one model, on one database, and come and go."""

from __future__ import annotations

import asyncio
import copy
import pickle
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from crmkit import (
    Action,
    Actor,
    BadDefinition,
    BadRecord,
    Crm,
    Customer,
    Duplicate,
    Expr,
    Extension,
    Fields,
    Money,
    Opportunity,
    RuleBroken,
    StoreError,
    User,
    aconnect,
    by_month,
    choice,
    connect,
    count,
    count_distinct,
    day,
    decimal,
    entity,
    everything,
    extend,
    extra,
    f,
    flag,
    from_dict,
    greatest,
    integer,
    json_schema,
    link,
    money,
    rule,
    system,
    tags,
    text,
    to_dict,
    total,
)
from crmkit.model.extension import composed
from crmkit.model.schema import Schema
from crmkit.storage.memory import MemoryStore

job = system("test")


class Loyalty(Fields):
    """What one stranger keeps of a customer."""

    points: int = integer(default=3, min=0, doc="Points that were earned.")
    card: str | None = text(default=None, max=20, unique=True)


class Vat(Fields):
    """What another stranger keeps of one."""

    vat_rate: Decimal = decimal(scale=2, default=Decimal(19))
    vat_words: str = text(default="none yet", search=True)
    vat_due: Money = money(default=Money(0, "EUR"))
    vat_checked: bool = flag(default=False)
    vat_since: date = day(default=date(2026, 1, 31))
    vat_level: str = choice("low", "high", default="low")
    vat_marks: tuple[str, ...] = tags(default=("new",))
    auditor_id: UUID | None = link("user", back="audits", default=None)


loyalty = extend(Customer, by="acme-loyalty", fields=Loyalty, indexes=[("points", "country")])
vat = extend(Customer, by="best-vat", fields=Vat)
notes = extend(Opportunity, by="acme-loyalty", fields={"bonus": integer(default=0)})


@entity(extends=Customer)
class Clinic(Customer):
    """What the host makes of a customer."""

    beds: int | None = integer(default=None, min=0)


Reopen = Callable[..., Crm]


@pytest.fixture
def reopen(store_url: str) -> Iterator[Reopen]:
    """Connect to one database again and again, with other packages each time."""
    memory = MemoryStore()
    opened: list[Crm] = []

    def connected(*extensions: Extension[..., Any], models: Sequence[type[Any]] = (), **more: Any) -> Crm:
        if store_url != "memory://":
            while opened:
                opened.pop().close()
        database = memory if store_url == "memory://" else store_url
        opened.append(connect(database, extensions=extensions, models=models, **more))
        return opened[-1]

    yield connected
    for crm in opened:
        crm.close()


@pytest.mark.parametrize("models", [[], [Clinic]], ids=["plain", "host"])
@pytest.mark.parametrize(
    "order", list(permutations([loyalty, vat, notes])), ids=["ABN", "ANB", "BAN", "BNA", "NAB", "NBA"]
)
def test_packages_and_a_host_share_a_model_in_any_order(
    reopen: Reopen, order: tuple[Extension[..., Any], ...], models: list[type[Any]]
) -> None:
    host: type[Customer] = models[0] if models else Customer
    crm = reopen(*order, models=models)
    with crm.session(job) as s:
        assert s.customers.model is composed(host, [vat, loyalty])
        acme = s.customers.add(host(name="Acme"))
        acme = s.customers.update(loyalty.evolve(acme, points=5), vat_level="high")
        bolt = s.customers.add(vat.evolve(loyalty.evolve(host(name="Bolt"), card="B-1"), vat_rate=Decimal(7)))
        s.opportunities.add(notes.evolve(Opportunity(name="Deal", customer_id=acme.id), bonus=8))
        assert (loyalty.of(acme).points, vat.of(acme).vat_level, vat.of(acme).vat_due) == (5, "high", Money(0, "EUR"))
        assert (loyalty.of(bolt).card, vat.of(bolt).vat_rate) == ("B-1", Decimal(7))
        assert isinstance(acme, host)
        assert list(s.repository(host).find((f.points == 5) & (f.vat_level == "high"))) == [acme]
        assert s.opportunities.count((f.bonus == 8) & (f.customer.points > 4)) == 1


@pytest.mark.parametrize("gone", [loyalty, vat], ids=lambda gone: gone.by)
def test_a_package_that_goes_leaves_everybody_elses_data_alone(reopen: Reopen, gone: Extension[..., Any]) -> None:
    stays = vat if gone is loyalty else loyalty
    with reopen(loyalty, vat, models=[Clinic]).session(job) as s:
        acme = s.customers.add(vat.evolve(loyalty.evolve(Clinic(name="Acme", beds=7), points=5), vat_level="high"))
        kept, lost = stays.of(acme), gone.of(acme)
    with reopen(stays, models=[Clinic]).session(job) as s:
        held = s.customers.get(acme.id)
        assert stays.of(held) == kept
        assert s.customers.update(held, name="Acme & Co", beds=8).version == 2
        with pytest.raises(BadDefinition, match=f"comes from a CRM that was connected without {gone.by}"):
            gone.of(held)
        with pytest.raises(BadRecord, match=f"holds fields of {gone.by}, which is not part of this CRM"):
            s.customers.add(gone.evolve(Clinic(name="New")))
        bolt = s.customers.add(Clinic(name="Bolt"))
        assert s.customers.count(f.beds == 8) == 1
    with reopen(vat, loyalty, models=[Clinic]).session(job) as s:
        held = s.customers.get(acme.id)
        assert (held.name, stays.of(held), gone.of(held)) == ("Acme & Co", kept, lost)
        assert gone.of(s.customers.get(bolt.id)) == gone.of(Clinic(name="any"))


HELD_OF_DEFAULTS = [
    f.points == 3, f.points > 2, f.points.one_of(1, 3), f.points != 5, f.vat_rate == Decimal(19),
    f.vat_words == "none yet", f.vat_words.contains("YET"), f.vat_words.starts_with("none"), ~(f.vat_words == "x"),
    f.vat_due == Money(0, "EUR"), f.vat_due < Money(1, "EUR"), f.vat_checked == False, f.vat_since <= date(2026, 2, 1),  # noqa: E712
    f.vat_level == "low", ~f.vat_level.one_of("high"), f.vat_marks.has("new"), ~f.vat_marks.has("old"),
    f.auditor_id.missing(), f.card.missing(),
]  # fmt: skip


def test_rows_written_without_a_package_hold_its_defaults(reopen: Reopen) -> None:
    plain = Customer(name="Plain")
    with reopen(loyalty, vat).session(job) as s:  # for tables with all columns
        rich = s.customers.add(loyalty.evolve(Customer(name="Rich"), points=9))
        low = s.customers.add(loyalty.evolve(Customer(name="Low"), points=1))
    with reopen().session(job) as s:
        plain = s.customers.add(plain)
        s.opportunities.add(Opportunity(name="Deal", customer_id=plain.id))
        s.opportunities.add(Opportunity(name="Nobody's"))
    with reopen(vat, loyalty).session(job) as s:
        held = s.customers.get(plain.id)
        assert to_dict(held) == to_dict(s.customers.model(**{name: getattr(plain, name) for name in to_dict(plain)}))
        alone = f.name == "Plain"
        assert [s.customers.count(alone & where) for where in HELD_OF_DEFAULTS] == [1] * len(HELD_OF_DEFAULTS)
        assert [s.customers.count(alone & ~where) for where in HELD_OF_DEFAULTS] == [0] * len(HELD_OF_DEFAULTS)
        ids = [low.id, plain.id, rich.id]
        assert [each.id for each in s.customers.find(order=f.points)] == ids
        assert [each.id for each in s.customers.find(order=-f.points)] == ids[::-1]
        pages = [s.customers.find(order=[f.points], limit=1)]
        while pages[-1].next:
            pages.append(s.customers.find(order=[f.points], limit=1, after=pages[-1].next))
        assert [each.id for page in pages for each in page] == ids
        (sums,) = s.customers.tally(
            n=count(), whole=total(f.points), most=greatest(f.points), kinds=count_distinct(f.points)
        )
        assert sums.measures == {"n": 3, "whole": 13, "most": 9, "kinds": 3}
        assert [(group.key, group["n"]) for group in s.customers.tally(by=f.vat_level, n=count())] == [(("low",), 3)]
        assert [group.key for group in s.customers.tally(by=by_month(f.vat_since), n=count())] == [(date(2026, 1, 1),)]
        deals = s.opportunities.tally(by=f.customer.points, n=count())
        assert sorted((group.key[0] is None, group.key[0] or 0, group["n"]) for group in deals) == [
            (False, 3, 1),
            (True, 0, 1),
        ]
        assert next(iter(s.opportunities.find(order=f.customer.points))).name == "Deal"
        assert s.opportunities.count(f.customer.points == 3) == 1
        assert s.customers.update(held, points=4).version == 2


def test_a_plain_record_is_taken_wherever_one_is(reopen: Reopen) -> None:
    with reopen(loyalty).session(job) as s:
        ids = s.customers.add_many([Customer(name="A"), loyalty.evolve(Customer(name="B"), points=7)])
        assert [loyalty.of(each).points for each in s.customers.find(order=f.name)] == [3, 7]
        told = {
            name: value for name, value in to_dict(s.customers.get(ids[1])).items() if name not in {"points", "card"}
        }
        plain = from_dict(Customer, told | {"country": "DE"})
        changed = s.customers.update(plain, points=8)
        assert (changed.country, loyalty.of(changed).points, changed.version) == ("DE", 8, 2)
        now = {"version": 2, "country": "DE", "updated_at": to_dict(changed)["updated_at"]}
        s.customers.delete(from_dict(Customer, told | now))
        assert s.customers.ids() == ids[:1]


def test_a_record_says_what_it_holds(reopen: Reopen) -> None:
    with reopen(loyalty, vat).session(job) as s:
        acme = s.customers.add(loyalty.evolve(Customer(name="Acme"), points=5))
        model = s.customers.model
    assert from_dict(model, to_dict(acme)) == acme
    schema = json_schema(model)
    assert (schema["title"], schema["properties"]["points"]["default"]) == ("Customer", 3)
    for other in (pickle.loads(pickle.dumps(acme)), copy.copy(acme), copy.deepcopy(acme)):  # noqa: S301 - our own bytes
        assert (other, type(other)) == (acme, model)
    assert pickle.loads(pickle.dumps(model)) is model  # noqa: S301 - as above
    for extension in (loyalty, notes):
        again = pickle.loads(pickle.dumps(extension))  # noqa: S301 - as above
        assert (again, hash(again)) == (extension, hash(extension))
    assert repr(acme).startswith("Customer(id=")


def test_values_of_a_package_are_checked_as_all_others(reopen: Reopen) -> None:
    with reopen(loyalty).session(job) as s:
        acme = s.customers.add(loyalty.evolve(Customer(name="Acme"), card="A-1"))
        with pytest.raises(BadRecord, match="points: must be 0 or more"):
            loyalty.evolve(acme, points=-1)
        with pytest.raises(BadRecord, match="points: must be 0 or more"):
            s.customers.update(acme, points=-1)
        with pytest.raises(BadDefinition, match=r"acme-loyalty has no field 'point'. Did you mean 'points'\?"):
            loyalty.evolve(acme, point=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # wrong on purpose
        with pytest.raises(BadDefinition, match="acme-loyalty extends Customer, not Opportunity"):
            loyalty.of(Opportunity(name="Deal"))
        s.commit()
        with pytest.raises(Duplicate) as caught:
            s.customers.add(loyalty.evolve(Customer(name="Other"), card="A-1"))
        assert caught.value.fields == ("card",)
        s.rollback()


class Poor:
    """People see those who have few points."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        return f.points < 5 if schema.name == "customer" and actor.name == "ann" else everything


def test_a_policy_may_ask_for_what_a_package_holds(reopen: Reopen) -> None:
    crm = reopen(loyalty, policy=Poor())
    with crm.session(job) as s:
        s.customers.add(loyalty.evolve(Customer(name="Rich"), points=9))
        s.customers.add(Customer(name="Poor"))
    with crm.session(Actor(name="ann", id=UUID(int=7))) as s:
        assert [each.name for each in s.customers.find()] == ["Poor"]


def test_the_awaited_face_takes_packages_too() -> None:
    async def earned() -> int:
        async with aconnect("memory://", extensions=[loyalty]) as crm, crm.session(job) as s:
            acme = await s.customers.add(Customer(name="Acme"))
            return loyalty.of(await s.customers.update(acme, points=5)).points

    assert asyncio.run(earned()) == 5


def test_an_import_fills_what_a_package_added(reopen: Reopen, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("No,Name,Points\n1,Acme,7\n2,Bolt,\n")
    file = {"path": "a.csv", "into": "customer", "id": "No", "fields": {"name": "Name", "points": "Points"}}
    crm = reopen(loyalty, vat, models=[Clinic])
    run = crm.imports(job).plan({"source": "legacy", "zone": "UTC", "file": [file]}, folder=tmp_path).apply()
    assert not list(run.problems)
    with crm.session(job) as s:
        assert [loyalty.of(each).points for each in s.customers.find(order=f.name)] == [7, 3]


def test_a_package_does_nothing_until_it_is_connected(reopen: Reopen) -> None:
    with reopen().session(job) as s:
        assert s.customers.model is Customer
        assert type(s.customers.add(Customer(name="Acme"))) is Customer


def test_what_a_table_lacks_is_told_with_its_package_and_the_way_out(sqlite_url: str) -> None:
    with connect(sqlite_url) as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
    with pytest.raises(StoreError) as caught:
        connect(sqlite_url, extensions=[loyalty])
    assert (
        caught.value.message == "the table 'customers' has no column 'points', 'card', which acme-loyalty brings along."
    )
    way_out = re.fullmatch("Run: (.*)", caught.value.hint)
    assert way_out
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as database:
        database.executescript(way_out[1])
    with connect(sqlite_url, extensions=[loyalty]) as crm, crm.session(job) as s:
        assert loyalty.of(s.customers.get(acme.id)).points == 3
        assert s.customers.count(f.points == 3) == 1


def test_memory_refuses_rows_that_do_not_fit(reopen: Reopen, store_url: str) -> None:
    if store_url != "memory://":
        pytest.skip("tables of databases are looked at elsewhere")

    @entity(extends=Customer)
    class Ward(Customer):
        """What needs more than its rows hold."""

        beds: int = integer(default=1)

    with reopen().session(job) as s:
        s.customers.add(Customer(name="Acme"))
    with pytest.raises(StoreError, match="the store holds customers that do not fit the model 'customer'"):
        reopen(models=[Ward])


# -- what is refused ---------------------------------------------------------------------------------------------------


def refusal(*extensions: Extension[..., Any], models: Sequence[type[Any]] = ()) -> str:
    messages: set[str] = set()
    for order in permutations(extensions):
        with pytest.raises(BadDefinition) as caught:
            connect("memory://", extensions=order, models=models)
        messages.add(str(caught.value))
    assert len(messages) == 1
    return messages.pop()


def of(by: str, model: type[Any] = Customer, **fields: Any) -> Extension[..., Any]:
    return extend(model, by=by, fields=fields)


def test_a_class_may_stand_on_what_packages_added() -> None:
    with connect("memory://", extensions=[loyalty]) as crm, crm.session(job) as s:
        model: Any = s.customers.model
    own = entity(extends=model)(type("Own", (model,), {"__module__": __name__, "__qualname__": "Own"}))
    globals()["Own"] = own
    with connect("memory://", models=[own]) as crm, crm.session(job) as s:
        acme = s.customers.add(own(name="Acme", points=4))
        assert pickle.loads(pickle.dumps(acme)) == acme  # noqa: S301 - our own bytes
        assert s.customers.count(f.points == 4) == 1


def test_two_packages_that_clash_are_both_named() -> None:
    assert refusal(of("a-one", rank=integer(default=0)), of("b-two", rank=text(default=""))) == (
        "customer.rank: b-two declares it, and what it needs is taken by a-one. "
        "One of the two must rename its own; until then, connect with one of them."
    )
    columns = refusal(of("a-one", due=money(default=None)), of("b-two", due_currency=text(default="")))
    assert "customer.due_currency: b-two declares it, and what it needs is taken by a-one." in columns
    folded = refusal(of("a-one", word_folded=text(default="")), of("b-two", word=text(default="", search=True)))
    assert "customer.word: b-two declares it, and what it needs is taken by a-one." in folded


def test_a_package_and_the_hosts_class_that_clash_are_both_named() -> None:
    found = refusal(of("a-one", beds=integer(default=0)), models=[Clinic])
    assert found == (
        "customer.beds: a-one declares it as integer, and Clinic has it already as integer. "
        'Rename it, to a_one_beds for example; or adopt the one that is there: replaces="beds".'
    )

    @entity(extends=Customer)
    class Computed(Customer):
        """A host's class with an attribute that is not stored."""

        @property
        def rank(self) -> int:
            """Say how important it is."""
            return 1

    found = refusal(of("a-one", rank=integer(default=0)), models=[Computed])
    assert "customer.rank: a-one declares it, and what it needs is taken by Computed." in found


def test_relations_that_clash_are_both_named() -> None:
    one = of("a-one", first_id=link("user", back="fans", default=None))
    assert refusal(one, of("b-two", second_id=link("user", back="fans", default=None))) == (
        "user has two things called 'fans', of customer.first_id (a-one) and customer.second_id (b-two). "
        "Rename a link's back."
    )
    assert refusal(one, of("b-two", User, fans=integer(default=0))) == (
        "user has two things called 'fans', of customer.first_id (a-one) and user.fans (b-two). Rename a link's back."
    )


def test_a_package_is_named_once_for_each_model() -> None:
    assert refusal(loyalty, loyalty) == "two extensions of customer are by acme-loyalty. Name each of them once."
    assert refusal(loyalty, of("acme-loyalty", rank=integer(default=0))).startswith("two extensions of customer")
    connect("memory://", extensions=[loyalty, notes]).close()


def test_a_package_extends_a_model_of_the_crm() -> None:
    assert refusal(of("a-one", Clinic, rank=integer(default=0))) == (
        "Clinic is not one of this CRM's models. Name it in connect(..., models=[...])."
    )
    with pytest.raises(BadDefinition, match="an extension is expected"):
        connect("memory://", extensions=[Loyalty])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]  # wrong on purpose


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rank": integer()}, "customer.rank: a-one requires it, but rows are written without the package, too. "
         "Give it a default; None lets it be missing."),
        ({"rank": text(default="", unique=True)}, "customer.rank: a-one wants it unique, so all but one row must be "
         "able to lack it. Write default=None."),
        ({"x_rank": integer(default=0)}, "customer.x_rank: a-one declares it, and x_ begins names of the host's own. "
         "Name it a_one_rank, for example."),
        ({"version": integer(default=0)}, "customer.version: crmkit keeps this name for a field of its own. "
         "Rename the field."),
        ({"name_folded": text(default="")}, "customer.name_folded: a-one declares it, and what it needs is taken by "
         "Customer. One of the two must rename its own; until then, connect with one of them."),
        ({"employees": text(default=None)}, "customer.employees: a-one declares it as text, and Customer has it "
         "already as integer. Rename it, to a_one_employees for example; or adopt the one that is there: "
         'replaces="employees".'),
        ({"tier": choice("a", "b", default=None, replaces="tier")},
         "customer.tier: a-one stores words in it that are refused without the package. "
         "Add a field of your own instead."),
        ({"more": extra()}, "customer.more: a-one declares a mapping for added fields, which the model has already. "
         "Leave it out."),
        ({"rank": 5}, "the added field 'rank' must be a declaration, not int. Write integer(default=None)."),
        ([], "the fields of a-one must be a class of Fields or a mapping, not list. "
         'Write {"points": integer(default=0)}, for example.'),
        (Clinic, "the fields of a-one must be a class of Fields or a mapping, not Clinic. "
         'Write {"points": integer(default=0)}, for example.'),
    ],
)  # fmt: skip
def test_what_cannot_be_a_packages_is_refused_where_it_is_declared(fields: Any, message: str) -> None:
    with pytest.raises(BadDefinition) as caught:
        extend(Customer, by="a-one", fields=fields)
    assert str(caught.value) == message


@pytest.mark.parametrize("by", ["", "Acme", "a b", "1a", None, "a" * 42])
def test_a_package_has_a_name(by: Any) -> None:
    with pytest.raises(BadDefinition, match="cannot name a package"):
        extend(Customer, by=by, fields={"rank": integer(default=0)})


def test_a_package_may_adopt_a_field_that_became_built_in(reopen: Reopen) -> None:
    adopted = of("a-one", employees=integer(default=None, min=0, replaces="employees"))
    with reopen(adopted).session(job) as s:
        acme = s.customers.add(adopted.evolve(Customer(name="Acme"), employees=5))
    with reopen().session(job) as s:
        assert s.customers.get(acme.id).employees == 5
    assert "taken by a-one" in refusal(adopted, of("b-two", employees=integer(default=None, replaces="employees")))


def test_a_package_brings_rules_along_beside_those_of_others_and_the_host(reopen: Reopen) -> None:
    ranked = extend(
        Customer,
        by="a-one",
        fields={"rank": integer(default=0)},
        rules=[rule("Nobody is ranked 9.", refuse=f.rank == 9)],
    )
    paid = extend(
        Customer, by="b-two", fields={"fee": integer(default=0)}, rules=[rule("Rank costs.", refuse=f.fee > 100)]
    )
    host = {Customer: [rule("Everybody has a country.", refuse=f.country.missing())]}
    for order in permutations([ranked, paid]):
        with reopen(*order, rules=host).session(job) as s:
            acme = s.customers.add(Customer(name="Acme", country="DE"))
            with pytest.raises(RuleBroken) as refused:
                s.customers.update(acme, rank=9, fee=101, country=None)
            assert {breach.message for breach in refused.value.breaches} == {
                "Nobody is ranked 9.", "Rank costs.", "Everybody has a country.",
            }  # fmt: skip
    with reopen(paid).session(job) as s:
        assert s.customers.update(s.customers.get(acme.id), fee=100, country=None).version == 2
