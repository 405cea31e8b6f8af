"""To make, check, write, read and use pipelines, segments and funnels takes work in proportion to what they hold."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from crmkit import Customer, Expr, Funnel, Money, Opportunity, Pipeline, Segment, Stage, connect, f, move, system
from crmkit.expr.node import any_of
from crmkit.lifecycle import back, forward, into, reopen
from tests.growth.work import grows, lines

job = system("test")
CLOSED = [Stage("won", outcome="won"), Stage("lost", outcome="lost")]


def opened(number: int, **more: Any) -> list[Stage]:
    return [Stage(f"s{each}", each % 100, **more) for each in range(number)]


def guard(number: int) -> Expr:
    return f.name.one_of("n", *(f"n{each}" for each in range(number)))


def either(number: int) -> Expr:
    return any_of(f.name == (f"n{each}" if each else "n") for each in range(number))


def ring(number: int) -> list[Any]:
    """Moves round ten stages, again and again, each round for another role."""
    return [move(f"s{each % 10}", f"s{(each + 1) % 10}", role=f"r{each // 10}") for each in range(number + 9)]


CLOSE = [into("won"), into("lost")]


PIPELINES: dict[str, Callable[[int], Pipeline]] = {
    "stages": lambda n: Pipeline("p", Opportunity, stages=[*opened(n), *CLOSED], moves=[forward(), back(), *CLOSE]),
    "stages, one by one": lambda n: Pipeline(
        "p", Opportunity, stages=[*opened(n), *CLOSED],
        moves=[*(move(f"s{each}", f"s{each + 1}") for each in range(n - 1)), *CLOSE, reopen(to="s0")],
    ),
    "moves": lambda n: Pipeline("p", Opportunity, stages=[*opened(10), *CLOSED], moves=[*ring(n), *CLOSE]),
    "guards": lambda n: Pipeline(
        "p", Opportunity, stages=[*opened(n, guard=f.name == "n"), *CLOSED], moves=[forward(), *CLOSE]
    ),
    "a guard of many values": lambda n: Pipeline(
        "p", Opportunity, stages=[*opened(2, guard=guard(n)), *CLOSED], moves=[forward(), *CLOSE]
    ),
    "a guard of many parts": lambda n: Pipeline(
        "p", Opportunity, stages=[*opened(2, guard=either(n)), *CLOSED], moves=[forward(), *CLOSE]
    ),
    "requirements": lambda n: Pipeline(
        "p", Opportunity, stages=[*opened(n, requires=["amount", "name"]), *CLOSED], moves=[forward(), into("lost")]
    ),
    "long names": lambda n: Pipeline(
        "p", Opportunity, stages=[*(Stage(c * (n // 2)) for c in "xy"), *CLOSED], moves=[forward(), into("lost")]
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", PIPELINES.values(), ids=PIPELINES)
def test_making_a_pipeline(make: Callable[[int], Pipeline]) -> None:
    grows(lambda n: lines(lambda: make(n)), 9)


@pytest.mark.parametrize("make", PIPELINES.values(), ids=PIPELINES)
def test_writing_and_reading_a_pipeline(make: Callable[[int], Pipeline]) -> None:
    def count(size: int) -> int:
        pipeline = make(size)
        return lines(lambda: Pipeline.from_json(pipeline.to_json()).fingerprint())

    grows(count, 9)


@pytest.mark.parametrize("make", PIPELINES.values(), ids=PIPELINES)
def test_drawing_a_pipeline(make: Callable[[int], Pipeline]) -> None:
    def count(size: int) -> int:
        pipeline = make(size)
        return lines(pipeline.mermaid)

    grows(count, 9)


@pytest.mark.parametrize("make", PIPELINES.values(), ids=PIPELINES)
def test_moving_a_record(make: Callable[[int], Pipeline]) -> None:
    def count(size: int) -> int:
        with connect("memory://", pipelines=[make(size)]) as crm, crm.session(job) as s:
            deal = s.opportunities.add(Opportunity(name="n", amount=Money(1, "EUR")))

            def use() -> None:
                s.opportunities.allowed_moves(deal)
                s.opportunities.why_not(deal, "lost")
                s.opportunities.advance(deal, "won")

            return lines(use)

    grows(count, 9)


def joined(number: int, sign: str) -> Segment:
    made = Segment("s", Customer, f.name == "n")
    for each in range(number):
        part = Segment(f"s{each}", Customer, f.name == f"n{each}")
        made = made & part if sign == "&" else made | part
    return made


def inverted(number: int) -> Segment:
    made = Segment("s", Customer, f.name == "n")
    for _ in range(number):
        made = ~made
    return made


def mixed(number: int) -> Segment:
    made = Segment("s", Customer, f.name == "n")
    for each in range(number):
        made = ~(made & (f.name != f"n{each}"))
    return made


def nested(number: int) -> Segment:
    made: Expr = f.name == "n"
    for _ in range(number):
        made = f.subsidiaries.any(made)
    return Segment("s", "customer", made)


SEGMENTS: dict[str, Callable[[int], Segment]] = {
    "&": lambda n: joined(n, "&"),
    "|": lambda n: joined(n, "|"),
    "~": inverted,
    "~&": mixed,
    "within each other": nested,
    "values": lambda n: Segment("s", Customer, guard(n)),
    "one large part": lambda n: Segment("s", Customer, either(n)) & Segment("t", Customer, f.name == "n"),
}


@pytest.mark.parametrize("make", SEGMENTS.values(), ids=SEGMENTS)
def test_making_a_segment(make: Callable[[int], Segment]) -> None:
    grows(lambda n: lines(lambda: make(n)), 60, most=13)


@pytest.mark.parametrize("make", SEGMENTS.values(), ids=SEGMENTS)
def test_writing_reading_and_asking_a_segment(make: Callable[[int], Segment]) -> None:
    def count(size: int) -> int:
        segment = make(size)
        with connect("memory://") as crm, crm.session(job) as s:

            def use() -> None:
                s.segments.save(Segment.from_json(segment.to_json()))
                s.customers.count(s.segments.get(segment.name))

            return lines(use)

    grows(count, 60, most=13)


def test_many_stored_segments_and_pipelines() -> None:
    def count(size: int) -> int:
        def use() -> None:
            pipelines = [
                Pipeline(f"p{each}", Opportunity, stages=[*opened(2), *CLOSED], moves=[forward(), into("lost")])
                for each in range(size)
            ]
            with connect("memory://", pipelines=pipelines) as crm:
                with crm.session(job) as s:
                    for each in range(size):
                        s.segments.save(Segment(f"s{each}", Customer, f.name == "n"))
                        s.opportunities.add(Opportunity(name="n", pipeline=f"p{each}"))
                with crm.session(job) as s:
                    s.segments.names()
                    s.opportunities.count(f.stage == "s1")

        return lines(use)

    grows(count, 20, most=13)


DOCUMENTS: dict[str, Callable[[int], object]] = {
    "stages": lambda n: {"stages": [{"name": "a"}] * n},
    "wrong stages": lambda n: {"stages": [1] * n},
    "moves": lambda n: {"moves": [{"rule": "move", "source": "a", "target": "b"}] * n},
    "wrong moves": lambda n: {"moves": [{"rule": "x"}] * n},
    "requires": lambda n: {"stages": [{"name": "a", "requires": ["b"] * n}]},
    "keys": lambda n: {f"k{each}": 1 for each in range(n)},
    "long word": lambda n: {"entity": "x" * n * 10},
}


@pytest.mark.parametrize("make", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize("kind", [Pipeline, Segment, Funnel])
def test_refusing_a_document(kind: type[Any], make: Callable[[int], Any]) -> None:
    grows(lambda n: lines(lambda: kind.from_json(json.dumps({"version": 1, **make(n)}))), 90, most=13)


@pytest.mark.parametrize("reading", ["reached", "observed", "strict"])
def test_a_funnel_of_many_steps(reading: Any) -> None:
    def count(size: int) -> int:
        pipeline = PIPELINES["stages"](size)
        with connect("memory://", pipelines=[pipeline]) as crm, crm.session(job) as s:
            for deal in [s.opportunities.add(Opportunity(name=f"d{each}")) for each in range(5)]:
                for stage in pipeline.stages[1:size]:
                    deal = s.opportunities.advance(deal, stage.name)  # noqa: PLW2901 - the same deal, further on
            asked = Funnel.from_json(Funnel(pipeline, reading=reading).to_json())
            return lines(lambda: s.analytics.funnel(asked).to_json())

    grows(count, 9, most=13)
