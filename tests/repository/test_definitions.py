"""When pipelines are read, and when a definition comes to be kept: sessions that only read, only read."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest

from crmkit import (
    Action,
    Actor,
    AsyncCrm,
    BadDefinition,
    BadExpression,
    BadRecord,
    Busy,
    Crm,
    CrmError,
    Customer,
    Duplicate,
    Expr,
    Lead,
    MoveRefused,
    NotAllowed,
    Opportunity,
    Pipeline,
    PipelineDefinition,
    Segment,
    Session,
    Stage,
    Stale,
    aconnect,
    connect,
    everything,
    f,
    forward,
    system,
)
from crmkit.model.schema import Schema
from crmkit.repository import Doors
from crmkit.testing.drive import step

job = system("test")
WRITERS = 16


def kept(crm: Crm, tenant: str = "") -> Counter[tuple[str, str, int]]:
    """What a tenant keeps: how often each definition stands there."""
    actor = system("test", tenant=tenant) if tenant else job
    with crm.session(actor) as s:
        definitions = s.repository(PipelineDefinition).stream()
        return Counter((each.entity, each.name, each.number) for each in definitions)


def sales(*names: str) -> Pipeline:
    stages = [*(Stage(name) for name in names), Stage("won", outcome="won")]
    return Pipeline("sales", Opportunity, stages=stages, moves=[forward()])


def leads(*names: str) -> Pipeline:
    return Pipeline("leads", Lead, stages=[*map(Stage, names), Stage("won", outcome="won")], moves=[forward()])


DAMAGED = {
    "no JSON": "{",
    "no object": "[]",
    "null": "null",
    "nothing in it": "{}",
    "of another version": '{"version":99}',
    "of another name": sales("open").to_json(),
    "too deep": "[" * 60_000,
    "too long": "[" + "1," * 40_000 + "1]",
    "huge numbers": '{"version":1' + "0" * 400 + "}",
}
"""What may stand where a definition should."""


class NoGifts:
    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        return f.name != "Gift" if schema.name == "opportunity" and action is Action.CREATE else everything


class TestReading:
    def test_tenants_that_only_count_leave_nothing(self, store_url: str) -> None:
        with connect(store_url) as crm:
            for tenant in ("one", "two", "three"):
                with crm.session(system("test", tenant=tenant)) as s:
                    assert (s.customers.count(), s.opportunities.count(f.stage == "won")) == (0, 0)
                    assert s.analytics.pipeline_value().total.count == 0
                    assert s.opportunities.first(order=f.name) is None
            for tenant in ("one", "two", "three"):
                assert not kept(crm, tenant)

    def test_entering_asks_the_database_nothing(self, store_url: str) -> None:
        with connect(store_url) as crm:
            begun = 0
            begin = crm.environment.store.begin

            async def counted() -> object:
                nonlocal begun
                begun += 1
                return await begin()

            crm.environment.store.begin = counted  # type: ignore[method-assign] # a spy, not a double
            with crm.session(job):
                pass
            assert begun == 0
            with crm.session(job) as s:
                s.customers.count()
                s.customers.add(Customer(name="Acme"))
            assert begun == 1

    def test_stages_are_checked_without_a_record_having_entered(self, store_url: str) -> None:
        with connect(store_url, pipelines=[sales("open")]) as crm, crm.session(job) as s:
            with pytest.raises(BadExpression, match="'opne' is not a stage.*Did you mean 'open'"):
                s.opportunities.count(f.stage == "opne")
            with pytest.raises(BadExpression, match="'opne'"):
                s.customers.find(f.opportunities.any(f.stage == "opne"))
            with pytest.raises(BadExpression, match="'opne'"):
                s.analytics.win_rate(where=f.stage == "opne")

    def test_a_session_that_was_not_entered_says_so(self, store_url: str) -> None:
        with connect(store_url) as crm:
            s = crm.session(job)
            for attempt in (lambda: s.opportunities.count(f.stage == "won"), s.customers.count):
                with pytest.raises(CrmError, match="was not entered"):
                    attempt()
            with pytest.raises(CrmError, match="was not entered"):
                s.opportunities.add(Opportunity(name="Deal"))

    def test_a_dry_run_leaves_nothing(self, store_url: str, tmp_path: Path) -> None:
        (tmp_path / "deals.csv").write_text("Id,Name,Stage\n1,Deal,open\n")
        mapping = {
            "source": "old",
            "file": [
                {"path": "deals.csv", "into": "opportunity", "id": "Id", "fields": {"name": "Name", "stage": "Stage"}}
            ],
        }
        with connect(store_url, pipelines=[sales("open")]) as crm:
            plan = crm.imports(job).plan(mapping, folder=tmp_path)
            assert not kept(crm)
            run = plan.apply()
            assert (run.counts[0].create, kept(crm)) == (1, Counter({("opportunity", "sales", 1): 1}))


class TestSqlite:
    """What a file can do that others lock, or that cannot be written."""

    def test_counting_does_not_wait_for_a_writer(self, tmp_path: Path) -> None:
        path = tmp_path / "crm.db"
        url = f"sqlite:///{path}"
        connect(url).close()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with connect(url, create=False) as crm, crm.session(job) as s:
            assert (s.customers.count(), s.opportunities.count(f.stage == "won")) == (0, 0)
        other.execute("ROLLBACK")
        other.close()

    def test_a_file_opened_for_reading_can_be_read(self, tmp_path: Path) -> None:
        path = tmp_path / "crm.db"
        with connect(f"sqlite:///{path}") as crm, crm.session(job) as s:
            s.opportunities.add(Opportunity(name="Deal"))
        url = f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true"
        with connect(url, create=False) as crm, crm.session(job) as s:
            assert (s.opportunities.count(f.stage == "won"), s.opportunities.find()[0].name) == (0, "Deal")
            assert s.analytics.pipeline_value().total.count == 1

    def test_the_first_to_get_the_lock_stores_it(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'crm.db'}"
        with connect(url) as one, connect(url) as two:
            with one.session(job) as first, two.session(job) as second:
                # Both have read that nothing is kept.
                assert first.opportunities.count(f.stage == "won") == second.opportunities.count(f.stage == "won")
                assert second.opportunities.add(Opportunity(name="b")).pipeline_version == 1
                second.commit()
                assert first.opportunities.add(Opportunity(name="a")).pipeline_version == 1
            assert kept(one) == {("opportunity", "opportunity", 1): 1}


class TestKeeping:
    def test_only_what_is_entered_is_kept(self, store_url: str) -> None:
        with connect(store_url) as crm:
            with crm.session(job) as s:
                s.customers.add(Customer(name="Acme"))
                s.opportunities.add_many(Opportunity(name=str(number)) for number in range(3))
            assert kept(crm) == {("opportunity", "opportunity", 1): 1}
            with crm.session(job) as s:
                s.leads.add(Lead(name="Lea"))
            assert kept(crm) == {("opportunity", "opportunity", 1): 1, ("lead", "lead", 1): 1}

    def test_what_was_undone_is_kept_by_the_next_record(self, store_url: str) -> None:
        with connect(store_url) as crm:
            with crm.session(job) as s:
                s.opportunities.add(Opportunity(name="Undone"))
                s.rollback()
                deal = s.opportunities.add(Opportunity(name="Deal"))
                assert s.opportunities.allowed_moves(deal)
                s.commit()
                assert s.opportunities.advance(deal, "won").outcome == "won"
            with pytest.raises(ZeroDivisionError), crm.session(job) as s:
                s.leads.add(Lead(name="Undone"))
                raise ZeroDivisionError
            with crm.session(job) as s:
                lead = s.leads.add(Lead(name="Lea"))
                assert s.leads.allowed_moves(lead)
            assert kept(crm) == {("opportunity", "opportunity", 1): 1, ("lead", "lead", 1): 1}

    @pytest.mark.parametrize("store_url", ["memory", "sqlite"], indirect=True)
    @pytest.mark.parametrize("beside", [0, 1])
    def test_what_is_refused_leaves_nothing(self, store_url: str, beside: int) -> None:
        with connect(store_url, policy=NoGifts()) as crm:
            with crm.session(job) as s:
                taken = s.leads.add(Lead(name="Taken"))
            lead = kept(crm)
            refusals: list[tuple[type[CrmError], Callable[[Session], object]]] = [
                (MoveRefused, lambda s: s.opportunities.add(Opportunity(name="a", stage="nowhere"))),
                (BadRecord, lambda s: s.opportunities.add(Opportunity(name="a", customer_id=taken.id))),
                (BadRecord, lambda s: s.opportunities.add_many([Opportunity(name="a", customer_id=taken.id)])),
                (Duplicate, lambda s: s.opportunities.add_many([Opportunity(id=taken.id, name="a")] * 2)),
                (NotAllowed, lambda s: s.opportunities.add(Opportunity(name="Gift"))),
            ]
            for error, refused in refusals:
                with crm.session(job) as s:
                    s.customers.add_many([Customer(name="Beside")] * beside)
                    with pytest.raises(error):
                        refused(s)
                assert kept(crm) == lead
            with crm.session(job) as s:
                assert (s.customers.count(), s.opportunities.count()) == (len(refusals) * beside, 0)
                s.opportunities.add(Opportunity(name="Deal"))
            assert kept(crm) == lead + Counter([("opportunity", "opportunity", 1)])

    @pytest.mark.parametrize("store_url", ["memory", "sqlite"], indirect=True)
    def test_a_refused_transfer_leaves_nothing(self, store_url: str) -> None:
        other = Pipeline("other", Opportunity, stages=[Stage("open"), Stage("won", outcome="won")], moves=[forward()])
        with connect(store_url, pipelines=[sales("open"), other]) as crm:
            with crm.session(job) as s:
                deal = s.opportunities.add(Opportunity(name="Deal"))
                present = s.opportunities.update(deal, name="Changed")
            with crm.session(job) as s:
                with pytest.raises(Stale):
                    s.opportunities.transfer(deal, "other", stage="open")
                with pytest.raises(MoveRefused):
                    s.opportunities.transfer(present, "other", stage="nowhere")
            assert kept(crm) == {("opportunity", "sales", 1): 1}

    @pytest.mark.parametrize("lasting", ["sqlite_url", "mongo_url"])
    def test_two_programs_with_two_definitions_keep_both(self, request: pytest.FixtureRequest, lasting: str) -> None:
        url: str = request.getfixturevalue(lasting)
        with connect(url, pipelines=[sales("a")]) as one, connect(url, pipelines=[sales("b")]) as two:
            for crm in (one, two):
                with crm.session(job) as s:  # both learn that nothing is kept
                    assert s.opportunities.count(f.stage == "won") == 0
            numbers = []
            for crm in (one, two, one):
                with crm.session(job) as s:
                    numbers.append(s.opportunities.add(Opportunity(name="Deal")).pipeline_version)
            assert numbers == [1, 2, 1]
            assert kept(one) == {("opportunity", "sales", 1): 1, ("opportunity", "sales", 2): 1}

    @pytest.mark.parametrize("lasting", ["sqlite_url", "mongo_url"])
    def test_an_import_writes_the_number_that_stands(
        self, request: pytest.FixtureRequest, lasting: str, tmp_path: Path
    ) -> None:
        url: str = request.getfixturevalue(lasting)
        (tmp_path / "deals.csv").write_text("Id,Name\n1,Deal\n")
        mapping = {
            "source": "old",
            "file": [{"path": "deals.csv", "into": "opportunity", "id": "Id", "fields": {"name": "Name"}}],
        }
        with connect(url, pipelines=[sales("a")]) as one, connect(url, pipelines=[sales("b")]) as two:
            plan = two.imports(job).plan(mapping, folder=tmp_path)
            with one.session(job) as s:
                s.opportunities.add(Opportunity(name="First"))
            plan.apply()
            with two.session(job) as s:
                deal = s.opportunities.first(f.name == "Deal")
                assert deal is not None
                assert (deal.stage, deal.pipeline_version) == ("b", 2)
                assert s.stage_moves.find(f.record_id == deal.id)[0].pipeline_version == 2
                assert s.opportunities.allowed_moves(deal) == ("won",)


class TestFirstWriters:
    """However many write the first record of a tenant at the same moment, all succeed, and one definition stands."""

    def test_threads(self, store_url: str) -> None:
        problems: list[BaseException] = []
        ready = threading.Barrier(WRITERS)

        def write(crm: Crm, number: int) -> None:
            try:
                ready.wait()
                with crm.session(job) as s:
                    s.opportunities.add(Opportunity(name=str(number)))
                    s.leads.add(Lead(name=str(number)))
            except BaseException as error:  # noqa: BLE001 - looked at below
                problems.append(error)

        with connect(store_url) as crm:
            threads = [threading.Thread(target=write, args=(crm, number)) for number in range(WRITERS)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            assert not problems
            with crm.session(job) as s:
                assert (s.opportunities.count(f.pipeline_version == 1), s.leads.count()) == (WRITERS, WRITERS)
            assert kept(crm) == {("opportunity", "opportunity", 1): 1, ("lead", "lead", 1): 1}

    def test_tasks(self, store_url: str) -> None:
        async def write(crm: AsyncCrm, number: int) -> None:
            async with crm.session(job) as s:
                await s.opportunities.add(Opportunity(name=str(number)))

        async def all_at_once() -> Counter[int]:
            async with await aconnect(store_url) as crm:
                await asyncio.gather(*(write(crm, number) for number in range(WRITERS)))
                async with crm.session(job) as s:
                    assert await s.opportunities.count(f.pipeline_version == 1) == WRITERS
                    return Counter([each.number async for each in s.repository(PipelineDefinition).stream()])

        assert asyncio.run(all_at_once()) == {1: 1}

    def test_waiting_too_long_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("crmkit.repository.definitions._PATIENCE", 0.02)
        with connect("memory://") as crm, crm.session(job) as one, crm.session(job) as two:
            one.opportunities.add(Opportunity(name="a"))
            with pytest.raises(Busy):
                two.opportunities.add(Opportunity(name="b"))


def test_a_stage_that_another_program_brought_is_known_when_it_is_asked_about(store_url: str, tmp_path: Path) -> None:
    if store_url == "memory://":
        pytest.skip("a memory store belongs to one program")
    other = Pipeline("other", Opportunity, stages=[Stage("x"), Stage("won", outcome="won")], moves=[forward()])
    with connect(store_url) as ours, connect(store_url, pipelines=[other]) as theirs:
        with ours.session(job) as s:
            s.opportunities.add(Opportunity(name="Ours"))
        with theirs.session(job) as s:
            s.opportunities.add(Opportunity(name="Theirs", stage="x"))
        with ours.session(job) as s:
            assert s.opportunities.count(f.stage == "x") == 1
            with pytest.raises(BadExpression, match="'y' is not a stage of any pipeline"):
                s.opportunities.count(f.stage == "y")


class TestDamaged:
    """A definition that somebody damaged names itself, and harms only what uses it."""

    @pytest.fixture
    def crm(self, store_url: str) -> Iterator[Crm]:
        """A CRM whose main tenant keeps the pipelines of three models, and another tenant one."""
        with connect(store_url) as crm:
            for tenant in ("main", "other"):
                with crm.session(system("test", tenant=tenant)) as s:
                    s.opportunities.add(Opportunity(name="Deal"))
                    s.leads.add(Lead(name="Lea"))
                    s.segments.save(Segment("big", Opportunity, f.stage == "won"))
                    s.segments.save(Segment("small", Opportunity, f.name == "Deal"))
            yield crm

    def spoil(self, crm: Crm, model: str, where: Expr, **columns: object) -> UUID:
        """Damage a row, as only a program without crmkit could, and return a CRM that has not read it yet."""
        doors = Doors(crm.environment, job)
        keeper = doors.keeper(model)
        (row,) = step(keeper.records(where))
        step(keeper.amend(row, columns, crm.environment.clock()))
        step(doors.unit.commit())
        crm.environment.pipelines.committed.clear()
        return row.id

    @pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
    def test_a_pipeline(self, crm: Crm, text: str) -> None:
        row = self.spoil(crm, "pipeline_definition", f.entity == "opportunity", definition=text)
        with crm.session(job) as s:
            deal, lea = s.opportunities.find()[0], s.leads.find()[0]
            for use in (
                lambda: s.opportunities.allowed_moves(deal),
                lambda: s.opportunities.advance(deal, "won"),
                lambda: s.opportunities.add(Opportunity(name="New")),
                lambda: s.opportunities.transfer(deal, stage="contact"),
            ):
                with pytest.raises(BadDefinition) as caught:
                    use()
                assert caught.value.message.startswith(
                    "the stored definition 1 of the pipeline 'opportunity' of opportunity cannot be used: "
                )
                assert caught.value.hint == f"Mend the row {row} of pipeline_definitions, or restore it."
            assert s.opportunities.update(deal, name="Renamed").name == "Renamed"
            assert s.opportunities.count(f.stage == "contact") == 1
            assert s.analytics.pipeline_value().total.count == 1
            assert s.leads.advance(lea, s.leads.allowed_moves(lea)[0]).version == 2
            assert s.leads.add(Lead(name="Leo")).pipeline == "lead"
        with crm.session(system("test", tenant="other")) as s:
            assert s.opportunities.add(Opportunity(name="New")).pipeline_version == 1

    def test_new_records_enter_a_product_s_pipeline_under_the_next_number(self, store_url: str) -> None:
        with connect(store_url, pipelines=[sales("open")]) as crm:
            with crm.session(job) as s:
                old = s.opportunities.add(Opportunity(name="Old"))
            self.spoil(crm, "pipeline_definition", f.number == 1, definition="{}")
            with crm.session(job) as s:
                new = s.opportunities.add(Opportunity(name="New"))
                assert (new.pipeline_version, s.opportunities.allowed_moves(new)) == (2, ("won",))
                with pytest.raises(BadDefinition, match="the stored definition 1 of the pipeline 'sales'"):
                    s.opportunities.advance(old, "won")
                assert s.opportunities.transfer(old, stage="open").pipeline_version == 2

    def test_a_mended_pipeline_serves_at_once(self, crm: Crm) -> None:
        with crm.session(job) as s:
            deal = s.opportunities.find()[0]
            whole = s.pipeline_definitions.find(f.entity == "opportunity")[0].definition
        self.spoil(crm, "pipeline_definition", f.entity == "opportunity", definition="[]")
        with crm.session(job) as s, pytest.raises(BadDefinition):
            s.opportunities.allowed_moves(deal)
        known = dict(crm.environment.pipelines.committed)
        self.spoil(crm, "pipeline_definition", f.entity == "opportunity", definition=whole)
        crm.environment.pipelines.committed.update(known)
        with crm.session(job) as s:
            assert s.opportunities.allowed_moves(deal)
            assert s.opportunities.add(Opportunity(name="New")).pipeline_version == 1

    @pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
    def test_a_segment(self, crm: Crm, text: str) -> None:
        row = self.spoil(crm, "segment_definition", f.name == "big", expression=text)
        with crm.session(job) as s:
            with pytest.raises(BadExpression) as caught:
                s.segments.get("big")
            assert caught.value.message.startswith("the stored segment 'big' of opportunity cannot be used: ")
            assert caught.value.hint == f"Mend the row {row} of segment_definitions, or restore it."
            assert s.segments.names() == ["big", "small"]
            assert s.segments.count(s.segments.get("small")) == 1
            s.segments.save(Segment("big", Opportunity, f.stage == "lost"))
            assert s.segments.count(s.segments.get("big")) == 0
        with crm.session(system("test", tenant="other")) as s:
            assert s.segments.get("big").entity == "opportunity"

    def test_an_import_refuses_the_rows_that_use_it(self, crm: Crm, tmp_path: Path) -> None:
        fields = {"name": "Name", "stage": "Stage"}
        mapping = {"source": "old", "file": [{"path": "a.csv", "into": "lead", "id": "Id", "fields": fields}]}
        (tmp_path / "a.csv").write_text("Id,Name,Stage\n1,Lea,new\n")
        with connect(crm.environment.store, pipelines=[leads("new", "hot")]) as first:
            first.imports(job).plan(mapping, folder=tmp_path).apply()
            self.spoil(first, "pipeline_definition", (f.entity == "lead") & (f.name == "leads"), definition="null")
            (tmp_path / "a.csv").write_text("Id,Name,Stage\n1,Lea,hot\n2,Leo,hot\n")
            run = first.imports(job).plan(mapping, folder=tmp_path).apply()
        assert (run.total("create"), run.total("reject")) == (1, 1)
        assert "the stored definition 1 of the pipeline 'leads' of lead" in next(iter(run.problems)).message
