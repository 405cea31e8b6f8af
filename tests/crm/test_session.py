"""Sessions and repositories as a user meets them, on every store."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import pytest

from crmkit import (
    NEW,
    UTC,
    Activity,
    Actor,
    BadDefinition,
    BadExpression,
    BadRecord,
    Contact,
    Crm,
    CrmError,
    Customer,
    Duplicate,
    Money,
    MoneyBag,
    NotAllowed,
    NotFound,
    Opportunity,
    Product,
    Refused,
    StageMove,
    Stale,
    Team,
    User,
    ago,
    average,
    by_month,
    connect,
    count,
    count_distinct,
    days,
    f,
    greatest,
    integer,
    least,
    me,
    system,
    text,
    total,
)
from crmkit.testing import FrozenClock

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def crm_clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def crm_options() -> dict[str, Any]:
    return {"extra": {Customer: {"shoe_size": integer(default=None), "club": text(default=None)}}}


job = system("test")


def test_what_was_added_is_read_back_as_it_was_returned(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme", tags=("vip",), credit_limit=Money("12.5", "EUR")))
        assert (acme.version, acme.created_at, acme.created_by) == (1, NOW, "system:test")
        assert s.customers.get(acme.id) == acme
    with crm.session(job) as s:
        assert s.customers.get(acme.id) == acme
        assert list(s.customers.find(f.name == "Acme")) == [acme]


def test_an_exception_undoes_the_session(crm: Crm) -> None:
    with pytest.raises(RuntimeError), crm.session(job) as s:
        s.customers.add(Customer(name="Acme"))
        raise RuntimeError
    with crm.session(job) as s:
        assert s.customers.count() == 0


def test_clock_readings_are_cut_to_milliseconds_everywhere(store_url: str) -> None:
    with connect(store_url, clock=lambda: NOW.replace(microsecond=123_456)) as crm, crm.session(job) as s:
        acme = s.customers.update(s.customers.add(Customer(name="Acme")), score=1)
        assert acme.updated_at == acme.created_at == NOW.replace(microsecond=123_000)
        assert s.customers.get(acme.id) == acme


def test_a_session_must_be_entered_as_nothing_else_would_commit(store_url: str) -> None:
    with connect(store_url) as crm:
        for call in (
            lambda s: s.opportunities.add(Opportunity(name="Deal")),
            lambda s: s.customers.add(Customer(name="Acme")),
            lambda s: s.customers.count(),
        ):
            with pytest.raises(CrmError, match="the session was not entered"):
                call(crm.session(job))


def test_facts_about_an_actor_may_come_in_any_collection(crm: Crm) -> None:
    with crm.session(job) as s:
        team = s.teams.add(Team(name="North"))
        s.users.add(User(name="Ann", team_id=team.id))
    with crm.session(Actor(team_ids=[team.id])) as s:  # type: ignore[arg-type]  # as a careless host may write it
        assert s.users.count(f.team_id.one_of(me.team_ids)) == 1
    with pytest.raises(BadDefinition, match="roles are several names"):
        Actor(roles="admin")
    for given in ({"id": "7"}, {"team_id": "7"}, {"team_ids": ["7"]}):
        with pytest.raises(BadDefinition, match=r"expects a UUID, not str\. Write UUID\(text\)\."):
            Actor(**given)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(BadDefinition, match="an actor's tenant needs 1 character or more"):
        system("nightly", tenant="")


def test_a_zone_must_exist(crm: Crm) -> None:
    for zone in ("Mars/Olympus", "../zone", ""):
        with pytest.raises(BadDefinition, match="is not a time zone"):
            crm.session(Actor(zone=zone))
    with crm.session(job) as s, pytest.raises(BadDefinition, match="'Mars/Olympus' is not a time zone"):
        s.customers.tally(by=by_month(f.created_at, "Mars/Olympus"))


def test_commit_and_rollback_within_a_session(crm: Crm) -> None:
    with crm.session(job) as s:
        s.customers.add(Customer(name="Kept"))
        s.commit()
        s.customers.add(Customer(name="Dropped"))
        s.rollback()
        assert [each.name for each in s.customers.stream()] == ["Kept"]


def test_a_session_ends_once(crm: Crm) -> None:
    with crm.session(job) as s:
        pass
    with pytest.raises(CrmError, match="the session has ended"):
        s.customers.count()
    with pytest.raises(CrmError, match="a session acts for an Actor, not for str"):
        crm.session("ann")  # type: ignore[arg-type]  # wrong on purpose


def test_update_is_versioned(crm: Crm, crm_clock: FrozenClock) -> None:
    with crm.session(job) as s:
        first = s.customers.add(Customer(name="Acme"))
        crm_clock.now += days(1)
        second = s.customers.update(first, name="Acme AG", score=7)
        assert (second.version, second.updated_at, second.created_at) == (2, NOW + days(1), NOW)
        assert s.customers.get(first.id) == second
        with pytest.raises(Stale) as caught:
            s.customers.update(first, name="Lost")
        assert (caught.value.expected, caught.value.actual) == (1, 2)
        assert s.customers.get(first.id) == second


def test_searching_follows_a_changed_text(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Straße & Söhne"))
        assert s.customers.first(f.name.contains("STRASSE")) == acme
        renamed = s.customers.update(acme, name="Weg & Töchter")
        assert s.customers.first(f.name.contains("strasse")) is None
        assert s.customers.first(f.name.starts_with("weg & TÖ")) == renamed


def test_delete_and_restore(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        bo = s.contacts.add(Contact(name="Bo", customer_id=acme.id))
        gone = s.customers.delete(acme)
        assert gone.deleted_at == NOW
        with pytest.raises(NotFound):
            s.customers.get(acme.id)
        assert s.customers.get(acme.id, deleted=True) == gone
        assert s.customers.count() == 0
        assert s.contacts.count(f.customer.name == "Acme") == 0
        assert s.contacts.count(f.customer.name.missing()) == 1
        with pytest.raises(NotFound, match="is deleted. Call restore"):
            s.customers.update(gone, name="Acme AG")
        with pytest.raises(BadRecord, match="links to customer .* does not exist"):
            s.contacts.add(Contact(name="Cy", customer_id=acme.id))
        back = s.customers.restore(gone)
        assert s.customers.get(acme.id) == back
        with pytest.raises(Refused, match="is not deleted. There is nothing to restore"):
            s.customers.restore(back)
        assert s.contacts.find(f.customer.name == "Acme")[0] == bo


def test_pages_join_to_the_whole_in_any_order(crm: Crm) -> None:
    with crm.session(job) as s:
        scores = [3, None, 1, 2, None, 3, 3, 0, None, 1]
        s.customers.add_many(Customer(name=f"c{n}", employees=score) for n, score in enumerate(scores))
        for order in (f.employees, -f.employees, f.employees.asc(missing="first"), [-f.employees, -f.name], f.name, ()):
            whole = list(s.customers.find(order=order, limit=50))  # type: ignore[arg-type]  # a mixed list of orders
            assert len(whole) == 10
            for size in (1, 3, 10):
                joined: list[Customer] = []
                after: str | None = None
                while True:
                    page = s.customers.find(order=order, limit=size, after=after)  # type: ignore[arg-type]  # as above
                    joined += page
                    after = page.next
                    if after is None:
                        break
                assert joined == whole
        ranked = [each.employees for each in s.customers.find(order=f.employees.asc(missing="first"))]
        assert ranked == [None, None, None, 0, 1, 1, 2, 3, 3, 3]
        assert [each.employees for each in s.customers.find(order=-f.employees)][-3:] == [None, None, None]


@pytest.mark.parametrize("cursor", ["x", "", "eyJhIjoxfQ", "W10", "é", "bnVsbA", "A" * 10_000])
def test_a_forged_cursor_is_refused(crm: Crm, cursor: str) -> None:
    with crm.session(job) as s, pytest.raises(BadExpression, match="after is not a cursor"):
        s.customers.find(after=cursor)


def test_a_cursor_fits_its_own_order_only(crm: Crm) -> None:
    with crm.session(job) as s:
        s.customers.add_many([Customer(name="a"), Customer(name="b")])
        page = s.customers.find(order=f.name, limit=1)
        with pytest.raises(BadExpression, match="another order"):
            s.customers.find(order=f.score, after=page.next)


def test_bulk_add_streams_back_in_order(crm: Crm) -> None:
    with crm.session(job) as s:
        ids = s.customers.add_many(Customer(name=f"c{n}") for n in range(5_203))
        assert ids == sorted(ids)
        assert [each.id for each in s.customers.stream()] == ids == s.customers.ids()


def test_links_must_lead_somewhere_in_the_same_tenant(crm: Crm) -> None:
    with crm.session(system("other", tenant="other")) as s:
        theirs = s.customers.add(Customer(name="Secret Ltd"))
    with crm.session(job) as s:
        for id_ in (theirs.id, UUID(int=7)):
            with pytest.raises(BadRecord) as caught:
                s.contacts.add(Contact(name="Bo", customer_id=id_))
            assert [problem.code for problem in caught.value.problems] == ["no_such_link"]
            assert "Secret" not in str(caught.value)
        bo = s.contacts.add(Contact(name="Bo"))
        with pytest.raises(BadRecord):
            s.contacts.update(bo, customer_id=theirs.id)
        with pytest.raises(BadRecord):
            s.contacts.add_many([Contact(name="Cy"), Contact(name="Di", customer_id=theirs.id)])
        assert s.contacts.count() == 1
        with pytest.raises(NotFound):
            s.customers.get(theirs.id)
        with pytest.raises(NotFound):
            s.customers.update(theirs, name="Ours")
        with pytest.raises(NotFound):
            s.customers.delete(theirs)
        assert s.customers.count(deleted=True) == 0


def test_records_of_one_batch_may_link_to_each_other(crm: Crm) -> None:
    with crm.session(job) as s:
        parent_id = crm.environment.ids()
        child = Customer(name="Child", parent_id=parent_id)
        s.customers.add_many([child, Customer(id=parent_id, name="Parent")])
        assert [each.name for each in s.customers.find(f.parent.name == "Parent")] == ["Child"]


def test_a_unique_value_is_taken_once_per_tenant(crm: Crm) -> None:
    with crm.session(system("other", tenant="other")) as s:
        s.users.add(User(name="Ann", email="ann@example.org"))
    with crm.session(job) as s:
        ann = s.users.add(User(name="Ann", email="ann@example.org"))
        s.users.add_many([User(name="No mail"), User(name="None either")])
        bo = s.users.add(User(name="Bo", email="bo@example.org"))
        s.commit()
        with pytest.raises(Duplicate) as caught:
            s.users.add(User(name="Again", email="ann@example.org"))
        assert (caught.value.entity, caught.value.fields) == ("user", ("email",))
        assert "ann@" not in str(caught.value)
        s.rollback()
        with pytest.raises(Duplicate):
            s.users.update(bo, email="ann@example.org")
        s.rollback()
        assert s.users.count(f.email == ann.email) == 1


def test_a_taken_value_whose_holder_is_deleted_can_be_found_and_restored(crm: Crm) -> None:
    with crm.session(job) as s:
        s.users.delete(s.users.add(User(name="Ann", email="ann@example.org")))
    with crm.session(job) as s:
        with pytest.raises(Duplicate) as caught:
            s.users.add(User(name="Ann again", email="ann@example.org"))
        assert caught.value.message == "another user already has this email."
        assert caught.value.hint == (
            "If it cannot be found, it is deleted or not visible to this actor: whoever may see it finds it with "
            "find(..., deleted=True), and restore() brings a deleted one back."
        )
        s.rollback()
        (held,) = s.users.find(f.email == "ann@example.org", deleted=True)
        assert s.users.restore(held).name == "Ann"


def test_relations_count_and_quantify(crm: Crm) -> None:
    with crm.session(job) as s:
        acme, bare = s.customers.add(Customer(name="Acme")), s.customers.add(Customer(name="Bare"))
        s.contacts.add(Contact(name="Bo", customer_id=acme.id, role="decision_maker"))
        s.contacts.add(Contact(name="Cy", customer_id=acme.id, role="user"))
        names = lambda where: [each.name for each in s.customers.find(where, order=f.name)]  # noqa: E731 - reads best here
        assert names(f.contacts.any(f.role == "decision_maker")) == ["Acme"]
        assert names(f.contacts.all(f.role == "user")) == ["Bare"]
        assert names(f.contacts.none()) == ["Bare"]
        assert names(f.contacts.count() >= 2) == ["Acme"]
        assert names(f.contacts.count(f.role == "user") == 0) == ["Bare"]
        assert names(~f.contacts.any(f.name.contains("b"))) == ["Bare"]
        assert s.contacts.count(f.customer.contacts.any(f.name == "Bo")) == 2
        assert bare.name == "Bare"


def test_added_fields_are_declared_checked_and_found(crm: Crm) -> None:
    with crm.session(job) as s:
        ann = s.customers.add(Customer(name="Ann", extra={"shoe_size": 38, "club": "A. C. 'X' $1"}))
        assert s.customers.find(f.extra["shoe_size"] == 38)[0] == ann
        assert s.customers.find(f.extra.club.one_of("A. C. 'X' $1", "other"))[0] == ann
        assert s.customers.count(f.extra.club.missing()) == 0
        ann = s.customers.update(ann, extra={"shoe_size": 39})
        assert s.customers.count(f.extra.club.missing()) == 1
        with pytest.raises(BadRecord, match=r"extra.shoe_sise: is not declared. Did you mean 'shoe_size'\?"):
            s.customers.add(Customer(name="Bo", extra={"shoe_sise": 1}))
        with pytest.raises(BadRecord, match=r"extra.shoe_size: expects a whole number, not str"):
            s.customers.update(ann, extra={"shoe_size": "39"})
        with pytest.raises(BadExpression, match="declares no extra field 'shoes'"):
            s.customers.find(f.extra.shoes == 1)


def test_the_actor_and_the_moment_stand_in_expressions(crm: Crm, crm_clock: FrozenClock) -> None:
    with crm.session(job) as s:
        ann, bo = s.users.add(User(name="Ann")), s.users.add(User(name="Bo"))
        s.customers.add_many([Customer(name="A", owner_id=ann.id), Customer(name="B", owner_id=bo.id)])
        s.customers.add(Customer(name="C", last_contact_at=NOW - days(91)))
        assert s.customers.count(f.owner_id == me.id) == 0
    with crm.session(Actor(id=ann.id, name="Ann")) as s:
        assert [each.name for each in s.customers.find(f.owner_id == me.id)] == ["A"]
        assert [each.name for each in s.customers.find(f.last_contact_at < ago(days(90)))] == ["C"]
        crm_clock.now -= days(2)
        assert s.customers.count(f.last_contact_at < ago(days(90))) == 0


def test_tallies_group_and_measure_inside_the_store(crm: Crm) -> None:
    with crm.session(job) as s:
        north, south = s.teams.add(Team(name="North")), s.teams.add(Team(name="South"))
        ann = s.users.add(User(name="Ann", team_id=north.id))
        bo = s.users.add(User(name="Bo", team_id=south.id))
        at = dt.date(2026, 1, 31)
        s.opportunities.add_many(
            [
                Opportunity(name="1", owner_id=ann.id, amount=Money(10, "EUR"), close_date=at),
                Opportunity(name="2", owner_id=ann.id, amount=Money(5, "USD"), close_date=at),
                Opportunity(name="3", owner_id=bo.id, amount=Money(7, "EUR"), close_date=at + days(1)),
                Opportunity(name="4", probability=30),
            ]
        )
        groups = s.opportunities.tally(
            by=f.owner.team.name, deals=count(), value=total(f.amount), dates=count_distinct(f.close_date)
        )
        assert [(group.key, group["deals"], group["dates"]) for group in groups] == [
            (("North",), 2, 1),
            (("South",), 1, 1),
            ((None,), 1, 0),
        ]
        assert groups[0]["value"] == MoneyBag([Money(10, "EUR"), Money(5, "USD")])
        assert groups[2]["value"] == MoneyBag()
        months = s.opportunities.tally(by=by_month(f.close_date))
        assert [(group.key[0], group["count"]) for group in months] == [
            (dt.date(2026, 1, 1), 2),
            (dt.date(2026, 2, 1), 1),
            (None, 1),
        ]
        whole = s.opportunities.tally(
            first=least(f.name), last=greatest(f.name), chance=average(f.probability), most=greatest(f.amount)
        )
        assert (whole[0]["first"], whole[0]["last"], whole[0]["chance"]) == ("1", "4", 30)
        assert whole[0]["most"] == MoneyBag([Money(10, "EUR"), Money(5, "USD")])
        with pytest.raises(BadExpression, match="may be in several currencies, so it has no average"):
            s.opportunities.tally(mean=average(f.amount))
        with pytest.raises(BadExpression, match="f.name is not a number, so it has no total"):
            s.opportunities.tally(sum=total(f.name))


def test_history_is_written_once_and_never_changed(crm: Crm) -> None:
    with crm.session(job) as s:
        s.opportunities.add(Opportunity(name="Deal"))
        move = s.stage_moves.first()
        assert isinstance(move, StageMove)
        with pytest.raises(NotAllowed, match="records are written once"):
            s.stage_moves.update(move, note="other")
        with pytest.raises(NotAllowed, match="records are written once"):
            s.stage_moves.delete(move)


def test_what_crmkit_sets_cannot_be_set(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"))
        with pytest.raises(BadRecord, match="version: is set by crmkit only.; stage: changes by a move only. Call adv"):
            s.opportunities.update(deal, version=7, stage="won")
        with pytest.raises(BadRecord, match=r"nme: is not a field of this model. Did you mean 'name'\?"):
            s.opportunities.update(deal, nme="x")


def test_a_record_of_another_model_is_refused(crm: Crm) -> None:
    with crm.session(job) as s, pytest.raises(BadRecord, match="expects Customer, not Product"):
        s.customers.add(Product(name="P"))  # type: ignore[arg-type]  # wrong on purpose


def test_an_activity_of_several_records(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        s.activities.add(Activity(kind="call", subject="Hello", customer_id=acme.id, at=NOW))
        assert s.customers.find(f.activities.any(f.kind == "call"))[0] == acme
    assert acme.id != NEW
