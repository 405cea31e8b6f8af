"""The place where a policy decides: every path to the store passes it, on every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import pytest

from crmkit import (
    Action,
    Actor,
    BadRecord,
    Contact,
    Crm,
    Customer,
    Expr,
    NotAllowed,
    NotFound,
    Opportunity,
    Session,
    Team,
    User,
    connect,
    count,
    everything,
    f,
    me,
    system,
    total,
)
from crmkit.model.schema import Schema


class OwnOnly:
    """People see, add and change their own customers, and the contacts of these; background work sees all."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        if actor.id is None:
            return everything
        if schema.name == "customer":
            return f.owner_id == me.id
        if schema.name == "contact":
            return f.customer.owner_id == me.id
        return everything


job = system("test")


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, policy=OwnOnly()) as crm:
        yield crm


@pytest.fixture
def world(crm: Crm) -> tuple[Actor, Customer, Customer, Contact, Contact]:
    with crm.session(job) as s:
        ann, bo = s.users.add(User(name="Ann")), s.users.add(User(name="Bo"))
        mine = s.customers.add(Customer(name="Mine", owner_id=ann.id, score=1))
        theirs = s.customers.add(Customer(name="Theirs", owner_id=bo.id, score=9))
        near = s.contacts.add(Contact(name="Near", customer_id=mine.id))
        far = s.contacts.add(Contact(name="Far", customer_id=theirs.id))
        s.opportunities.add(Opportunity(name="a", customer_id=mine.id))
        s.opportunities.add(Opportunity(name="b", customer_id=theirs.id))
    return Actor(id=ann.id, name="Ann"), mine, theirs, near, far


World = tuple[Actor, Customer, Customer, Contact, Contact]

READS: dict[str, tuple[Callable[[Session], object], object]] = {
    "find": (lambda s: [each.name for each in s.customers.find()], ["Mine"]),
    "find with an or": (lambda s: [e.name for e in s.customers.find((f.score > 5) | (f.score < 5))], ["Mine"]),
    "negation": (lambda s: [each.name for each in s.customers.find(~(f.name == "Mine"))], []),
    "stream": (lambda s: [each.name for each in s.customers.stream()], ["Mine"]),
    "first": (lambda s: s.customers.first(f.name == "Theirs"), None),
    "count": (lambda s: s.customers.count(), 1),
    "count deleted too": (lambda s: s.customers.count(deleted=True), 1),
    "ids": (lambda s: len(s.customers.ids()), 1),
    "exists": (lambda s: s.customers.exists(f.score == 9), False),
    "tally": (lambda s: s.customers.tally(sum=total(f.score))[0]["sum"], 1),
    "tally over a path": (
        lambda s: [(g.key, g["n"]) for g in s.opportunities.tally(by=f.customer.name, n=count())],
        [(("Mine",), 1), ((None,), 1)],
    ),
    "relation": (lambda s: [each.name for each in s.contacts.find()], ["Near"]),
    "path of another model": (lambda s: s.opportunities.count(f.customer.name == "Theirs"), 0),
    "missing behind a hidden record": (lambda s: s.opportunities.count(f.customer.name.missing()), 1),
    "any": (lambda s: s.users.count(f.customers.any(f.score == 9)), 0),
    "relation count": (lambda s: s.users.count(f.customers.count() >= 1), 1),
}


@pytest.mark.parametrize("path", READS)
def test_what_may_not_be_seen_is_not_there(crm: Crm, world: World, path: str) -> None:
    read, expected = READS[path]
    with crm.session(world[0]) as s:
        assert read(s) == expected


def test_what_may_not_be_seen_cannot_be_touched(crm: Crm, world: World) -> None:
    actor, mine, theirs, near, far = world
    with crm.session(actor) as s:
        for attempt in (
            lambda: s.customers.get(theirs.id),
            lambda: s.customers.update(theirs, name="Taken"),
            lambda: s.customers.delete(theirs),
            lambda: s.contacts.update(far, name="Taken"),
        ):
            with pytest.raises(NotFound):
                attempt()
        with pytest.raises(BadRecord, match="does not exist"):
            s.opportunities.add(Opportunity(name="c", customer_id=theirs.id))
        assert s.contacts.update(near, name="Nearer").version == 2
        assert s.customers.update(mine, score=2).version == 2


def test_a_record_must_satisfy_the_policy_as_it_will_be(crm: Crm, world: World) -> None:
    actor, mine, theirs, near, _ = world
    with crm.session(actor) as s:
        with pytest.raises(NotAllowed, match="create this customer"):
            s.customers.add(Customer(name="Nobody's"))
        with pytest.raises(NotAllowed, match="create this customer"):
            s.customers.add_many([Customer(name="Mine too", owner_id=actor.id), Customer(name="Nobody's")])
        with pytest.raises(NotAllowed, match="update this customer"):
            s.customers.update(mine, owner_id=theirs.owner_id)
        with pytest.raises(NotAllowed, match="create this contact"):
            s.contacts.add(Contact(name="Loose"))
    with crm.session(job) as s:
        assert s.customers.count() == 2
        assert s.contacts.count() == 2
        assert s.customers.get(mine.id).owner_id == actor.id
    with pytest.raises(NotAllowed, match="update this contact"), crm.session(actor) as s:
        s.contacts.update(near, customer_id=None)
    with crm.session(job) as s:
        assert s.contacts.get(near.id) == near


def test_a_refusal_leaves_what_the_store_held(crm: Crm, world: World) -> None:
    actor, _, theirs, near, _ = world
    forged = attrs.evolve(near, customer_id=theirs.id)
    with crm.session(actor) as s, pytest.raises(NotAllowed, match="update this contact"):
        s.contacts.update(forged, customer_id=None)
    with crm.session(job) as s:
        assert s.contacts.get(near.id) == near


class OwnOrTeam:
    """People touch customers that they or their team own."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        if actor.id is None or schema.name != "customer":
            return everything
        return (f.owner_id == me.id) | f.team_id.one_of(me.team_ids)


def test_the_policy_judges_what_the_store_holds_before_and_after_and_not_the_caller_s_copy(store_url: str) -> None:
    with connect(store_url, policy=OwnOrTeam()) as crm:
        with crm.session(job) as s:
            ann, bo = s.users.add(User(name="Ann")), s.users.add(User(name="Bo"))
            team = s.teams.add(Team(name="Anns"))
            mine = s.customers.add(Customer(name="Mine", owner_id=ann.id))
            theirs = s.customers.add(Customer(name="Theirs", owner_id=bo.id))
        with crm.session(Actor(id=ann.id, team_ids=(team.id,))) as s:
            for claim in (theirs, attrs.evolve(theirs, owner_id=ann.id), attrs.evolve(theirs, team_id=team.id)):
                with pytest.raises(NotFound):
                    s.customers.update(claim, name="Taken")
                with pytest.raises(NotFound):
                    s.customers.delete(claim)
            with pytest.raises(NotAllowed, match="update this customer"):
                s.customers.update(attrs.evolve(mine, owner_id=bo.id), name="Given away")
            assert s.customers.get(mine.id) == mine
            handed = s.customers.update(attrs.evolve(mine, team_id=team.id), owner_id=bo.id)
            assert (handed.owner_id, handed.team_id, handed.version) == (bo.id, team.id, 2)
            assert s.customers.get(mine.id) == handed
        with crm.session(job) as s:
            assert s.customers.get(theirs.id) == theirs
