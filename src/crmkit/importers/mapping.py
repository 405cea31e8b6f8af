"""Mappings as documents: TOML, or the same as a dict, into rules. `binding` compares them with models and files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from crmkit.errors import BadMapping, Problem, near
from crmkit.form.document import quoted
from crmkit.form.form import Format, Spelled
from crmkit.form.hook import Hook, an_object, integer, listed, member, table, text, word
from crmkit.form.problem import Problems, problems_in
from crmkit.importers.rule import FieldRule, FileRule, MappingRule
from crmkit.importers.setting import MOST
from crmkit.lifecycle import Pipeline, Rule, Stage, back, forward, into, reopen
from crmkit.lifecycle.stage import CLOSED, MAX_NAME

__all__ = ["pipelines_in", "read_mapping"]

_MOST_BYTES: Final = 16 << 20
_MOST_FILES: Final = 1_000
_MOST_PARTS: Final = 20
_DOTTED: Final = re.compile(rf"""(?<![\w-])(?:(?>[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*+\.[ \t]*+){{{_MOST_PARTS}}}""")
_MOST_STAGES: Final = 100
_HINTS: Final = {
    "source": 'Write source = "legacy".',
    "file": 'Write [[file]] with path = "accounts.csv" and into = "customer".',
}


def read_mapping(mapping: str | Path | Mapping[str, Any]) -> MappingRule:
    """Return the rules of a mapping.

    Args:
        mapping: the path of a TOML file, or what such a file holds as a dict.

    Raises:
        BadMapping: it cannot be read, or is not well formed; every problem is listed.
    """
    tables, folder = _load(mapping)
    rule: MappingRule = _read(_MAPPING.hook, tables)
    return attrs.evolve(rule, folder=folder)


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
    tables, _ = _load(mapping)
    return list(_read(_PIPELINES, tables.get("pipeline", ()), ".pipeline"))


def _load(mapping: str | Path | Mapping[str, Any]) -> tuple[Mapping[str, Any], Path | None]:
    """Return what a mapping holds, and the folder it lies in if it is a file."""
    if isinstance(mapping, Mapping):
        return mapping, None
    if not isinstance(mapping, str | Path):
        message = f"must be a table or the path of a TOML file, not {type(mapping).__name__}."
        raise BadMapping([Problem("wrong_type", message, field="mapping")])
    path = Path(mapping)
    try:
        with path.open("rb") as stream:
            text = stream.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            message = f"has more than {_MOST_BYTES:,} bytes."
            raise BadMapping([Problem("too_long", message, hint="Split it.", field=str(path))])
        return _tables(text.decode("utf-8-sig")), path.parent
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise BadMapping([Problem("unreadable", f"{reason}.", field=str(path))]) from None
    except (ValueError, RecursionError) as error:
        raise BadMapping([Problem("not_toml", f"is not TOML: {error}.", field=str(path))]) from None


def _tables(text: str) -> dict[str, Any]:
    # Python's reader looks at every key above a key, for each of them: a chain of dots takes its square.
    if _DOTTED.search(text):
        raise ValueError(f"a key has more than {_MOST_PARTS} parts")
    return tomllib.loads(text)


def _read(hook: Hook, data: object, root: str = "") -> Any:
    try:
        return hook(data, Any)
    except Exception as error:  # noqa: BLE001 - `problems_in` raises again what is not a mistake of the data
        raise BadMapping([_placed(problem, root) for problem in problems_in(error)]) from None


def _placed(problem: Problem, root: str) -> Problem:
    place = (root + problem.field).removeprefix(".")
    at_top = problem.code == "unknown_key" and not re.search(r"[.\[]", place)
    return problem.at("mapping" if at_top else place or "mapping")


# -- the form ----------------------------------------------------------------------------------------------------------


def _wrong_keys(data: Mapping[Any, Any], needed: Collection[str], known: Collection[str]) -> Iterator[Problem]:
    for key in data:
        if key not in known:
            shown = str(key)[:40]
            yield Problem(
                "unknown_key", f"there is no key {quoted(shown)}.", hint=near(shown, known), field=f".{shown}"
            )
    for key in needed:
        if key not in data:
            yield Problem("lacks_key", "is missing.", hint=_HINTS.get(key, ""), field=f".{key}")


def _counted(hook: Hook) -> Hook:
    """Return a hook whose problems have their places as people count: from 1."""

    def read(data: Any, wanted: object) -> Any:
        try:
            return hook(data, wanted)
        except Exception as error:  # noqa: BLE001 - `problems_in` raises again what is not a mistake of the data
            raise Problems(_from_one(problem) for problem in problems_in(error)) from None

    return read


def _from_one(problem: Problem) -> Problem:
    return problem.at(re.sub(r"\[(\d+)\]", lambda index: f"[{int(index[1]) + 1}]", problem.field))


def _spelled(cls: type[Any], keys: Mapping[str, str], **hooks: Hook) -> dict[str, Spelled]:
    """Return how the attributes of a rule are read: by their own converters, but for those with a hook."""
    converted = {field.name: _converted(field.converter) for field in attrs.fields(cls) if field.converter}
    return {name: Spelled(hook, key=keys.get(name)) for name, hook in (converted | hooks).items()}


def _converted(convert: Callable[[Any], Any]) -> Hook:
    return lambda data, _: convert(data)


def _read_field(data: Any, wanted: object) -> FieldRule:
    rule: FieldRule = _FIELD.hook({"column": data} if isinstance(data, str) else data, wanted)
    return rule


def _read_fields(data: Any, wanted: object) -> Any:
    own = dict(an_object(data))
    extra: Mapping[Any, Any] = member(own, "extra", lambda each, _: an_object(each)) if "extra" in own else {}
    own.pop("extra", None)
    return _read_rules(own | {f"extra.{name}": rule for name, rule in extra.items()}, wanted)


def _read_files(data: Any, wanted: object) -> tuple[FileRule, ...]:
    files = _counted(listed(_FILE.hook, at_least=1, at_most=_MOST_FILES))(data, wanted)
    return tuple(attrs.evolve(file, place=f"file[{number}]") for number, file in enumerate(files, 1))


def _read_pipeline(data: Any, wanted: object) -> Pipeline:
    made: _Definition = _DEFINITION.hook(data, wanted)
    open_stages = sum(stage.is_open for stage in made.stages)
    moves: list[Rule] = [forward()]
    if open_stages > 1:
        moves.append(back(open_stages - 1))
    moves += [into(stage.name) for stage in made.stages if stage.outcome in {"lost", "done"}]
    if open_stages < len(made.stages):
        moves.append(reopen())
    return Pipeline(made.name, made.entity, stages=made.stages, moves=moves)


@attrs.frozen
class _Definition:
    name: str
    entity: str
    stages: tuple[Stage, ...]


_read_rules: Final = table(_read_field, at_most=MOST)
_FORMAT: Final = Format(_wrong_keys)
_FIELD: Final = _FORMAT.describe(
    FieldRule,
    _spelled(
        FieldRule, {"join": "with", "spellings": "map", "formats": "format", "numbers": "number"}, currency=_read_field
    ),
)
_FILE: Final = _FORMAT.describe(
    FileRule, _spelled(FileRule, {}, fields=_read_fields, entered=_read_rules), omit=("place",)
)

_TEXT: Final = text(at_most=MAX_NAME)
_BROUGHT: Final = Format()
_STAGE: Final = _BROUGHT.describe(
    Stage,
    {
        "name": Spelled(_TEXT),
        "probability": Spelled(integer(at_least=0, at_most=100)),
        "outcome": Spelled(word(CLOSED)),
        "label": Spelled(_TEXT),
    },
    omit=("requires", "guard", "locks"),
)
_DEFINITION: Final = _BROUGHT.describe(
    _Definition,
    {"name": Spelled(_TEXT), "entity": Spelled(_TEXT), "stages": Spelled(listed(_STAGE.hook, at_most=_MOST_STAGES))},
)
_PIPELINES: Final = _counted(listed(_read_pipeline, at_most=_MOST_FILES))
_MAPPING: Final = _FORMAT.describe(
    MappingRule,
    _spelled(MappingRule, {"files": "file", "pipelines": "pipeline"}, files=_read_files, pipelines=_PIPELINES),
    omit=("folder",),
)
