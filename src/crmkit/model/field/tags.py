"""Tags: several short texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, ClassVar, Final, cast

from crmkit.errors import Problem
from crmkit.model.field.declaration import declare
from crmkit.model.field.field import MAX_LITERAL, Field
from crmkit.model.field.refusal import several, typed
from crmkit.model.field.spelling import Spelling
from crmkit.model.kind import Kind
from crmkit.values import clean_text

__all__ = ["TagsField", "tags"]

MAX_TAGS: Final = 100
MAX_TAG: Final = 100


def _are_plain(tags: tuple[Any, ...]) -> bool:
    if set(map(type, tags)) != {str} or not len(tags) == len(set(tags)) <= MAX_TAGS:
        return False
    text = "".join(tags)
    return text.isascii() and "\x00" not in text and min(map(len, tags)) > 0 and max(map(len, tags)) <= MAX_TAG


class TagsField(Field):
    """A set of short texts, kept in the order given."""

    holds = tuple[str, ...]
    kind = Kind.TAGS
    word = "tags"
    ask = "Ask .has(...)."
    opaque = True
    never_missing = True
    names: ClassVar[Mapping[str, Any]] = {"are_plain": _are_plain}

    def accept(self, value: Any) -> tuple[str, ...]:
        """Return several texts, each once."""
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise Problem("wrong_type", f"expects several texts, not {type(value).__name__}.", hint='Write ("vip",).')
        given = cast("Iterable[object]", value)
        tags: dict[str, None] = {}
        found: list[Problem] = []
        for place, tag in enumerate(given):
            try:
                tags[clean_text(tag, at_most=MAX_TAG, at_least=1)] = None
            except Problem as problem:
                found.append(problem.at(f"{self.name}[{place}]"))
        if found:
            raise several(found)
        if len(tags) > MAX_TAGS:
            raise Problem("too_many", f"has {len(tags)} tags, {MAX_TAGS} at most.")
        return tuple(tags)

    def sure_source(self, value: str) -> str:
        """Hold of distinct texts in ASCII and within bounds."""
        return f"type({value}) is tuple and are_plain({value})"

    def example(self, rng: Random) -> tuple[str, ...]:
        """Return a few tags."""
        return tuple(rng.sample(("vip", "VIP", "a,b", "é", "$x"), rng.randint(0, 3)))

    def smallest(self, serial: int) -> tuple[str, ...]:
        """Return no tags."""
        return ()

    def tagged(self, tag: Any) -> tuple[str, str]:
        """Return its column, and any text."""
        return self.name, clean_text(tag, at_most=MAX_LITERAL)

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return what takes tags apart."""
        mark = spelling.split
        return lambda text: self.clean([tag.strip() for tag in text.split(mark) if tag.strip()] if mark else [text])

    def encode(self, value: tuple[str, ...]) -> list[str]:
        """Return the tags as a list."""
        return list(value)

    def decode(self, data: Any) -> Any:
        """Return the tags of a list."""
        return typed(data, list, "a list of texts")

    def schema(self) -> dict[str, Any]:
        """Return the schema of a list of strings."""
        one = {"type": "string", "minLength": 1, "maxLength": MAX_TAG}
        return {"type": "array", "items": one, "maxItems": MAX_TAGS, "uniqueItems": True}

    @property
    def bounds(self) -> str:
        """How many, and how long."""
        return f"up to {MAX_TAGS} of up to {MAX_TAG} characters"


def tags(*, default: tuple[str, ...] = (), doc: str = "", replaces: str = "") -> tuple[str, ...]:
    """Declare a set of short texts, kept in the order given."""
    return declare(TagsField(doc=doc), default=default, replaces=replaces)
