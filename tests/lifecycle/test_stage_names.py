"""No code but the built-in pipelines knows a stage's name: nothing changes but the names when all of them are nonsense.

Two tests hold this. One runs what crmkit does with stages, on every store, through pipelines whose stages have other
names, and compares every value and every message with what the built-in ones give. The other reads the code: a literal
that can only be the name of a stage may stand nowhere else; a word that is something else as well, such as the outcome
"won", may not stand where a stage is meant.
"""

from __future__ import annotations

import ast
import datetime as dt
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import pytest

import crmkit
from crmkit import (
    Campaign,
    Crm,
    Funnel,
    Lead,
    Money,
    MoveRefused,
    Opportunity,
    Pipeline,
    Segment,
    Session,
    Ticket,
    by_month,
    connect,
    days,
    f,
    moved,
    system,
    to_dict,
)
from crmkit.entities import BUILT_IN as MODELS
from crmkit.lifecycle.built_in import BUILT_IN
from crmkit.model.catalog import Catalog
from crmkit.model.schema import schema_of

job = system("test")
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SOURCE = Path(crmkit.__file__).parent
NAMES = sorted({stage.name for pipeline in BUILT_IN for stage in pipeline.stages})
NONSENSE = {name: f"qz{number:02}æ" for number, name in enumerate(NAMES)}
MAKE = {
    "opportunity": lambda n, **more: Opportunity(name=f"d{n}", amount=Money(100 + n, "EUR"), **more),
    "lead": lambda n, **more: Lead(name=f"l{n}", **more),
    "ticket": lambda n, **more: Ticket(subject=f"t{n}", **more),
    "campaign": lambda n, **more: Campaign(name=f"c{n}", **more),
}


def renamed(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline with nonsense for the names of its stages."""
    new = {"": "", **NONSENSE}
    stages = [attrs.evolve(stage, name=new[stage.name]) for stage in pipeline.stages]
    moves = [attrs.evolve(rule, source=new[rule.source], target=new[rule.target]) for rule in pipeline.moves]
    return attrs.evolve(pipeline, stages=stages, moves=moves, initial=new[pipeline.initial])


# -- what is done ------------------------------------------------------------------------------------------------------


class World:
    """A CRM whose clock and ids are counted, and everything that was seen in it, as text."""

    def __init__(self, url: str, pipelines: Iterable[Pipeline], folder: Path) -> None:
        self.pipelines = tuple(pipelines)
        self.folder = folder
        self.now = START
        self.seen: list[str] = []
        count = itertools.count(1)
        self.crm = connect(url, clock=lambda: self.now, ids=lambda: UUID(int=next(count)), outbox=True)

    def see(self, *values: object) -> None:
        self.seen += [repr(value) for value in values]

    def run(self) -> list[str]:
        with self.crm as crm:
            for pipeline in self.pipelines:
                with crm.session(job) as s:
                    self.move(s, pipeline)
                self.load(crm, pipeline)
                with crm.session(job) as s:
                    self.report(s, pipeline)
            with crm.session(job) as s:
                self.see(*(to_dict(row) for row in s.stage_moves.find(order=(f.record_id, f.number), limit=1000)))
                self.see(*sorted(message.topic for message in s.outbox.stream()))
        return self.seen

    def move(self, s: Session, pipeline: Pipeline) -> None:
        """Let records enter everywhere, and take every way that is open, asking the pipeline for what there is."""
        records: Any = s.repository(next(model for model in MODELS if schema_of(model).name == pipeline.entity))
        make, names = MAKE[pipeline.entity], [stage.name for stage in pipeline.stages]
        last = {field: "price" for stage in pipeline.stages for field in stage.requires}
        for number, name in enumerate(["", *names]):
            given = last if name and pipeline.stage(name).requires else {}
            record = records.add(make(number, stage=name, **given))
            for turn in range(4):
                self.now += days(1 + number)
                self.see(to_dict(record), records.allowed_moves(record))
                self.see(*(records.why_not(record, target) for target in names))
                ways = [target for target in names if not records.why_not(record, target, **last)]
                if not ways:
                    break
                record = records.advance(record, ways[(number + turn) % len(ways)], **last)
            self.see(to_dict(records.transfer(record, stage=pipeline.initial)))
            with pytest.raises(MoveRefused) as caught:
                records.advance(records.get(record.id), pipeline.initial)
            self.see(caught.value.reasons)
        told = [moved(name, at=START + days(n)) for n, name in enumerate(names)]
        self.see(to_dict(records.add(make(99, **last), history=told)))
        ids = records.add_many(make(n, stage=pipeline.initial) for n in range(3))
        self.see(*(to_dict(records.get(id)) for id in ids))

    def load(self, crm: Crm, pipeline: Pipeline) -> None:
        """Import records with and without a history, and again with other stages."""
        title = "subject" if pipeline.entity == "ticket" else "name"
        names = [stage.name for stage in pipeline.stages]
        for shift in range(2):
            rows = [f"{n},x{n},{names[(n + shift) % len(names)]}" for n in range(len(names))]
            log = [f"{n},{names[0]},2025-01-0{n + 1}" for n in range(len(names))]
            (self.folder / "a.csv").write_text("\n".join(["No,Name,Stage", *rows]), encoding="utf-8")
            (self.folder / "b.csv").write_text("\n".join(["No,To,At", *log]), encoding="utf-8")
            fields = {title: "Name", "stage": "Stage"}
            mapping = {"source": pipeline.name, "zone": "UTC", "file": [
                {"path": "a.csv", "into": pipeline.entity, "id": "No", "fields": fields},
                {"path": "b.csv", "history_of": pipeline.entity, "record": "No", "fields": {"stage": "To", "at": "At"}},
            ]}  # fmt: skip
            plan = crm.imports(job).plan(mapping, folder=self.folder)
            self.see(plan.counts, list(plan.problems))
            applied = plan.apply()
            self.see(applied.counts, list(applied.problems))

    def report(self, s: Session, pipeline: Pipeline) -> None:
        """Ask for all figures there are."""
        model = next(model for model in MODELS if schema_of(model).name == pipeline.entity)
        a = s.analytics
        self.see(pipeline.mermaid(), pipeline.table(), Pipeline.from_json(pipeline.to_json()))
        self.see(*(a.funnel(Funnel(pipeline, reading=reading)) for reading in ("reached", "observed", "strict")))
        self.see(a.funnel(Funnel(pipeline, by=by_month(f.created_at))), a.time_in_stage(pipeline))
        for ended in (False, True):
            if pipeline.entity == "opportunity":
                self.see(a.pipeline_value(ended=ended))
        self.see(a.win_rate(model=model, amount=None), a.cycle(model=model))
        if pipeline.entity == "opportunity":
            self.see(a.cycle(outcome="all", by=f.outcome), a.velocity(), a.forecast(), a.win_rate(by=f.lost_reason))
        for stage in pipeline.stages:
            segment = Segment(f"in {stage.name}", model, f.stage == stage.name)
            s.segments.save(segment)
            self.see(s.repository(model).count(segment), s.repository(model).count(f.outcome == stage.outcome))
        names = [stage.name for stage in pipeline.stages if stage.is_open]
        self.see(s.repository(model).count(f.stage.one_of(*names)), s.customers.count(f.opportunities.any()))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is seen with the built-in pipelines."""
    return World("memory://", BUILT_IN, tmp_path_factory.mktemp("plain")).run()


def test_with_other_names_all_is_the_same_but_the_names(
    store_url: str, plain: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nonsense = tuple(map(renamed, BUILT_IN))
    monkeypatch.setattr("crmkit.crm.connect.BUILT_IN_PIPELINES", nonsense)
    seen = World(store_url, nonsense, tmp_path).run()
    assert any(name in text for text in seen for name in NONSENSE.values())
    back = {nonsense: name for name, nonsense in NONSENSE.items()}
    pattern = re.compile("|".join(back))
    assert [pattern.sub(lambda found: back[found[0]], text) for text in seen] == plain


# -- what is written ---------------------------------------------------------------------------------------------------


def other_words() -> set[str]:
    """The words that also are an outcome, a model, a field, a relation, or one of a few words that a field takes."""
    catalog = Catalog(MODELS)
    words = {"open", "won", "lost", "done"}
    for schema in catalog:
        words |= {schema.name, *schema.fields, *catalog.relations(schema)}
        words |= {word for field in schema.fields.values() for word in getattr(field, "choices", ())}
    return words


def literals(tree: ast.AST) -> Iterator[tuple[ast.Constant, str]]:
    """Yield the texts of a module, docstrings aside, each with the code that says what it is."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(node.body[0], ast.Expr)
    }
    yield from ((node, around) for node, around in _within(tree, "") if id(node) not in docstrings)


def _within(node: ast.AST, around: str) -> Iterator[tuple[ast.Constant, str]]:
    match node:
        case ast.Constant(value=str()):
            yield node, around
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return
        case ast.Call(func=part) | ast.Subscript(value=part) | ast.Match(subject=part):
            around = ast.unparse(part)
        case ast.keyword(arg=str(name)):
            around = name
        case ast.Compare():
            around = ast.unparse(node)
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                yield from _within(value, around if key is None else ast.unparse(key))
            for key in filter(None, node.keys):
                yield from _within(key, around)
            return
    for child in ast.iter_child_nodes(node):
        yield from _within(child, around)


MEANT = re.compile(
    r"stages?\b(?!(\[[^]]*\])?\.outcome)|\bplaces\b|\b(?:advance|transfer|moved|into|reopen|move)$", re.IGNORECASE
)
"""Where a word is the name of a stage, whatever else it may be elsewhere."""


def stages_in(source: str) -> list[str]:
    """Return the places at which code names a stage of the built-in pipelines."""
    return [
        f"{node.lineno}: {node.value!r}"
        for node, around in literals(ast.parse(source))
        if node.value in NONSENSE and (node.value not in OTHER_WORDS or MEANT.search(around))
    ]


OTHER_WORDS = other_words()
FILES = [
    each.relative_to(SOURCE).as_posix()
    for each in sorted(SOURCE.rglob("*.py"))
    if each != SOURCE / "lifecycle" / "built_in.py" and "testing" not in each.parts
]


@pytest.mark.parametrize("file", FILES)
def test_no_code_names_a_stage(file: str) -> None:
    assert not stages_in((SOURCE / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        'x = "proposal"', 'if record.stage == "won": ...', 'f.stage.one_of("new", "open")', 'places["qualified"]',
        'Opportunity(stage="contact")', 'row = {"stage": "won"}', 'await s.leads.advance(lead, "converted")',
        'match record.stage:\n    case "won": ...', 'moves = [into("lost")]', 'NEXT = {"negotiation": 1}',
    ],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(source: str) -> None:
    assert stages_in(source)


@pytest.mark.parametrize(
    "source",
    [
        'f.outcome == "won"',
        'stage.outcome == "won"',
        'link("contact")',
        '"""In "proposal"."""',
        '__all__ = ["closed"]',
        "stage = 1",
    ],
)
def test_and_leaves_other_words_alone(source: str) -> None:
    assert not stages_in(source)
