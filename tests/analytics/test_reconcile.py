"""Funnels and win rates over the same records tell one story, however much of the history is there."""

from itertools import combinations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from crmkit import Opportunity, Pipeline, Stage, back, connect, f, forward, into, reopen, system
from crmkit.analytics import Funnel
from crmkit.analytics.funnel_report import FunnelReport
from crmkit.lifecycle import move as move_to
from tests.analytics.loading import day, deal, write

READINGS = ("reached", "observed", "strict")
FATES = ("open", "won", "lost", "done")


def random_pipeline(random: Random) -> Pipeline:
    """Some open stages, two ways to lose, and rules that leave a way to each end."""
    opened = [f"stage {number}" for number in range(random.randint(1, 5))]
    stages = [Stage(name, 10) for name in opened]
    stages += [Stage(outcome, outcome=outcome) for outcome in ("won", "lost", "done")] + [Stage("gone", outcome="lost")]
    moves = [forward(steps=random.choice([1, 2, None])), reopen()]
    moves += [back(random.randint(1, 4))] if len(opened) > 1 and random.random() < 0.5 else []
    for name in ("lost", "done", "gone"):
        some = random.sample(opened, random.randint(1, len(opened)))
        moves += [into(name)] if random.random() < 0.3 else [move_to(source, name) for source in some]
    return Pipeline("random", Opportunity, stages=stages, moves=moves, initial=random.choice(opened[:2]))


def walk(random: Random, pipeline: Pipeline) -> list[tuple[str, float]]:
    """A history that the rules allow."""
    visits, reached = [(pipeline.initial, 0.0)], pipeline.position(pipeline.initial)
    for number in range(1, random.randint(1, 8)):
        here = pipeline.places[visits[-1][0]]
        ways = [
            name
            for name, goal in pipeline.places.items()
            if goal is not here and any(rule.allows(here, goal, reached) for rule in pipeline.moves)
        ]
        if not ways:
            break
        name = random.choice(ways)
        reached = max(reached, pipeline.position(name)) if pipeline.stage(name).is_open else reached
        visits.append((name, float(number)))
    return visits


def world(random: Random, pipeline: Pipeline, size: int) -> tuple[list[list], list[list]]:
    """The same records twice: with all of their history, and with as much as an old system may have kept of it."""
    whole, kept = [], []
    for _ in range(size):
        visits, source = walk(random, pipeline), random.choice(["web", "phone", None])
        whole.append(deal(*visits, within=pipeline, source=source))
        record, *moves = deal(*visits, within=pipeline, source=source)
        if random.random() < 0.2:
            moves = []
        elif random.random() < 0.5 and record.outcome != "open":
            moves = deal(visits[-1], within=pipeline, id=record.id)[1:]
        kept.append([record, *moves])
    return whole, kept


def reports(session, pipeline: Pipeline, records: list[list]) -> dict[str, FunnelReport]:
    """Write records and count them in each reading."""
    write(session, [part for record in records for part in record])
    return {name: session.analytics.funnel(Funnel(pipeline, by=f.source, reading=name)) for name in READINGS}


def reconcile(session, report: FunnelReport) -> None:
    """Compare a funnel with the win rate, group by group."""
    rates = session.analytics.win_rate(by=f.source, where=f.pipeline == report.pipeline)
    assert [group.key for group in report] == [rate.key for rate in rates]
    for group, rate in zip((*report, report.total), (*rates, rates.total), strict=True):
        told = [getattr(group, fate) for fate in FATES]
        real = [getattr(rate, fate) for fate in FATES]
        assert sum(told) == group.entered
        assert sum(told) + group.no_history == sum(real)
        assert all(0 <= all_ - some <= group.no_history for some, all_ in zip(told, real, strict=True))
        assert report.reading != "reached" or group.stages[0].entered == group.entered
        for stage in group.stages:
            if stage.outcome == "open":
                assert stage.entered == stage.advanced + stage.lost + stage.open + stage.aside
                for ratio in (stage.conversion, stage.drop):
                    assert ratio.denominator + ratio.excluded >= stage.entered
                assert stage.resolved.denominator + stage.open + stage.resolved.excluded >= stage.entered


def bracket(told: FunnelReport, true: FunnelReport) -> None:
    """What is counted is true, and what is true and not counted is excluded."""
    for group in (*told, told.total):
        whole = true.total if group is told.total else true[group.key]
        stages = [stage.name for stage in group.stages if stage.outcome == "open"]
        pairs = [(first, second) for first, second in combinations(stages, 2)]
        pairs += [(first, end) for first in stages for end in ("won", "lost", "done", "gone")]
        for first, second in pairs:
            here, there = group.conversion(first, second), whole.conversion(first, second)
            missed, truly = here.denominator - here.numerator, there.denominator - there.numerator
            assert here.numerator <= there.numerator <= here.numerator + here.excluded
            assert missed <= truly <= missed + here.excluded


@given(st.integers(0, 10**9))
def test_any_history_with_gaps_reconciles_and_claims_nothing_that_is_not_so(seed):
    random = Random(seed)
    pipeline = random_pipeline(random)
    whole, kept = world(random, pipeline, 8)
    with connect("memory://", pipelines=[pipeline], clock=lambda: day(100)) as crm:
        with crm.session(system("test")) as s:
            told = reports(s, pipeline, kept)
            for report in told.values():
                reconcile(s, report)
        with crm.session(system("test", tenant="whole")) as s:
            true = reports(s, pipeline, whole)
    for name in READINGS:
        bracket(told[name], true[name])


def test_a_larger_world_reconciles_on_every_store(store_url):
    random = Random(3)
    pipeline = random_pipeline(random)
    with connect(store_url, pipelines=[pipeline], clock=lambda: day(100)) as crm, crm.session(system("test")) as s:
        for report in reports(s, pipeline, world(random, pipeline, 400)[1]).values():
            reconcile(s, report)
