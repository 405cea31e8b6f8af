"""Bad input gets the same clear error on every store, before anything is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from uuid import UUID

import pytest

from crmkit import (
    UTC,
    BadExpression,
    BadRecord,
    Crm,
    CrmError,
    Customer,
    Duplicate,
    Money,
    MoveRefused,
    NotFound,
    Opportunity,
    Problem,
    Session,
    Stale,
    User,
    connect,
    f,
    system,
    total,
)
from crmkit.expr.form.document import from_json

job = system("test")


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url) as crm:
        yield crm


def everything_written(crm: Crm) -> list[int]:
    with crm.session(job) as s:
        return [
            shelf.count(deleted=True)
            for shelf in (s.customers, s.contacts, s.opportunities, s.users, s.stage_moves, s.outbox)
        ]


RECORDS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "naive datetime": (
        lambda: Customer(name="A", last_contact_at=dt.datetime(2026, 1, 1)),
        BadRecord,
        "customer refused: last_contact_at: has no time zone, so it names no instant. "
        "Add one, as in datetime(..., tzinfo=UTC).",
    ),
    "float as money": (
        lambda: Customer(name="A", credit_limit=9.99),  # type: ignore[arg-type]  # wrong on purpose
        BadRecord,
        "customer refused: credit_limit: is a float, which cannot hold money exactly. "
        'Write Money("9.99", "EUR"), with the currency meant.',
    ),
    "missing currency": (
        lambda: Customer(name="A", credit_limit=Decimal(9)),  # type: ignore[arg-type]  # wrong on purpose
        BadRecord,
        "customer refused: credit_limit: is an amount without a currency. "
        'Write Money("9", "EUR"), with the currency meant.',
    ),
    "wrong currency": (
        lambda: Money(1, "EUT"),
        Problem,
        "'EUT' is not an ISO 4217 currency code. Did you mean 'EUR'?",
    ),
    "NUL": (
        lambda: Customer(name="A\x00B"),
        BadRecord,
        "customer refused: name: holds a NUL character at position 1. Remove it.",
    ),
    "lone surrogate": (
        lambda: Customer(name="A\udc00"),
        BadRecord,
        "customer refused: name: holds half a surrogate pair at position 1. Decode the source with the right encoding.",
    ),
    "past 64 bit": (
        lambda: Customer(name="A", employees=2**63),
        BadRecord,
        "customer refused: employees: does not fit a 64-bit integer.",
    ),
    "NaN": (
        lambda: Money(Decimal("NaN"), "EUR"),
        Problem,
        "is NaN, which is not an amount.",
    ),
    "over-long text": (
        lambda: Customer(name="A", country="Germany"),
        BadRecord,
        "customer refused: country: has 7 characters, 2 at most.",
    ),
}


@pytest.mark.parametrize("case", RECORDS)
def test_a_bad_value_is_refused_when_the_record_is_made(case: str) -> None:
    make, kind, message = RECORDS[case]
    with pytest.raises(kind) as caught:
        make()
    assert str(caught.value) == message


UPDATES = {case: (make, message) for case, (make, kind, message) in RECORDS.items() if kind is BadRecord}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nmae": "x"}, "customer refused: nmae: is not a field of this model. Did you mean 'name'?"),
        ({"name": "a\x00"}, "customer refused: name: holds a NUL character at position 1. Remove it."),
        ({"employees": 2**64}, "customer refused: employees: does not fit a 64-bit integer."),
        ({"size": "larg"}, "customer refused: size: 'larg' is not one of its choices. Did you mean 'large'?"),
    ],
)
def test_a_bad_change_is_refused_on_every_store(crm: Crm, changes: dict[str, object], message: str) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        with pytest.raises(BadRecord) as caught:
            s.customers.update(acme, **changes)
        assert str(caught.value) == message
        assert s.customers.get(acme.id) == acme


QUESTIONS: dict[str, tuple[Callable[[Session], object], str]] = {
    "unknown field": (
        lambda s: s.customers.find(f.nmae == "x"),
        "customer has no field 'nmae'. Did you mean 'name'?",
    ),
    "unknown field in a path": (
        lambda s: s.opportunities.count(f.customer.contry == "DE"),
        "customer has no field 'contry'. Did you mean 'country'?",
    ),
    "unknown relation": (
        lambda s: s.customers.find(f.contatcs.any()),
        "f.contatcs: customer has no relation 'contatcs'. Did you mean 'contacts'?",
    ),
    "several records on the way": (
        lambda s: s.customers.find(f.contacts.name == "x"),
        "f.contacts.name: 'contacts' may lead to several records. "
        "Write .contacts.any(...), .all(...), .none(...) or .count(...).",
    ),
    "unknown choice": (
        lambda s: s.customers.find(f.size == "larg"),
        "f.size: 'larg' is not one of its choices. Did you mean 'large'?",
    ),
    "order of choices": (
        lambda s: s.customers.find(f.size > "small"),
        "f.size: has no order. Name the values meant with .one_of(...).",
    ),
    "naive datetime": (
        lambda s: s.customers.find(f.created_at > dt.datetime(2026, 1, 1)),
        "f.created_at: has no time zone, so it names no instant. Add one, as in datetime(..., tzinfo=UTC).",
    ),
    "date for an instant": (
        lambda s: s.customers.find(f.created_at > dt.date(2026, 1, 1)),
        "f.created_at: expects a date and time, not date.",
    ),
    "float as money": (
        lambda s: s.customers.find(f.credit_limit > 1.5),
        "f.credit_limit: is a float, which cannot hold money exactly. "
        'Write Money("1.5", "EUR"), with the currency meant.',
    ),
    "bare amount": (
        lambda s: s.customers.find(f.credit_limit > 10),
        'f.credit_limit: is an amount without a currency. Write Money("10", "EUR"), with the currency meant.',
    ),
    "NUL": (
        lambda s: s.customers.find(f.name == "\x00"),
        "f.name: holds a NUL character at position 0. Remove it.",
    ),
    "text for a number": (
        lambda s: s.customers.find(f.employees == "7"),
        "f.employees: expects a whole number, not str.",
    ),
    "unsearchable": (
        lambda s: s.customers.find(f.street.contains("x")),
        "f.street: is not searchable. Declare it with text(search=True), or compare it with ==.",
    ),
    "python and": (
        lambda s: s.customers.find((f.name == "x") and (f.name == "y")),
        "an expression is neither true nor false until a store or evaluate() reads it. "
        "Write & for and, | for or, ~ for not, each side in parentheses.",
    ),
    "python in": (
        lambda s: s.customers.find("vip" in f.tags),  # type: ignore[arg-type]  # wrong on purpose
        "'in f.tags' cannot be read. Write f.tags.has(...) for tags, f.tags.contains(...) for text.",
    ),
    "none": (
        lambda s: s.customers.find(f.name == None),  # noqa: E711 - the mistake under test
        "f.name == None: nothing compares with None. Write f.name.missing().",
    ),
    "order by an unknown field": (
        lambda s: s.contacts.find(order=f.customer.nme),
        "f.customer.nme: customer has no field 'nme'. Did you mean 'name'?",
    ),
    "order by several records": (
        lambda s: s.customers.find(order=-f.contacts.name),
        "f.contacts.name: 'contacts' may lead to several records. "
        "Write .contacts.any(...), .all(...), .none(...) or .count(...).",
    ),
    "order by a part": (
        lambda s: s.opportunities.find(order=f.amount.currency),
        "f.amount.currency is a part of a field, and has no order. Order by a field of its own.",
    ),
    "order by tags of another": (lambda s: s.contacts.find(order=f.customer.tags), "f.customer.tags has no order."),
    "order by tags": (lambda s: s.customers.find(order=f.tags), "f.tags has no order."),
    "limit": (lambda s: s.customers.find(limit=0), "limit must be a whole number from 1 up, not 0."),
    "limit beyond 64 bit": (
        lambda s: s.customers.find(limit=2**63),
        "limit must be a whole number from 1 up, not 9223372036854775808.",
    ),
    "a field's name as order": (
        lambda s: s.customers.find(order="name"),  # type: ignore[arg-type]  # wrong on purpose
        "cannot order by str. Write f.name, or -f.name.",
    ),
    "a number as order": (
        lambda s: s.customers.find(order=[5]),  # type: ignore[list-item]  # wrong on purpose
        "cannot order by int. Write f.name, or -f.name.",
    ),
    "a field's name as group": (
        lambda s: s.customers.tally(by="n"),  # type: ignore[arg-type]  # wrong on purpose
        "cannot group by str. Write f.name, or by_month(f.at).",
    ),
    "a number as measure": (
        lambda s: s.customers.tally(sum=total(5)),  # type: ignore[arg-type]  # wrong on purpose
        "cannot measure int. Write total(f.amount), for example.",
    ),
    "a field as condition": (
        lambda s: s.customers.find(f.name),
        "an expression is expected, not Name. Write one with f, as in f.name == 'Acme'.",
    ),
    "text as id": (
        lambda s: s.customers.get("abc"),  # type: ignore[arg-type]  # wrong on purpose
        "an id is a UUID, not str. Write UUID(text).",
    ),
}


@pytest.mark.parametrize("case", QUESTIONS)
def test_a_bad_question_is_refused_on_every_store(crm: Crm, case: str) -> None:
    ask, message = QUESTIONS[case]
    with crm.session(job) as s, pytest.raises(BadExpression) as caught:
        ask(s)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", '{"v":1}', '{"v":99,"e":{}}', "[" * 100_000, '{"crmkit.expr":1,"where":{"x":1}}']
)
def test_a_malformed_stored_expression_is_refused(text: str) -> None:
    with pytest.raises(BadExpression):
        from_json(text)


def test_an_unknown_stage_is_named_with_the_nearest_one(crm: Crm) -> None:
    with crm.session(job) as s:
        with pytest.raises(MoveRefused, match="'propsal'.*proposal"):
            s.opportunities.add(Opportunity(name="Deal", stage="propsal"))
        deal = s.opportunities.add(Opportunity(name="Deal"))
        with pytest.raises(MoveRefused, match="'propsal'.*proposal"):
            s.opportunities.advance(deal, "propsal")


def test_a_refused_write_changes_nothing(crm: Crm) -> None:
    with crm.session(job) as s:
        ann = s.users.add(User(name="Ann", email="ann@example.org"))
        acme = s.customers.add(Customer(name="Acme"))
        newer = s.customers.update(acme, score=1)
        deal = s.opportunities.add(Opportunity(name="Deal", customer_id=acme.id))
    before = everything_written(crm)
    nowhere = UUID(int=9)
    attempts: list[tuple[Callable[[Session], object], type[CrmError]]] = [
        (lambda s: s.customers.update(acme, score=2), Stale),
        (lambda s: s.customers.delete(acme), Stale),
        (lambda s: s.customers.add(Customer(name="B", owner_id=nowhere)), BadRecord),
        (lambda s: s.opportunities.update(deal, customer_id=nowhere), BadRecord),
        (lambda s: s.opportunities.advance(deal, "lost"), MoveRefused),
        (lambda s: s.opportunities.advance(deal, "contact"), MoveRefused),
        (lambda s: s.customers.get(nowhere), NotFound),
        (lambda s: s.users.add(User(name="Bo", email="ann@example.org")), Duplicate),
    ]
    for attempt, kind in attempts:
        with pytest.raises(kind), crm.session(job) as s:
            attempt(s)
    assert everything_written(crm) == before
    with crm.session(job) as s:
        assert s.customers.get(acme.id) == newer
        assert s.opportunities.get(deal.id) == deal
        assert s.users.get(ann.id) == ann
    assert newer.updated_at.tzinfo is UTC
