"""Funnels against a second, naive reading: slow, written apart, over lists of names instead of bits and counters."""

import datetime as dt
from itertools import pairwise
from random import Random
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from crmkit import Opportunity, connect, f, system
from crmkit.analytics import Funnel
from tests.analytics.loading import SALES, START, move, new_id, pipeline, write

OPEN = ["contact", "needs", "proposal", "negotiation"]
STAGES = [*OPEN, "won", "lost"]
OTHER = pipeline("elsewhere", name="other")
NAMES = [*STAGES, "elsewhere"]
READINGS = ("reached", "observed", "strict")
DAY = dt.timedelta(days=1)

logs = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 12)), min_size=1, max_size=8)


def naive_log(log, as_of):
    """The stages in order with when they began, `None` for elsewhere, each different from the one before."""
    events = sorted((at, number, stage) for number, (stage, at) in enumerate(log, 1))
    clean = []
    for at, _, name in events:
        stage = None if name == "elsewhere" else name
        if at <= as_of and (not clean or clean[-1][0] != stage):
            clean.append((stage, at))
    while clean and clean[0][0] is None:
        clean.pop(0)
    return clean


def naive_record(log, as_of):
    """Fate, stages by reading, and the days spent, of one record; `None` if it never entered."""
    clean = naive_log(log, as_of)
    if not clean:
        return None
    names = [stage for stage, _ in clean]
    if names[-1] is None:
        return {"fate": "left", "entered": clean[0][1]}
    fate = names[-1] if names[-1] in {"won", "lost"} else "open"
    seen = [name for name in names if name in OPEN]
    furthest = max((OPEN.index(name) for name in seen), default=-1)
    # Every way leads through the first stage, and from there everything may be lost.
    reached = set(OPEN) if fate == "won" else set(OPEN[: furthest + 1]) | {OPEN[0]}
    strict = []
    for name in seen:
        place = OPEN.index(name)
        if place > len(strict):
            break
        if place == len(strict):
            strict.append(name)
    else:
        if fate == "won" and len(strict) == len(OPEN):
            strict.append("won")
    ends = {fate} if fate != "open" else set()
    days = {}
    for (stage, begun), (_, ended) in pairwise(clean):
        if stage in OPEN:
            days[stage] = days.get(stage, 0) + ended - begun
    if fate == "open":
        days.pop(names[-1], None)
    return {
        "fate": fate,
        "entered": clean[0][1],
        "unseen": not seen,
        "reached": reached | ends,
        "observed": set(seen) | ends,
        "strict": set(strict) | (ends & {"lost"}),
        "days": days,
        "again": {name: max(seen.count(name) - 1, 0) for name in OPEN},
    }


def naive_unknown(record, reading):
    """The open stages of which nobody knows whether a record was there."""
    return set(OPEN) - record[reading] if record["unseen"] else set()


def naive_stage(records, reading, stage):
    """Entered, advanced, lost, open, again and the median days of one stage."""
    later = set(OPEN[OPEN.index(stage) + 1 :]) | {"won"}
    entered = [record for record in records if stage in record[reading]]
    advanced = [record for record in entered if record[reading] & later]
    stuck = [record for record in entered if record not in advanced and not naive_unknown(record, reading) & later]
    days = [record["days"][stage] for record in records if stage in record["days"]]
    return (
        len(entered),
        len(advanced),
        sum(record["fate"] == "lost" for record in stuck),
        sum(record["fate"] == "open" for record in stuck),
        sum(record["again"][stage] for record in records),
        median(days) if days else None,
    )


def put(session, world):
    """Write a world: for each record its source and its log."""
    for source, log in world:
        record = Opportunity(
            id=new_id(), name="deal", pipeline="sales", pipeline_version=1, stage="contact", source=source
        )
        moves = []
        for number, (stage, at) in enumerate(log, 1):
            within = OTHER if stage == "elsewhere" else SALES
            moves.append(move(record, number, stage, START + at * DAY, within))
        write(session, [record, *moves])


def agree(session, world, as_of, start, end):
    """Compare each reading, group and stage."""
    for reading in READINGS:
        moment = START + as_of * DAY
        entered = (START + start * DAY, START + end * DAY)
        report = session.analytics.funnel(Funnel(SALES, by=f.source, entered=entered, reading=reading, as_of=moment))
        for group in (*report, report.total):
            read = [naive_record(log, as_of) for source, log in world if group is report.total or source == group.key]
            within = [record for record in read if record and start <= record["entered"] < end]
            kept = [record for record in within if record["fate"] != "left"]
            assert group.left == len(within) - len(kept)
            assert group.entered == len(kept)
            assert (group.open, group.won, group.lost) == tuple(
                sum(record["fate"] == fate for record in kept) for fate in ("open", "won", "lost")
            )
            for name in OPEN:
                stage = group[name]
                told = (stage.entered, stage.advanced, stage.lost, stage.open, stage.again, stage.spent.median_days)
                assert told == naive_stage(kept, reading, name)
            for first, name in enumerate(OPEN):
                for second in STAGES[first + 1 :]:
                    unknown = [
                        record
                        for record in kept
                        if name in naive_unknown(record, reading)
                        or (name in record[reading] and second in naive_unknown(record, reading))
                    ]
                    begun = [record for record in kept if name in record[reading] and record not in unknown]
                    there = [record for record in begun if second in record[reading]]
                    ratio = group.conversion(name, second)
                    assert (ratio.numerator, ratio.denominator) == (len(there), len(begun))
                    assert ratio.excluded == group.excluded + len(unknown)
                    assert ratio.open == sum(record["fate"] == "open" for record in begun if record not in there)


@given(
    world=st.lists(st.tuples(st.sampled_from(["web", "phone", None]), logs), max_size=6),
    as_of=st.integers(0, 12),
    period=st.tuples(st.integers(0, 12), st.integers(1, 12)),
)
def test_any_small_world_is_read_alike(world, as_of, period):
    start, length = period
    with connect("memory://", pipelines=[SALES]).session(system("test")) as session:
        put(session, world)
        agree(session, world, as_of, start, start + length)


def test_a_larger_world_is_read_alike_on_every_store(session):
    random = Random(7)
    world = [
        (
            random.choice(["web", "phone", None]),
            [(random.choice(NAMES), random.randint(0, 12)) for _ in range(random.randint(1, 8))],
        )
        for _ in range(300)
    ]
    put(session, world)
    agree(session, world, 11, 0, 13)
    agree(session, world, 8, 2, 6)
