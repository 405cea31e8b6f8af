"""One of a few words."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Literal, TypeVar, get_args, get_origin, overload

import attrs

from crmkit.errors import Problem, near
from crmkit.model.field.column import Column
from crmkit.model.field.declaration import REQUIRED, declare
from crmkit.model.field.field import Field
from crmkit.model.field.spelling import Spelling, translator
from crmkit.model.kind import Kind
from crmkit.values import clean_text, key_of

__all__ = ["ChoiceField", "choice"]

_LONGEST = 200
_Word = TypeVar("_Word", bound=str)


@attrs.frozen(kw_only=True)
class ChoiceField(Field):
    """One of a few words.

    Attributes:
        choices: the words it accepts.
    """

    holds = str
    kind = Kind.TEXT
    word = "choice"
    ordered = False
    addable = True

    choices: tuple[str, ...] = ()

    def accept(self, value: Any) -> str:
        """Return one of the words."""
        text = clean_text(value, at_most=_LONGEST)
        if text not in self.choices:
            raise Problem("unknown_choice", f"{text!r} is not one of its choices.", hint=near(text, self.choices))
        return text

    def sure_source(self, value: str) -> str:
        """Hold of the words."""
        return f"type({value}) is str and {value} in {self.choices}"

    def annotated(self, annotation: Any) -> bool:
        """Return whether a model may annotate it so: as `str`, or as a `Literal` of its words."""
        if get_origin(annotation) is Literal:
            return set(get_args(annotation)) == set(self.choices)
        return super().annotated(annotation)

    def example(self, rng: Random) -> str:
        """Return one of the words."""
        return rng.choice(self.choices)

    def smallest(self, serial: int) -> str:
        """Return the first word."""
        return self.choices[0]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The word."""
        longest = max(map(len, self.choices), default=0)
        return (Column(self.name, self.kind, self.nullable, max=longest, words=self.choices),)

    @property
    def words(self) -> tuple[str, ...]:
        """The words it accepts."""
        return self.choices

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return what finds a word in any case."""
        return translator({key_of(word): word for word in self.choices}, "unknown_choice")

    def schema(self) -> dict[str, Any]:
        """Return the schema of the words."""
        return {"type": "string", "enum": list(self.choices)}

    @property
    def bounds(self) -> str:
        """The words."""
        return ", ".join(f"`{word}`" for word in self.choices)

    def mistakes(self) -> list[str]:
        """Return what is wrong with its words: there are none, or a store could not hold one."""
        if not self.choices:
            return ["a choice needs words to choose from."]
        found: list[str] = []
        for word in self.choices:
            try:
                clean_text(word, at_most=_LONGEST, at_least=1)
            except Problem as problem:
                found.append(f"the choice {word!r} {problem.message}")
        return found


@overload
def choice(
    *words: _Word, default: _Word = ..., index: bool = False, managed: bool = False, doc: str = "", replaces: str = ""
) -> _Word: ...
@overload
def choice(
    *words: _Word, default: None, index: bool = False, managed: bool = False, doc: str = "", replaces: str = ""
) -> _Word | None: ...
def choice(
    *words: Any, default: Any = REQUIRED, index: bool = False, managed: bool = False, doc: str = "", replaces: str = ""
) -> Any:
    """Declare a field that holds one of a few words.

    Annotate it as `str`, or as a `Literal` of just these words where code depends on them.
    """
    return declare(
        ChoiceField(choices=words, index=index, managed=managed, doc=doc), default=default, replaces=replaces
    )
