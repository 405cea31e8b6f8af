"""Segments as JSON: versioned, canonical, and refused with every mistake at its path when malformed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import BadExpression
from crmkit.expr.form.document import DOCUMENT as CONDITION
from crmkit.form.document import dump, load
from crmkit.form.form import Form, Format, Spelled
from crmkit.form.hook import text, versioned
from crmkit.model.schema import entity_of
from crmkit.segment.limit import MAX_DESCRIPTION, MAX_NAME

if TYPE_CHECKING:
    from crmkit.segment.segment import Segment

__all__ = ["VERSION", "document", "from_json", "to_json"]

VERSION: Final = 1
"""The version of the form that this module writes, and the only one it reads."""

_MAX_SIZE: Final = 80 * 1024
_NAME: Final = text(at_most=MAX_NAME, at_least=1)
_FORMS: Final[dict[type[Any], Form]] = {}


def document(cls: type[Any]) -> Form:
    """Return the form of a class, also within larger documents; the class loads this module, so it is handed in."""
    if cls in _FORMS:
        return _FORMS[cls]
    made = Format().describe(
        cls,
        {
            "name": Spelled(_NAME),
            "model": Spelled(_NAME, entity_of, "entity"),
            "where": Spelled(CONDITION.hook, CONDITION.write, "condition"),
            "description": Spelled(text(at_most=MAX_DESCRIPTION)),
        },
        lead={"version": VERSION},
        required=("description",),
        omit=("catalog",),
    )
    return _FORMS.setdefault(cls, Form(versioned(made.hook, VERSION), made.write))


def to_json(segment: Segment) -> str:
    """Return a segment as canonical JSON text.

    Raises:
        BadExpression: the condition is too large to be stored, or holds a value that is not part of the language.
    """
    return dump(document(type(segment)).written(segment, BadExpression), at_most=_MAX_SIZE)


def from_json(cls: type[Segment], source: str) -> Segment:
    """Return the segment that a JSON text defines, as one of a class.

    Raises:
        BadExpression: the text is malformed or of another version; `problems` holds every mistake and its path.
    """
    segment: Segment = document(cls).read(load(source, at_most=_MAX_SIZE), BadExpression)
    return segment
