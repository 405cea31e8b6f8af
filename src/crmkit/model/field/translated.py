"""Text in several languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, ClassVar, Final, cast

import attrs

from crmkit.errors import Problem
from crmkit.model.field.bounded import crossed
from crmkit.model.field.column import Column
from crmkit.model.field.declaration import REQUIRED, declare
from crmkit.model.field.document import parsed
from crmkit.model.field.field import MAX_LITERAL, Field
from crmkit.model.field.refusal import several
from crmkit.model.field.spelling import Spelling
from crmkit.model.field.text import TextField, characters
from crmkit.model.kind import Kind
from crmkit.values import clean_text, fold
from crmkit.values.language import clean_language
from crmkit.values.translated import MAX_LANGUAGES, SEPARATOR, Translated

__all__ = ["TranslatedField", "translated"]

_FOLDED: Final = 18
"""How far folding can lengthen, as of a text."""


@attrs.frozen(kw_only=True)
class TranslatedField(Field):
    """Text in several languages.

    Attributes:
        max: the longest text accepted in any language, in code points.
        search: whether `contains` and `starts_with` may be asked of it; it costs a second, folded column.
        language: the one that serves those who ask for a language that is not there.
        blank: whether it may be in no language at all.
    """

    holds = Translated
    kind = Kind.EXTRA
    word = "text in several languages"
    ask = 'Compare it in one language, as in f.name["en"].'
    opaque = True
    never_missing = True
    several: ClassVar[bool] = True

    max: int = 200
    search: bool = False
    language: str = "en"
    blank: bool = False

    def accept(self, value: Any) -> Translated:
        """Return texts by their languages, within bounds."""
        if not isinstance(value, Mapping):
            hint = f'Write Translated({{"{self.language}": ...}}).'
            raise Problem("wrong_type", f"expects texts by language, not {type(value).__name__}.", hint=hint)
        try:
            made = Translated(cast("Mapping[str, str]", value), self.language)
        except Problem as problem:
            raise problem.at(f"{self.name}.{problem.field}".removesuffix(".")) from None
        found = [
            Problem("too_long", f"has {len(text)} characters, {self.max} at most.", field=f"{self.name}.{tag}")
            for tag, text in made.items()
            if len(text) > self.max
        ]
        if found:
            raise several(found)
        if not made and not self.blank:
            raise Problem("blank", "needs a text in one language or more.", field=self.name)
        return made

    def example(self, rng: Random) -> Translated:
        """Return a short text in one language or more."""
        texts = {"en": "Chair", "zh": "椅子", "pt-BR": "Cadeira", "de": "Stühle"}
        chosen = rng.sample(sorted(texts), rng.randint(0 if self.blank else 1, len(texts)))
        return Translated({tag: texts[tag][: self.max] for tag in chosen}, self.language)

    def smallest(self, serial: int) -> Translated:
        """Return nothing where that will do, or its own name in the default language."""
        return Translated({} if self.blank else {self.language: self.name[: self.max]}, self.language)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The texts, and all of them in folded form if it can be searched."""
        own = Column(self.name, self.kind, False)
        if not self.search:
            return (own,)
        longest = MAX_LANGUAGES * (self.max * _FOLDED + 1)
        return own, Column(self.search_column, Kind.TEXT, False, max=longest)

    @property
    def read_columns(self) -> tuple[Column, ...]:
        """The texts."""
        return self.columns[:1]

    @property
    def search_column(self) -> str:
        """The column in which case does not matter."""
        return f"{self.name}_folded" if self.search else ""

    def split(self, value: Translated) -> tuple[Any, ...]:
        """Return the texts, and all of them in folded form if it can be searched."""
        return (dict(value), value.folded) if self.search else (dict(value),)

    def join(self, *values: Any) -> Translated:
        """Return the value of such texts."""
        return Translated.stored(values[0], self.language)

    def has_part(self, name: str) -> bool:
        """Return true: any name may be the tag of a language."""
        return True

    def part(self, name: str) -> Field:
        """Return the text in one language."""
        return TextField(name=clean_language(name), within=self.name, required=False, max=self.max)

    def searched(self, text: Any) -> tuple[str, str]:
        """Return the folded column, and the text in that form."""
        if not self.search:
            hint = "Declare it with translated(search=True), or compare it in one language."
            raise Problem("not_searchable", "is not searchable.", hint=hint)
        # No text holds a separator, so a match never reaches from one language into the next.
        wanted = clean_text(text, at_most=MAX_LITERAL)
        if SEPARATOR in wanted:
            raise Problem("control_character", "is not searched for a unit separator.", hint="Remove it.")
        return self.search_column, fold(wanted)

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return what reads a JSON object of texts by language, or a text in the default language."""

        def read(text: str) -> Any:
            return self.clean(parsed(text) if text.lstrip().startswith("{") else {self.language: text})

        return read

    def encode(self, value: Translated) -> dict[str, str]:
        """Return the texts by language."""
        return dict(value)

    def schema(self) -> dict[str, Any]:
        """Return the schema of an object of texts."""
        text = {"type": "string", "minLength": 1, "maxLength": self.max}
        least = {} if self.blank else {"minProperties": 1}
        return {"type": "object", "additionalProperties": text, "maxProperties": MAX_LANGUAGES, **least}

    @property
    def bounds(self) -> str:
        """The length in each language."""
        return "; ".join([f"{characters(0, self.max)} each", *(["can be searched"] if self.search else [])])

    def mistakes(self) -> list[str]:
        """Return what is wrong with its length or its language, if anything."""
        found = crossed(1, self.max)
        try:
            clean_language(self.language)
        except Problem as problem:
            found.append(f"the default language: {problem.message}")
        return found


def translated(
    *,
    default: Translated = REQUIRED,
    max: int = 200,
    search: bool = False,
    language: str = "en",
    doc: str = "",
    replaces: str = "",
) -> Translated:
    """Declare text in several languages.

    Args:
        default: the value when none is given, such as `Translated()`; without it, one language or more is needed.
        max: the longest text accepted in any language, in code points.
        search: whether `contains` and `starts_with` may be asked of it; costs a second, folded column.
        language: the one that serves those who ask for a language that is not there.
        doc: one sentence for the reference.
        replaces: the inherited field of this name whose place it takes.
    """
    field = TranslatedField(max=max, search=search, language=language, blank=default is not REQUIRED, doc=doc)
    return declare(field, default=default, replaces=replaces)
