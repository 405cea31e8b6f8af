"""To read, bind and answer an expression takes work in proportion to it, and to what there is to read."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from crmkit import BadExpression, Contact, Crm, Customer, Expr, connect, f, system, where_from
from crmkit.expr.build import Name
from crmkit.expr.evaluate import evaluate
from crmkit.expr.form.document import from_json, to_json
from crmkit.expr.form.parse import parse
from crmkit.expr.form.show import show
from crmkit.query import Parameters
from crmkit.testing.world import World
from tests.growth.work import grows, lines, steps

job = system("test")

TEXTS: dict[str, Callable[[int], str]] = {
    "and": lambda n: " and ".join(["f.a == 1"] * n),
    "&": lambda n: " & ".join(["(f.a == 1)"] * n),
    "|": lambda n: " | ".join(["(f.a == 1)"] * n),
    "and, or": lambda n: " or ".join(["f.a == 1 and f.b == 2"] * n),
    "not": lambda n: "not " * n + "f.a == 1",
    "~": lambda n: "~" * n + "f.a.missing()",
    "parentheses": lambda n: "(" * n + "f.a == 1" + ")" * n,
    "values": lambda n: f"f.a.one_of({', '.join(map(str, range(n)))})",
    "tags": lambda n: "f.a.has(" + ", ".join(f"'t{k}'" for k in range(n)) + ")",
    "path": lambda n: "f" + ".a" * n + " == 1",
    "keys": lambda n: "f" + '["a"]' * n + " == 1",
    "any": lambda n: "f.a.any(" * n + "f.b == 1" + ")" * n,
    "long text": lambda n: "f.a == '" + "x" * n * 10 + "'",
    "long name": lambda n: f"f.{'x' * n * 10} == 1",
    "unknown name": lambda n: f"{'x' * n * 10} == 1",
    "unknown call": lambda n: f"f.a.{'x' * n * 10}(1)",
    "digits": lambda n: f"f.a == {'1' * n * 10}",
    "decimal": lambda n: "f.a == Decimal('" + "1" * n * 10 + "')",
    "escapes": lambda n: 'f.a == "' + "\\u0041" * n + '"',
    "blanks": lambda n: " " * n * 10 + "f.a == 1" + "\n" * n,
    "lines": lambda n: "(\n" + "\n".join(["f.a == 1 &"] * n) + "\nf.a ==)",
    "garbage": lambda n: "(" * n,
    "quotes": lambda n: "'" * n,
}


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_parsing(make: Callable[[int], str]) -> None:
    grows(lambda n: lines(lambda: parse(make(n))), 90)


EXPRESSIONS: dict[str, Callable[[int], Expr]] = {
    "values": lambda n: f.country.one_of(*(f"c{k}" for k in range(n))),
    "tags": lambda n: f.tags.has("x", *(f"t{k}" for k in range(n))),
    "paths": lambda n: where_from(Contact, {"customer.name": [f"n{k}" for k in range(n)]}),
    "negated": lambda n: where_from(Customer, {"name__ne": [f"n{k}" for k in range(n)]}),
    "many": lambda n: where_from(Customer, {"name__contains": [f"n{k}" for k in range(n)]}),
}


@pytest.mark.parametrize("make", EXPRESSIONS.values(), ids=EXPRESSIONS)
@pytest.mark.parametrize("form", [(show, parse), (to_json, from_json)], ids=["text", "json"])
def test_writing_and_reading(
    form: tuple[Callable[[Any], str], Callable[[str], Any]], make: Callable[[int], Expr]
) -> None:
    write, read = form
    grows(lambda n: lines(lambda: read(write(make(n)))), 90)


@pytest.mark.parametrize("make", EXPRESSIONS.values(), ids=EXPRESSIONS)
@pytest.mark.parametrize("url", ["memory://", "sqlite://"])
def test_binding_and_asking(url: str, make: Callable[[int], Expr]) -> None:
    with connect(url) as crm, crm.session(job) as s:
        repository = s.contacts if make is EXPRESSIONS["paths"] else s.customers
        grows(lambda n: lines(lambda: repository.count(make(n))), 90, most=13)


DOCUMENTS: dict[str, Callable[[int], object]] = {
    "deep": lambda n: json.loads('{"node":"not","item":' * n + '{"node":"always","holds":true}' + "}" * n),
    "wrong": lambda n: {"node": "and", "items": [{"node": "wrong"}] * n},
    "long word": lambda n: {"node": "x" * n * 10},
    "keys": lambda n: {f"k{k}": 1 for k in range(n)},
    "values": lambda n: {"node": "one_of", "field": ["a"], "values": [{"x": 1}] * n},
}


@pytest.mark.parametrize("make", DOCUMENTS.values(), ids=DOCUMENTS)
def test_refusing_a_document(make: Callable[[int], object]) -> None:
    grows(lambda n: lines(lambda: from_json(json.dumps({"version": 1, "where": make(n)}))), 90)


PARAMETERS: dict[str, Callable[[int], Parameters]] = {
    "names": lambda n: {f"name{k}": "x" for k in range(n)},
    "long name": lambda n: {"x" * n * 10: "y"},
    "path": lambda n: {".".join(["parent"] * n): "y"},
    "marks": lambda n: {"__" * n: "y"},
    "number": lambda n: {"employees": "9" * n * 10},
    "money": lambda n: {"annual_revenue": "-" * n * 10 + " EUR"},
}


@pytest.mark.parametrize("make", PARAMETERS.values(), ids=PARAMETERS)
def test_query_parameters(make: Callable[[int], Parameters]) -> None:
    grows(lambda n: lines(lambda: where_from(Customer, make(n))), 90)


# -- relations: the rows are what grows, and all belong to one customer, the worst there is ----------------------------


def nested(depth: int) -> Expr:
    made: Expr = f.name == "nobody"
    for _ in range(depth):
        made = f.customer.contacts.any(made)
    return made


def counted(depth: int) -> Expr:
    made: Expr = f.name == "nobody"
    for _ in range(depth):
        made = ~(f.customer.contacts.count(made) >= 2)
    return made


def family(depth: int) -> Expr:
    made: Expr = f.name == "nobody"
    for _ in range(depth):
        made = f.customer.parent.subsidiaries.none(f.contacts.all(~made))
    return made


RELATIONS: dict[str, Expr] = {
    **{f"{make.__name__} {depth}": make(depth) for make in (nested, counted) for depth in (1, 2, 3, 4)},
    **{f"family {depth}": family(depth) for depth in (1, 2)},
    "one row": (f.id == "ID") & nested(3),
}


def fill(crm: Crm, size: int) -> Any:
    with crm.session(job) as s:
        top = s.customers.add(Customer(name="top"))
        hub = s.customers.add(Customer(name="hub", parent_id=top.id))
        s.customers.add_many(Customer(name=f"c{n}", parent_id=top.id) for n in range(size))
        return next(iter(s.contacts.add_many(Contact(name=f"c{n}", customer_id=hub.id) for n in range(size))))


def about(where: Expr, some: Any) -> Expr:
    return (f.id == some) & nested(3) if where is RELATIONS["one row"] else where


@pytest.mark.parametrize("where", RELATIONS.values(), ids=RELATIONS)
def test_relations_on_sqlite(tmp_path: Any, where: Expr) -> None:
    def count(size: int) -> int:
        with connect(f"sqlite:///{tmp_path / f'{size}.db'}") as crm:
            some = fill(crm, size)
            leases = crm.environment.store._channels._leases  # type: ignore[attr-defined]
            with crm.session(job) as s:
                return steps([driver for _, driver in leases], lambda: s.contacts.count(about(where, some)))

    grows(count, 60, most=13)


@pytest.mark.parametrize("where", RELATIONS.values(), ids=RELATIONS)
def test_relations_in_memory(where: Expr) -> None:
    def count(size: int) -> int:
        with connect("memory://") as crm:
            some = fill(crm, size)
            with crm.session(job) as s:
                s.contacts.count(about(where, some))  # makes the indexes
                return lines(lambda: s.contacts.count(about(where, some)))

    grows(count, 60)


@pytest.mark.parametrize("where", RELATIONS.values(), ids=RELATIONS)
def test_relations_mean_the_same_on_every_store(store_url: str, where: Expr) -> None:
    with connect(store_url) as crm:
        some = fill(crm, 3)
        with crm.session(job) as s:
            s.contacts.add(Contact(name="nobody", customer_id=s.customers.first(f.name == "c1").id))
            s.contacts.add(Contact(name="alone"))
            people = s.contacts.find()
            world = World([*people, *s.customers.find()], crm.environment.catalog)
            wanted = [each.id for each in people if evaluate(about(where, some), each, world=world)]
            assert sorted(s.contacts.ids(about(where, some))) == sorted(wanted)


@pytest.mark.parametrize("where", RELATIONS.values(), ids=RELATIONS)
def test_relations_on_mongodb(mongo_url: str, where: Expr) -> None:
    def count(size: int) -> int:
        with connect(mongo_url) as crm:
            some = fill(crm, size)
            database = crm.environment.store._driver.database  # type: ignore[attr-defined]
            database.command("profile", 2)
            with crm.session(job) as s:
                s.contacts.count(about(where, some))
            database.command("profile", 0)
            seen = list(database["system.profile"].find({"op": "command"}))
            for name in ("system.profile", "customers", "contacts"):
                database[name].drop()
            return sum(each.get("docsExamined", 0) + each.get("keysExamined", 0) for each in seen)

    grows(count, 60, most=13)


def test_a_limit_refuses_what_is_longer_than_eight_relations() -> None:
    with (
        connect("memory://") as crm,
        crm.session(job) as s,
        pytest.raises(BadExpression, match="more than 8 relations"),
    ):
        s.contacts.count(nested(5))


def test_a_long_path_is_refused_where_a_name_is_read() -> None:
    with pytest.raises(BadExpression):
        where_from(Contact, {"customer." * 1000: "x"})
    with connect("memory://") as crm, crm.session(job) as s, pytest.raises(BadExpression):
        s.contacts.count(Name(*["customer"] * 1000) == "x")
