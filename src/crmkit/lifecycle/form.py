"""Pipelines as JSON: versioned, canonical, and refused with every mistake at its path when malformed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import BadDefinition
from crmkit.expr.form.document import DOCUMENT as CONDITION
from crmkit.form.document import dump, load
from crmkit.form.form import Form, Format, Spelled
from crmkit.form.hook import integer, listed, tagged, text, versioned, word
from crmkit.lifecycle.check import MOST_MOVES, MOST_STAGES
from crmkit.lifecycle.rule import TAKES, Rule, RuleKind
from crmkit.lifecycle.stage import CLOSED, MAX_NAME, Stage
from crmkit.model.schema import entity_of

if TYPE_CHECKING:
    from crmkit.lifecycle.pipeline import Pipeline

__all__ = ["VERSION", "document", "from_json", "to_json"]

VERSION: Final = 1
"""The version of the form that this module writes, and the only one it reads."""

_FORMAT: Final = Format()
_FORMS: Final[dict[type[Any], Form]] = {}
_TEXT: Final = text(at_most=MAX_NAME)
_NAME: Final = Spelled(_TEXT)
_GUARD: Final = Spelled(CONDITION.hook, CONDITION.write)

_STAGE: Final = _FORMAT.describe(
    Stage,
    {
        "name": _NAME,
        "probability": Spelled(integer(at_least=0, at_most=100)),
        "outcome": Spelled(word(CLOSED)),
        "requires": Spelled(listed(_TEXT, at_most=MOST_STAGES), list),
        "guard": _GUARD,
        "locks": Spelled(listed(_TEXT, at_most=MOST_STAGES), list),
        "label": _NAME,
    },
    required=("probability",),
)


def _rule(kind: RuleKind) -> Form:
    return _FORMAT.describe(
        Rule,
        {
            "kind": Spelled(word([kind.value], RuleKind), lambda kind: kind.value, "rule"),
            "steps": Spelled(integer(at_least=1, at_most=MOST_STAGES)),
            "source": _NAME,
            "target": _NAME,
            "role": _NAME,
            "guard": _GUARD,
        },
        required=("kind", *(name for name, must in TAKES[kind].items() if must)),
        omit={"steps", "source", "target"} - TAKES[kind].keys(),
    )


_RULES: Final = {kind: _rule(kind) for kind in RuleKind}
_STAGES: Final = Spelled(listed(_STAGE.hook, at_most=MOST_STAGES), lambda stages: list(map(_STAGE.write, stages)))
_MOVES: Final = Spelled(
    listed(tagged("rule", {kind.value: form.hook for kind, form in _RULES.items()}), at_most=MOST_MOVES),
    lambda moves: [_RULES[rule.kind].write(rule) for rule in moves],
)


def document(cls: type[Any]) -> Form:
    """Return the form of a class, also within larger documents; the class loads this module, so it is handed in."""
    if cls in _FORMS:
        return _FORMS[cls]
    spelled = {
        "name": _NAME,
        "model": Spelled(_TEXT, entity_of, "entity"),
        "initial": _NAME,
        "stages": _STAGES,
        "moves": _MOVES,
    }
    made = _FORMAT.describe(cls, spelled, lead={"version": VERSION}, required=("initial",))
    return _FORMS.setdefault(cls, Form(versioned(made.hook, VERSION), made.write))


def to_json(pipeline: Pipeline) -> str:
    """Return a pipeline as canonical JSON text.

    Raises:
        BadDefinition: it is too large, or a guard holds a value that is not part of the language.
    """
    return dump(document(type(pipeline)).written(pipeline, BadDefinition), error=BadDefinition)


def from_json(cls: type[Pipeline], text: str) -> Pipeline:
    """Return the pipeline that a JSON text defines, as one of a class.

    Raises:
        BadDefinition: the text is malformed, of another version, or defines no sound pipeline; `problems` holds every
            mistake and its path.
    """
    data: Any = load(text, error=BadDefinition)
    pipeline: Pipeline = document(cls).read(data, BadDefinition)
    return pipeline
