"""Text, the kind that most kinds of a product's own derive from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any, ClassVar, Final

import attrs

from crmkit.model.field.bounded import crossed, span
from crmkit.model.field.column import Column
from crmkit.model.field.declaration import REQUIRED, Missing, declare
from crmkit.model.field.field import MAX_LITERAL, Field
from crmkit.model.field.spelling import Spelling
from crmkit.model.kind import Kind
from crmkit.values import clean_text, fold

__all__ = ["TextField", "characters", "text"]

_FOLDED: Final = 18
"""How far folding can lengthen: one code point becomes up to 18 (U+FDFA under NFKC), mostly far fewer."""


@attrs.frozen(kw_only=True)
class TextField(Field):
    """A text.

    Attributes:
        max, min: the longest and the shortest text accepted, in code points.
        search: whether `contains` and `starts_with` may be asked of it; it costs a second, folded column.
    """

    holds = str
    kind = Kind.TEXT
    word = "text"
    addable = True
    names: ClassVar[Mapping[str, Any]] = {"fold": fold}

    max: int = 200
    min: int = 0
    search: bool = False

    def normal(self, text: str) -> str:
        """Return the form in which a text is held and looked for; a kind may take out blanks, say."""
        return text

    def accept(self, value: Any) -> str:
        """Return text in normal form, within bounds, that every store can hold."""
        return clean_text(self.operand(value), at_most=self.max, at_least=self.min)

    def operand(self, value: Any) -> Any:
        """Return text in normal form."""
        return self.normal(value) if isinstance(value, str) else value

    @property
    def _plain(self) -> bool:
        return (type(self).accept, type(self).normal) == (TextField.accept, TextField.normal)

    def cleaner(self) -> Callable[[Any], str]:
        """Return `clean_text` itself if that is all there is to it."""
        return partial(clean_text, at_most=self.max, at_least=self.min) if self._plain else self.accept

    def example(self, rng: Random) -> str:
        """Return a short text."""
        wanted = rng.randint(self.min, min(self.max, max(self.min, 5)))
        return "".join(rng.choice("aAbz 0_%é'日😀") for _ in range(wanted))

    def smallest(self, serial: int) -> str:
        """Return the field's name and the number, as far as they fit."""
        text = f"{self.name} {serial}"
        if len(text) > self.max:
            text = str(serial)[-self.max :] if self.max else ""
        return text.rjust(self.min, "0")

    @property
    def columns(self) -> tuple[Column, ...]:
        """The text, and the text in folded form if it can be searched."""
        own = Column(self.name, self.kind, self.nullable, max=self.max)
        if not self.search:
            return (own,)
        return own, Column(self.search_column, self.kind, self.nullable, max=self.max * _FOLDED)

    @property
    def read_columns(self) -> tuple[Column, ...]:
        """The text."""
        return self.columns[:1]

    @property
    def search_column(self) -> str:
        """The column beside a searchable text in which case does not matter."""
        return f"{self.name}_folded" if self.search else ""

    @property
    def indexes(self) -> tuple[tuple[str, ...], ...]:
        """The text's own index, and that of its folded form."""
        return (*super().indexes, (self.search_column,)) if self.search else super().indexes

    def split(self, value: str) -> tuple[str, ...]:
        """Return the text, and its folded form if it can be searched."""
        return (value, fold(value)) if self.search else (value,)

    @property
    def split_source(self) -> tuple[str, ...]:
        """`split`, as an expression."""
        return ("{v}", "fold({v})") if self.search else ("{v}",)

    def sure_source(self, value: str) -> str:
        """Hold of text in ASCII and within bounds."""
        if not self._plain:
            return ""
        length = f"{self.min} <= len({value}) <= {self.max}"
        return f"type({value}) is str and {length} and {value}.isascii() and '\\0' not in {value}"

    def literal(self, value: Any) -> tuple[str]:
        """Return text of any length."""
        return (clean_text(self.operand(value), at_most=MAX_LITERAL),)

    def searched(self, text: Any) -> tuple[str, str]:
        """Return the folded column, and the text in that form."""
        if not self.search:
            return super().searched(text)
        return self.search_column, fold(clean_text(self.operand(text), at_most=MAX_LITERAL))

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return what reads text, at a glance where nothing can be wrong: most cells of most files are such text."""
        clean, least, most = self.clean, self.min, self.max
        if not self._plain:
            return clean

        def read(text: str) -> Any:
            return text if text.isascii() and least <= len(text) <= most and "\x00" not in text else clean(text)

        return read

    def schema(self) -> dict[str, Any]:
        """Return the schema of a string."""
        return {"type": "string", "maxLength": self.max, **({"minLength": self.min} if self.min else {})}

    @property
    def bounds(self) -> str:
        """Its lengths, and whether it can be searched."""
        return "; ".join([characters(self.min, self.max), *(["can be searched"] if self.search else [])])

    def mistakes(self) -> list[str]:
        """Return what is wrong with its bounds, if anything."""
        return crossed(self.min, self.max)


def characters(least: int, most: int) -> str:
    """Return the lengths that a text may have, in words."""
    return span(least or None, most, " characters")


def text(
    *,
    default: str | Missing = REQUIRED,
    max: int = 200,
    min: int = 0,
    search: bool = False,
    unique: bool = False,
    index: bool = False,
    managed: bool = False,
    doc: str = "",
    replaces: str = "",
) -> str | Missing:
    """Declare a text field.

    Args:
        default: the value when none is given; `None` makes the field optional.
        max: the longest text accepted, in code points.
        min: the shortest text accepted; 1 refuses blanks.
        search: whether `contains` and `starts_with` may be asked of it; costs a second, folded column.
        unique: whether two records of a tenant may not share a value.
        index: whether stores index it.
        managed: whether only crmkit sets it.
        doc: one sentence for the reference.
        replaces: the inherited field of this name whose place it takes.
    """
    field = TextField(min=min, max=max, search=search, unique=unique, index=index, managed=managed, doc=doc)
    return declare(field, default=default, replaces=replaces)
