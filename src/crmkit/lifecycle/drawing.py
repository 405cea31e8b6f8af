"""Pipelines for people: a Mermaid diagram and a Markdown table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from crmkit.expr.form.show import show
from crmkit.lifecycle.rule import Rule, RuleKind
from crmkit.lifecycle.stage import Stage

if TYPE_CHECKING:
    from crmkit.lifecycle.pipeline import Pipeline

__all__ = ["mermaid", "table"]

_PLAIN: Final = frozenset(" -_.,()/+'!?=")
_OPEN: Final = "active"


def mermaid(pipeline: Pipeline) -> str:
    """Return a pipeline as a Mermaid state diagram.

    The open stages form one group. An arrow that leaves or enters the group stands for each stage in it, so that "lost
    from anywhere" is one arrow.
    """
    ids = {stage.name: f"s{number}" for number, stage in enumerate(pipeline.stages, 1)}
    open_stages = [stage for stage in pipeline.stages if stage.is_open]
    closed = [stage for stage in pipeline.stages if not stage.is_open]
    drawn = (arrow for rule in pipeline.moves for arrow in _arrows(pipeline, rule, ids, open_stages, closed))
    arrows = list(dict.fromkeys(drawn))
    inside = [arrow for arrow, inner in arrows if inner]
    outside = [arrow for arrow, inner in arrows if not inner]
    lines = [
        "stateDiagram-v2",
        "    direction LR",
        f'    state "{_escaped(pipeline.name)}" as {_OPEN} {{',
        "        direction LR",
        *(f'        state "{_escaped(_shown(stage))}" as {ids[stage.name]}' for stage in open_stages),
        f"        [*] --> {ids[pipeline.initial]}",
        *(f"        {arrow}" for arrow in inside),
        "    }",
        *(f'    state "{_escaped(stage.title)}" as {ids[stage.name]}' for stage in closed),
        *(f"    {arrow}" for arrow in outside),
        *(f"    {ids[stage.name]} --> [*]" for stage in closed),
    ]
    return "\n".join(lines) + "\n"


def _shown(stage: Stage) -> str:
    return f"{stage.title} ({stage.probability} %)" if stage.probability else stage.title


def _arrows(
    pipeline: Pipeline, rule: Rule, ids: dict[str, str], open_stages: list[Stage], closed: list[Stage]
) -> Iterator[tuple[str, bool]]:
    """Yield the arrows of one rule, each with whether both of its ends are open stages."""
    label = _label(rule)
    if rule.kind is RuleKind.MOVE:
        inner = pipeline.stage(rule.source).is_open and pipeline.stage(rule.target).is_open
        yield f"{ids[rule.source]} --> {ids[rule.target]}{label}", inner
        return
    open_ids = [ids[stage.name] for stage in open_stages]
    match rule.kind:
        case RuleKind.FORWARD:
            # Steps are drawn one by one; the label tells how many may be taken at once.
            yield from ((f"{a} --> {b}{label}", True) for a, b in pairwise(open_ids))
            start = _OPEN if not rule.steps else open_ids[-1]
            winning = label if rule.steps else _text(_conditions(rule))
            yield from ((f"{start} --> {ids[s.name]}{winning}", False) for s in closed if s.outcome != "lost")
        case RuleKind.BACK:
            yield from ((f"{b} --> {a}{label}", True) for a, b in pairwise(open_ids))
        case RuleKind.INTO if pipeline.stage(rule.target).is_open:
            yield from ((f"{a} --> {ids[rule.target]}{label}", True) for a in open_ids if a != ids[rule.target])
        case RuleKind.INTO:
            yield f"{_OPEN} --> {ids[rule.target]}{label}", False
        case RuleKind.REOPEN:
            goal = ids[rule.target] if rule.target else _OPEN
            yield from ((f"{ids[stage.name]} --> {goal}{label}", False) for stage in closed)


def _label(rule: Rule) -> str:
    words: list[str] = []
    if rule.kind is RuleKind.FORWARD and rule.steps != 1:
        words.append(f"up to {rule.steps}" if rule.steps else "may skip")
    if rule.kind is RuleKind.BACK:
        words.append("back" if rule.steps == 1 else f"back, up to {rule.steps}")
    if rule.kind is RuleKind.REOPEN:
        words.append("reopen")
    return _text([*words, *_conditions(rule)])


def _text(words: list[str]) -> str:
    return f": {_escaped(', '.join(words))}" if words else ""


def _conditions(rule: Rule) -> list[str]:
    role = [f"as {rule.role}"] if rule.role else []
    return role if rule.guard is None else [*role, f"if {show(rule.guard)}"]


def _escaped(text: str) -> str:
    # Mermaid reads quotes, colons, semicolons and %% as its own, also inside quotes; #...; names a character by number.
    return "".join(ch if ch.isalnum() or ch in _PLAIN else f"#{ord(ch)};" for ch in text)


# -- the table ---------------------------------------------------------------------------------------------------------


def table(pipeline: Pipeline) -> str:
    """Return the stages of a pipeline, what each demands and where it leads, as a Markdown table."""
    head = ("Stage", "Probability", "Outcome", "Requires", "Leads to")
    rows = [head, ("---", "---:", "---", "---", "---"), *(_row(pipeline, stage) for stage in pipeline.stages)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(pipeline: Pipeline, stage: Stage) -> tuple[str, ...]:
    demands = [*stage.requires] if stage.guard is None else [*stage.requires, show(stage.guard)]
    return (
        _cell(stage.title),
        f"{stage.probability} %",
        stage.outcome,
        _cell(", ".join(demands)),
        _cell(", ".join(_ways(pipeline, stage))),
    )


def _ways(pipeline: Pipeline, stage: Stage) -> Iterator[str]:
    for name, rules in pipeline.ways[stage.name].items():
        title, conditions = pipeline.stage(name).title, [" ".join(_conditions(rule)) for rule in rules]
        yield title if "" in conditions else f"{title} ({' or '.join(conditions)})"


def _cell(text: str) -> str:
    # A line break or a bar would end the row or the cell.
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
