"""Packs of seeds: written once per tenant, brought up to date, and never over what the tenant changed."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from crmkit import (
    Action,
    Actor,
    BadDefinition,
    BadExpression,
    Busy,
    Crm,
    Expr,
    NotAllowed,
    Opportunity,
    Pipeline,
    Role,
    SeedPack,
    SeedReport,
    Segment,
    Stage,
    Team,
    connect,
    everything,
    f,
    forward,
    into,
    nothing,
    system,
)
from crmkit.testing import asked

job = system("test")
SALES = Pipeline(
    "sales",
    Opportunity,
    stages=[Stage("contact", 10), Stage("won", 100, outcome="won"), Stage("lost", 0, outcome="lost")],
    moves=[forward(), into("lost")],
)
FIRST = SeedPack(
    "acme",
    1,
    records={
        "rep": Role(name="rep", description="Sells."),
        "north": Team(name="North", region="north"),
    },
    segments=[Segment("big", "customer", f.score > 5, description="Big ones.")],
    pipelines=[SALES],
)
ALL = ("role/rep", "team/north", "segment/big", "pipeline/opportunity/sales")
SECOND = attrs.evolve(
    FIRST,
    version=2,
    records={
        "rep": Role(name="rep", description="Sells a lot."),
        "north": Team(name="North and West"),
        "south": Team(name="South"),
    },
    segments=[Segment("big", "customer", f.score > 50)],
    pipelines=[attrs.evolve(SALES, stages=[Stage("call", 5), *SALES.stages], initial="call")],
)


def apply(crm: Crm, pack: SeedPack, tenant: str = "main") -> SeedReport:
    with crm.session(system("test", tenant=tenant)) as s:
        return s.seeds.apply(pack)


def test_a_tenant_gets_what_it_lacks(crm: Crm) -> None:
    assert FIRST.keys == ALL
    assert apply(crm, FIRST) == SeedReport(created=ALL)
    with crm.session(job) as s:
        assert [(role.name, role.description) for role in s.roles.find()] == [("rep", "Sells.")]
        assert s.segments.get("big") == FIRST.segments[0]
        deal = s.opportunities.add(Opportunity(name="Deal"))
        assert (deal.pipeline, deal.pipeline_version, deal.stage) == ("sales", 1, "contact")
    assert apply(crm, FIRST, "other") == SeedReport(created=ALL)


def test_to_apply_a_pack_again_changes_nothing(crm: Crm) -> None:
    apply(crm, FIRST)
    with crm.session(job) as s:
        with asked(crm) as found:
            assert s.seeds.apply(FIRST) == SeedReport(unchanged=ALL)
        assert {each.name for each in found} == {"lock", "fetch"}
        assert s.teams.find()[0].version == 1


def test_a_later_version_updates_what_was_left_as_it_was(crm: Crm) -> None:
    apply(crm, FIRST)
    with crm.session(job) as s:
        old = s.opportunities.add(Opportunity(name="Old"))
    assert apply(crm, SECOND) == SeedReport(
        created=("team/south",), updated=("role/rep", "team/north", "segment/big", "pipeline/opportunity/sales")
    )
    with crm.session(job) as s:
        assert s.roles.find()[0].description == "Sells a lot."
        assert [(team.name, team.region) for team in s.teams.find(order=f.name)] == [
            ("North and West", None),
            ("South", None),
        ]
        assert s.segments.get("big") == SECOND.segments[0]
        assert s.opportunities.get(old.id).pipeline_version == 1
        assert s.opportunities.add(Opportunity(name="New")).stage == "call"
    assert apply(crm, SECOND).unchanged == SECOND.keys


EDITS: dict[str, Any] = {
    "role/rep": lambda s: s.roles.update(s.roles.find()[0], description="Sells here."),
    "team/north": lambda s: s.teams.delete(s.teams.find()[0]),
    "segment/big": lambda s: s.segments.save(Segment("big", "customer", f.score > 7)),
}


@pytest.mark.parametrize("key", EDITS)
def test_what_the_tenant_edited_is_left_alone(crm: Crm, key: str) -> None:
    apply(crm, FIRST)
    with crm.session(job) as s:
        EDITS[key](s)
        before = [list(s.repository(model).find(deleted=True)) for model in (Role, Team)], s.segments.get("big")
    for _ in range(2):
        report = apply(crm, SECOND)
        assert report.kept == (key,)
        assert key not in report.updated
    with crm.session(job) as s:
        after = [list(s.repository(model).find(deleted=True)) for model in (Role, Team)], s.segments.get("big")
        place = {
            "role/rep": lambda seen: seen[0][0],
            "team/north": lambda seen: seen[0][1][0],
            "segment/big": lambda s: s[1],
        }
        assert place[key](after) == place[key](before)


def test_a_segment_that_was_deleted_does_not_come_back(crm: Crm) -> None:
    apply(crm, FIRST)
    with crm.session(job) as s:
        s.segments.delete("big")
    assert apply(crm, SECOND).kept == ("segment/big",)
    with crm.session(job) as s:
        assert s.segments.names() == []


def test_a_change_of_what_the_pack_does_not_say_is_no_edit_of_it(crm: Crm) -> None:
    apply(crm, FIRST)
    with crm.session(job) as s:
        s.teams.update(s.teams.find()[0], description="Ours.")
    assert "team/north" in apply(crm, SECOND).updated
    with crm.session(job) as s:
        assert s.teams.find(f.name == "North and West")[0].description == "Ours."


def test_what_the_tenant_made_before_is_left_alone(crm: Crm) -> None:
    with crm.session(job) as s:
        s.roles.add(Role(name="rep", description="Ours."))
        s.segments.save(Segment("big", "customer", f.score > 7))
    assert apply(crm, FIRST) == SeedReport(
        kept=("role/rep", "segment/big"), created=("team/north", "pipeline/opportunity/sales")
    )
    with crm.session(job) as s:
        assert s.roles.find()[0].description == "Ours."


def test_an_older_version_changes_nothing(crm: Crm) -> None:
    apply(crm, SECOND)
    assert apply(crm, FIRST) == SeedReport(unchanged=FIRST.keys)
    with crm.session(job) as s:
        assert s.roles.find()[0].description == "Sells a lot."


def test_a_version_is_what_it_was(crm: Crm) -> None:
    apply(crm, FIRST)
    changed = attrs.evolve(SECOND, version=1)
    with pytest.raises(
        BadDefinition, match="version 1 of the pack 'acme' was applied with another 'role/rep'"
    ) as caught:
        apply(crm, changed)
    assert caught.value.hint == "Give the pack version 2."
    with crm.session(job) as s:
        assert s.teams.count() == 1


def test_a_session_that_is_rolled_back_leaves_nothing(crm: Crm) -> None:
    with crm.session(job) as s:
        s.seeds.apply(FIRST)
        s.rollback()
        assert s.roles.count() == s.seed_items.count() == 0
        assert s.seeds.apply(FIRST).created == ALL


def test_two_sessions_do_not_apply_one_pack_at_once(crm: Crm) -> None:
    with crm.session(job) as s:
        s.seeds.apply(FIRST)
        if crm.environment.store.io != "none":
            pytest.skip("SQLite and MongoDB would wait for the first session, which this thread cannot end meanwhile")
        with pytest.raises(Busy), crm.session(job) as other:
            other.seeds.apply(FIRST)


class Reads:
    """Reps read, and write nothing."""

    def rows(self, actor: Actor, action: Action, schema: Any) -> Expr:
        return nothing if "rep" in actor.roles and action is not Action.READ else everything


PARTS = [
    SeedPack("a", 1, records={"rep": Role(name="rep")}),
    SeedPack("a", 1, segments=[Segment("big", "customer", f.score > 5)]),
    SeedPack("a", 1, pipelines=[SALES]),
]


class TestPolicy:
    @pytest.fixture
    def crm_options(self) -> dict[str, Any]:
        return {"policy": Reads()}

    @pytest.mark.parametrize("pack", PARTS, ids=lambda pack: pack.keys[0])
    def test_decides_about_every_item(self, crm: Crm, pack: SeedPack) -> None:
        with pytest.raises(NotAllowed), crm.session(Actor(roles=frozenset({"rep"}), name="Ann")) as s:
            s.seeds.apply(pack)
        with crm.session(job) as s:
            assert s.roles.count() + s.segment_definitions.count() + s.pipeline_definitions.count() == 0


def test_a_pipeline_beside_those_of_connect_is_refused(store_url: str) -> None:
    with connect(store_url, pipelines=[SALES]) as crm, crm.session(job) as s:
        with pytest.raises(BadDefinition, match="the pipelines of opportunity are those that connect"):
            s.seeds.apply(FIRST)
        assert s.roles.count() == 0


def test_what_does_not_fit_is_refused_before_anything_is_written(crm: Crm) -> None:
    pack = attrs.evolve(FIRST, segments=[Segment("odd", "customer", f.nonsense > 5)])
    with crm.session(job) as s:
        with pytest.raises(BadExpression, match="nonsense"):
            s.seeds.apply(pack)
        assert s.roles.count() == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SeedPack("", 1), "cannot name a pack of seeds"),
        (lambda: SeedPack("a", 0), "is not a whole number from 1 on"),
        (
            lambda: SeedPack("a", 1, records={"a": Opportunity(name="Deal")}),
            "the seed 'a' is of opportunity, which no pack can write",
        ),
        (lambda: SeedPack("a", 1, records={"": Role(name="rep")}), "cannot be the key of a seed"),
        (lambda: SeedPack("a", 1, records={"a": "rep"}), "is not a model"),
        (lambda: SeedPack("a", 1, records=[Role(name="rep")]), "the records of a pack stand under keys"),
        (lambda: SeedPack("a", 1, segments=[SALES]), "a segment is expected"),
        (lambda: SeedPack("a", 1, pipelines=[SALES, SALES]), "two seeds of the pack 'a' have one key"),
    ],
)
def test_a_pack_that_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(BadDefinition, match=message):
        make()


def test_what_is_not_a_pack_is_refused() -> None:
    with connect("memory://") as crm, crm.session(job) as s, pytest.raises(BadDefinition, match="a pack of seeds is"):
        s.seeds.apply({"roles": []})  # type: ignore[arg-type]  # wrong on purpose
