"""When pipelines are read, and when a definition comes to be kept: sessions that only read, only read."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from crmkit import (
    Action,
    Actor,
    AsyncCrm,
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
