"""Guards and requirements reach related records, on every store, in constant statements and within what may be seen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import (
    Action,
    Actor,
    BadDefinition,
    Contact,
    Crm,
    Customer,
    Expr,
    Money,
    MoveRefused,
    Opportunity,
    OpportunityLine,
    Pipeline,
    Record,
    Session,
    Stage,
    Task,
    User,
    connect,
    days,
    entity,
    everything,
    f,
    into,
    link,
    me,
    move,
    now,
    system,
)
from crmkit.expr.evaluate import evaluate
from crmkit.lifecycle.built_in import OPPORTUNITY
from crmkit.repository.door import Door
from crmkit.repository.neighbourhood import neighbourhood
from crmkit.testing.drive import step

job = system("test")
DECIDER = f.customer.contacts.any(f.role == "decision_maker")


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that are read through doors, one for each statement."""
    read: list[str] = []
    for name in ("_fetch", "tally"):
        inner = getattr(Door, name)

        async def counted(self: Any, *args: Any, inner: Any = inner, **named: Any) -> Any:
            read.append(self.schema.name)
            return await inner(self, *args, **named)

        monkeypatch.setattr(Door, name, counted)
    return read


def selling(url: str, pipeline: Pipeline, **named: Any) -> Crm:
    return connect(url, pipelines=[pipeline], **named)


def acme(s: Session, **fields: Any) -> tuple[Customer, Opportunity]:
    customer = s.customers.add(Customer(name="Acme", **fields))
    return customer, s.opportunities.add(Opportunity(name="Line 4", customer_id=customer.id))


def test_a_decision_maker_has_to_be_named(store_url: str) -> None:
    with selling(store_url, OPPORTUNITY.with_guard("won", DECIDER)) as crm, crm.session(job) as s:
        customer, deal = acme(s)
        reason = (
            "'won' demands f.customer.contacts.any(f.role == \"decision_maker\"), "
            f"which does not hold for the customer {customer.id}."
        )
        assert s.opportunities.why_not(deal, "won") == reason
        assert "won" not in s.opportunities.allowed_moves(deal)
        with pytest.raises(MoveRefused) as caught:
            s.opportunities.advance(deal, "won")
        assert caught.value.reasons == (reason,)
        s.contacts.add(Contact(name="Li", customer_id=customer.id, role="decision_maker"))
        assert s.opportunities.why_not(deal, "won") == ""
        assert "won" in s.opportunities.allowed_moves(deal)
        assert s.opportunities.advance(deal, "won").outcome == "won"


def test_a_field_of_another_record_is_required(store_url: str) -> None:
    ours = OPPORTUNITY.with_requirement("proposal", "amount", "customer.tax_number", "customer.owner.email")
    with selling(store_url, ours) as crm, crm.session(job) as s:
        customer, deal = acme(s)
        assert s.opportunities.why_not(deal, "proposal") == (
            "'proposal' requires amount. "
            "'proposal' requires customer.owner.email, and there is no customer.owner. "
            f"'proposal' requires customer.tax_number, which is missing on the customer {customer.id}."
        )
        owner = s.users.add(User(name="Ann", email="ann@example.com"))
        s.customers.update(customer, tax_number="DE1", owner_id=owner.id)
        assert s.opportunities.why_not(deal, "proposal", amount=Money(1, "EUR")) == ""
        assert s.opportunities.why_not(deal, "proposal", amount=Money(1, "EUR"), customer_id=None) == (
            "'proposal' requires customer.owner.email, and there is no customer. "
            "'proposal' requires customer.tax_number, and there is no customer."
        )


def test_a_link_that_changes_with_the_move_leads_to_where_it_will_lead(store_url: str) -> None:
    with selling(store_url, OPPORTUNITY.with_guard("won", f.customer.country == "DE")) as crm, crm.session(job) as s:
        _, deal = acme(s, country="US")
        german = s.customers.add(Customer(name="GmbH", country="DE"))
        assert "country" in s.opportunities.why_not(deal, "won")
        assert s.opportunities.why_not(deal, "won", customer_id=german.id) == ""
        won = s.opportunities.advance(deal, "won", customer_id=german.id)
        assert (won.outcome, won.customer_id) == ("won", german.id)


def test_each_demand_of_a_guard_is_a_reason_of_its_own(store_url: str) -> None:
    guard = (f.amount > Money(5, "EUR")) & f.lines.any() & (f.customer.country == "DE")
    with selling(store_url, OPPORTUNITY.with_guard("won", guard)) as crm, crm.session(job) as s:
        customer, deal = acme(s)
        assert s.opportunities.why_not(deal, "won").split(". ") == [
            '\'won\' demands f.amount > Money("5.00", "EUR")',
            "'won' demands f.lines.any()",
            f"'won' demands f.customer.country == \"DE\", which does not hold for the customer {customer.id}.",
        ]
        s.opportunity_lines.add(OpportunityLine(opportunity_id=deal.id))
        assert "lines" not in s.opportunities.why_not(deal, "won")


def test_rules_reach_too_and_so_does_a_transfer(store_url: str) -> None:
    ours = OPPORTUNITY.with_stage(Stage("audit", guard=f.customer.country == "DE"), after="needs")
    ours = ours.with_move(move("won", "lost", guard=f.tasks.none(f.status == "open")))
    with selling(store_url, ours) as crm, crm.session(job) as s:
        _, deal = acme(s)
        with pytest.raises(MoveRefused, match="country"):
            s.opportunities.transfer(deal, stage="audit")
        deal = s.opportunities.advance(deal, "won")
        s.tasks.add(Task(subject="Call", opportunity_id=deal.id))
        assert s.opportunities.why_not(deal, "lost", lost_reason="price") == (
            'The move demands f.tasks.none(f.status == "open").'
        )


LEAVES: list[Expr] = [
    f.customer.country == "DE",
    f.customer.country != "DE",
    f.customer.country.missing(),
    f.customer.country.one_of("DE", "FR"),
    f.customer.name.starts_with("ac"),
    f.customer.annual_revenue.currency == "EUR",
    f.customer.owner.name == "Ann",
    f.customer.owner_id == me.id,
    f.customer.created_at < now(),
    f.customer.contacts.any(f.role == "decision_maker"),
    f.customer.contacts.all(f.role == "decision_maker"),
    f.customer.contacts.none(f.role == "decision_maker"),
    f.customer.contacts.count() == 0,
    f.customer.contacts.count(f.role == "user") >= 2,
    f.customer.contacts.any(f.customer.opportunities.count() > 1),
    f.customer.owner.customers.count() > 1,
    f.lines.any(),
    f.lines.all(f.position > 1),
    f.tasks.count(f.status == "open") < 1,
    f.moves.any(f.to_stage == "contact"),
    f.external_ids.none(),
    f.stage == "contact",
    everything,
]


@st.composite
def guards(draw: Callable[..., Any]) -> Expr:
    one = draw(st.sampled_from(LEAVES))
    for _ in range(draw(st.integers(0, 3))):
        other = draw(st.sampled_from(LEAVES))
        one = draw(st.sampled_from([one & other, one | other, ~one]))
    return one


def test_a_guard_means_what_the_same_expression_finds(store_url: str) -> None:
    """The law: of a record that does not change, a guard holds exactly where the store finds the record by it."""
    with connect(store_url) as crm, crm.session(job) as s:
        ann = s.users.add(User(name="Ann", email="ann@example.com"))
        customers = [
            s.customers.add(Customer(name="Acme", country="DE", owner_id=ann.id, annual_revenue=Money(1, "EUR"))),
            s.customers.add(Customer(name="Bolt", country="US", owner_id=ann.id)),
            s.customers.add(Customer(name="Solo")),
        ]
        for customer, role in zip([*customers[:2], customers[1]], ["decision_maker", "user", "user"], strict=True):
            s.contacts.add(Contact(name=role, customer_id=customer.id, role=role))
        ids = [customer.id for customer in customers]
        deals = [s.opportunities.add(Opportunity(name="Deal", customer_id=id)) for id in (*ids, ids[0], None)]
        s.opportunity_lines.add(OpportunityLine(opportunity_id=deals[0].id, position=1))
        s.opportunity_lines.add(OpportunityLine(opportunity_id=deals[1].id, position=2))
        s.tasks.add(Task(subject="Call", opportunity_id=deals[2].id))
        s.customers.delete(customers[2])

        @given(guards())
        def holds(guard: Expr) -> None:
            with crm.session(Actor(id=ann.id)) as asking:
                found = set(asking.opportunities.ids(guard))
                doors = asking._inner.doors
                assert {deal.id for deal in deals if satisfied(doors, deal, guard)} == found

        s.commit()
        holds()


def satisfied(doors: Any, deal: Any, guard: Expr) -> bool:

    around = step(neighbourhood(doors.of("opportunity"), doors.of, [(deal, [guard], doors.facts())]))
    if around is None:
        return evaluate(guard, deal, facts=doors.facts())
    return around.satisfy(guard, deal, doors.facts())


class TestWhatMayBeSeen:
    """Guards count what the actor may see; no reason tells of anything else."""

    class Own:
        def rows(self, actor: Actor, action: Action, schema: Any) -> Expr:
            mine = actor.id is not None and action is Action.READ and schema.name in {"customer", "contact"}
            return f.owner_id == me.id if mine else everything

    @pytest.fixture
    def crm(self, store_url: str) -> Iterator[Crm]:
        ours = OPPORTUNITY.with_guard("won", DECIDER).with_requirement("proposal", "customer.tax_number")
        with selling(store_url, ours, policy=self.Own()) as crm:
            yield crm

    def test_a_hidden_record_is_as_one_that_was_never_there(self, crm: Crm) -> None:
        with crm.session(job) as s:
            ann = s.users.add(User(name="Ann", email="ann@example.com"))
            hidden, deal = acme(s, tax_number="DE1")
            s.contacts.add(Contact(name="Li", customer_id=hidden.id, role="decision_maker"))
            bare = s.opportunities.add(Opportunity(name="Bare"))
            assert s.opportunities.why_not(deal, "won") == s.opportunities.why_not(deal, "proposal") == ""
        with crm.session(Actor(id=ann.id)) as s:
            for stage in ("won", "proposal"):
                said = s.opportunities.why_not(deal, stage)
                assert said == s.opportunities.why_not(bare, stage)
                assert said.endswith("and there is no customer.")
                assert str(hidden.id) not in said

    def test_so_are_hidden_ones_among_several(self, crm: Crm) -> None:
        with crm.session(job) as s:
            ann = s.users.add(User(name="Ann", email="ann@example.com"))
            customer, deal = acme(s, owner_id=ann.id)
            hidden = s.contacts.add(Contact(name="Li", customer_id=customer.id, role="decision_maker"))
        with crm.session(Actor(id=ann.id)) as s:
            assert s.opportunities.why_not(deal, "won").endswith(f"which does not hold for the customer {customer.id}.")
        with crm.session(job) as s:
            s.contacts.update(hidden, owner_id=ann.id)
        with crm.session(Actor(id=ann.id)) as s:
            assert s.opportunities.why_not(deal, "won") == ""


class TestStatements:
    """The statements that a call takes depend on what the pipeline asks, and not on how many records there are."""

    GUARD = DECIDER & (f.customer.country == "DE") & f.tasks.none()

    @pytest.fixture
    def crm(self, store_url: str) -> Iterator[Crm]:
        ours = OPPORTUNITY
        for stage in ("contact", "needs", "proposal", "won"):
            ours = ours.with_guard(stage, self.GUARD).with_requirement(stage, "customer.tax_number")
        with selling(store_url, ours) as crm:
            yield crm

    @pytest.mark.parametrize("many", [10, 1000])
    def test_many_enter_in_as_many_as_a_few(self, crm: Crm, many: int, statements: list[str]) -> None:
        with crm.session(job) as s:
            customers = [Customer(name=f"c{n}", country="DE", tax_number="1") for n in range(many // 2)]
            ids = s.customers.add_many(customers)
            s.contacts.add_many(Contact(name="Li", customer_id=id, role="decision_maker") for id in ids)
            s.commit()
            statements.clear()
            s.opportunities.add_many(Opportunity(name="Deal", customer_id=id) for id in ids * 2)
            asked = [name for name in statements if name != "pipeline_definition"]
            assert sorted(asked) == ["contact", "customer", "customer", "task"]  # one of them checks the links

    def test_all_moves_are_judged_with_one_statement_for_each_thing_asked(
        self, crm: Crm, statements: list[str]
    ) -> None:
        with crm.session(job) as s:
            customer = s.customers.add(Customer(name="Acme", country="DE", tax_number="1"))
            s.contacts.add(Contact(name="Li", customer_id=customer.id, role="decision_maker"))
            deal = s.opportunities.add(Opportunity(name="Deal", customer_id=customer.id))
            statements.clear()
            assert s.opportunities.allowed_moves(deal) == ("needs", "proposal", "negotiation", "won")
            assert sorted(statements) == ["contact", "customer", "opportunity", "task"]

    def test_a_pipeline_that_reaches_nothing_asks_nothing(self, store_url: str, statements: list[str]) -> None:
        with connect(store_url) as crm, crm.session(job) as s:
            _, deal = acme(s)
            statements.clear()
            s.opportunities.advance(deal, "needs")
            assert statements == ["stage_move"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda p: p.with_guard("won", f.customer.contcts.any()),
            "pipeline 'opportunity': stage 'won' has a guard that does not fit: f.customer.contcts: customer has no "
            "relation 'contcts'. Did you mean 'contacts'?",
        ),
        (
            lambda p: p.with_requirement("won", "customer.tax_nmber"),
            "pipeline 'opportunity': stage 'won' requires 'customer.tax_nmber', which does not fit: customer has no "
            "field 'tax_nmber'. Did you mean 'tax_number'?",
        ),
        (
            lambda p: p.with_requirement("won", "lines.amount"),
            "pipeline 'opportunity': stage 'won' requires 'lines.amount', which does not fit: f.lines.amount: 'lines' "
            "may lead to several records. Write .lines.any(...), .all(...), .none(...) or .count(...).",
        ),
        (
            lambda p: p.with_move(into("needs", guard=f.custmer.country == "DE")),
            'pipeline \'opportunity\': into("needs", guard=f.custmer.country == "DE") has a guard that does not fit: '
            "f.custmer.country: opportunity has no relation 'custmer'. Did you mean 'customer'?",
        ),
    ],
)
def test_what_does_not_fit_the_models_is_refused_when_connecting(
    change: Callable[[Pipeline], Pipeline], message: str
) -> None:
    with pytest.raises(BadDefinition) as caught:
        connect("memory://", pipelines=[change(OPPORTUNITY)])
    assert str(caught.value) == message


def test_the_time_of_the_move_counts(store_url: str) -> None:
    start = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    clock = [start]
    ours = OPPORTUNITY.with_guard("won", f.customer.created_at < now())
    with selling(store_url, ours, clock=lambda: clock[0]) as crm, crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"))
        clock[0] = start + days(2)
        customer = s.customers.add(Customer(name="Acme"))
        clock[0] = start + days(4)
        assert s.opportunities.why_not(deal, "won", customer_id=customer.id) == ""
        with pytest.raises(MoveRefused):
            s.opportunities.advance(deal, "won", customer_id=customer.id, at=start + days(1))
        assert s.opportunities.advance(deal, "won", customer_id=customer.id, at=start + days(3)).outcome == "won"


@pytest.mark.parametrize("lasting", ["sqlite_url", "mongo_url"])
def test_a_stored_guard_that_no_longer_fits_the_models_is_a_reason(
    request: pytest.FixtureRequest, lasting: str
) -> None:
    url: str = request.getfixturevalue(lasting)

    @entity(name="visit")
    class Visit(Record):
        """What a product of last year had."""

        opportunity_id: UUID = link("opportunity", back="visits")

    ours = OPPORTUNITY.with_guard("won", f.visits.any()).with_requirement("needs", "customer.tax_number")
    with selling(url, ours, models=[Visit]) as crm, crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"))
        assert s.opportunities.why_not(deal, "won") == "'won' demands f.visits.any()."
    with connect(url) as crm, crm.session(job) as s:
        deal = s.opportunities.get(deal.id)
        assert s.opportunities.why_not(deal, "won").startswith(
            "'won' demands f.visits.any(), which cannot be read: f.visits: opportunity has no relation 'visits'."
        )
        assert s.opportunities.allowed_moves(deal) == ("proposal", "negotiation")
