"""Pipelines as JSON: versioned, canonical, refused by place when malformed."""

from __future__ import annotations

from typing import Any, Final

from crmkit.errors import BadDefinition, BadExpression
from crmkit.expr import wire
from crmkit.expr.document import Cursor, dump, load
from crmkit.expr.nodes import Expr
from crmkit.lifecycle.pipeline import Pipeline
from crmkit.lifecycle.rule import Rule, RuleKind, back, forward, into, move, reopen
from crmkit.lifecycle.stage import CLOSED, Outcome, Stage

__all__ = ["VERSION", "from_json", "to_json"]

VERSION: Final = 1
"""The version of the form that this module writes, and the only one it reads."""

_MAX_STAGES: Final = 100
_MAX_MOVES: Final = 500
_MAX_NAME: Final = 80
_STAGE_OPTIONS: Final = ("outcome", "requires", "guard", "label")
_RULES: Final = {kind.value: kind for kind in RuleKind}


def to_json(pipeline: Pipeline) -> str:
    """Return a pipeline as canonical JSON text.

    Raises:
        BadDefinition: a guard is too large or holds a value that is not part of the language.
    """
    document = {
        "version": VERSION,
        "name": pipeline.name,
        "entity": pipeline.entity,
        "initial": pipeline.initial,
        "stages": [_stage_data(stage) for stage in pipeline.stages],
        "moves": [_rule_data(rule) for rule in pipeline.moves],
    }
    return dump(document, error=BadDefinition)


def from_json(text: str) -> Pipeline:
    """Return the pipeline that a JSON text defines.

    Raises:
        BadDefinition: the text is malformed, of another version, or defines no sound pipeline.
    """
    cursor = load(text, error=BadDefinition)
    cursor.version(VERSION)
    members = cursor.members(("version", "name", "entity", "initial", "stages", "moves"))
    return Pipeline(
        members["name"].text(at_most=_MAX_NAME),
        members["entity"].text(at_most=_MAX_NAME),
        stages=[_stage(stage) for stage in members["stages"].elements(at_most=_MAX_STAGES)],
        moves=[_rule(rule) for rule in members["moves"].elements(at_most=_MAX_MOVES)],
        initial=members["initial"].text(at_most=_MAX_NAME),
    )


# -- stages ------------------------------------------------------------------------------------------------------------


def _stage_data(stage: Stage) -> dict[str, Any]:
    data: dict[str, Any] = {"name": stage.name, "probability": stage.probability}
    if not stage.is_open:
        data["outcome"] = stage.outcome
    if stage.requires:
        data["requires"] = list(stage.requires)
    if stage.label:
        data["label"] = stage.label
    return _with_guard(data, stage.guard)


def _stage(cursor: Cursor) -> Stage:
    members = cursor.members(("name", "probability"), _STAGE_OPTIONS)
    outcome: Outcome | None = None
    if "outcome" in members:
        word = members["outcome"].word(CLOSED)
        outcome = next(known for known in CLOSED if known == word)
    requires = members["requires"].elements(at_most=_MAX_STAGES) if "requires" in members else []
    return Stage(
        members["name"].text(at_most=_MAX_NAME),
        members["probability"].integer(at_least=0, at_most=100),
        outcome=outcome,
        requires=[field.text(at_most=_MAX_NAME) for field in requires],
        guard=_guard(members),
        label=members["label"].text(at_most=_MAX_NAME) if "label" in members else "",
    )


# -- rules -------------------------------------------------------------------------------------------------------------


def _rule_data(rule: Rule) -> dict[str, Any]:
    data: dict[str, Any] = {"rule": rule.kind.value}
    given = {"steps": rule.steps, "source": rule.source, "target": rule.target, "role": rule.role}
    data.update({key: value for key, value in given.items() if value})
    return _with_guard(data, rule.guard)


def _rule(cursor: Cursor) -> Rule:
    kind = _RULES[cursor.member("rule").word(_RULES)]
    required, optional = {
        RuleKind.FORWARD: ((), ("steps",)),
        RuleKind.BACK: (("steps",), ()),
        RuleKind.INTO: (("target",), ()),
        RuleKind.REOPEN: ((), ("target",)),
        RuleKind.MOVE: (("source", "target"), ()),
    }[kind]
    members = cursor.members(("rule", *required), (*optional, "role", "guard"))
    guard = _guard(members)
    text = {key: members[key].text(at_most=_MAX_NAME) for key in ("source", "target", "role") if key in members}
    steps = members["steps"].integer(at_least=1, at_most=_MAX_STAGES) if "steps" in members else None
    role = text.get("role")
    match kind:
        case RuleKind.FORWARD:
            return forward(steps=steps, role=role, guard=guard)
        case RuleKind.BACK:
            return back(steps or 1, role=role, guard=guard)
        case RuleKind.INTO:
            return into(text["target"], role=role, guard=guard)
        case RuleKind.REOPEN:
            return reopen(to=text.get("target"), role=role, guard=guard)
        case RuleKind.MOVE:
            return move(text["source"], text["target"], role=role, guard=guard)


# -- guards ------------------------------------------------------------------------------------------------------------


def _with_guard(data: dict[str, Any], guard: Expr | None) -> dict[str, Any]:
    if guard is not None:
        try:
            data["guard"] = wire.to_dict(guard)
        except BadExpression as error:
            name = data.get("name") or data.get("rule")
            raise BadDefinition(f"the guard of {name!r}: {error.message}", hint=error.hint) from None
    return data


def _guard(members: dict[str, Cursor]) -> Expr | None:
    return wire.from_cursor(members["guard"]) if "guard" in members else None
