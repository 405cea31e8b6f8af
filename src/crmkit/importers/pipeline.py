"""Pipelines that a mapping brings along, for those who have none in code, such as the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from crmkit.errors import BadDefinition, BadMapping, Problem, near
from crmkit.importers.mapping import load_mapping
from crmkit.lifecycle import Pipeline, Rule, Stage, back, forward, into, reopen

__all__ = ["pipelines_in"]

_PIPELINE: Final = ("name", "entity", "stages")
_STAGE: Final = ("name", "probability", "outcome", "label")


def pipelines_in(mapping: str | Path | Mapping[str, Any]) -> list[Pipeline]:
    """Return the pipelines that a mapping defines under `[[pipeline]]`, to be given to `connect(pipelines=...)`.

    Records may move on, back, to every closing stage and out of it again; a product that wants other rules defines its
    pipeline in code.

    Args:
        mapping: the path of a TOML file, or what such a file holds as a dict.

    Raises:
        BadMapping: a definition is not acceptable; every problem is listed.

    >>> stages = [{"name": "talk", "probability": 20}, {"name": "won", "outcome": "won"}]
    >>> mapping = {"pipeline": [{"name": "sales", "entity": "lead", "stages": stages}]}
    >>> [pipeline.name for pipeline in pipelines_in(mapping)]
    ['sales']
    """
    tables, _ = load_mapping(mapping)
    made: list[Pipeline] = []
    problems: list[Problem] = []
    for number, table in enumerate(tables.get("pipeline", []), 1):
        try:
            made.append(_pipeline(table))
        except (BadDefinition, TypeError) as error:
            problems.append(Problem("bad_mapping", str(error), field=f"pipeline[{number}]"))
    if problems:
        raise BadMapping(problems)
    return made


def _pipeline(table: Mapping[str, Any]) -> Pipeline:
    _known(table, _PIPELINE)
    stages: list[Stage] = []
    for each in table.get("stages", []):
        _known(each, _STAGE)
        words: dict[str, Any] = dict(each)
        stages.append(Stage(words.pop("name", ""), words.pop("probability", None), **words))
    open_stages = sum(stage.is_open for stage in stages)
    moves: list[Rule] = [forward()]
    if open_stages > 1:
        moves.append(back(open_stages - 1))
    moves += [into(stage.name) for stage in stages if stage.outcome in {"lost", "done"}]
    if open_stages < len(stages):
        moves.append(reopen())
    return Pipeline(table.get("name", ""), table.get("entity", ""), stages=stages, moves=moves)


def _known(table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key in table:
        if key not in keys:
            raise BadDefinition(f"there is no key {key!r}.", hint=near(key, keys))
