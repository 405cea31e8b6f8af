"""Text in several languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from crmkit.errors import Problem
from crmkit.values.language import clean_language, wider
from crmkit.values.text import clean_text, fold

__all__ = ["MAX_LANGUAGES", "SEPARATOR", "Translated"]

MAX_LANGUAGES: Final = 50
SEPARATOR: Final = "\x1f"
"""What stands before each text where all of them are searched at once; so no text holds it."""
_LONGEST: Final = 100_000


class Translated(Mapping[str, str]):
    """Text in several languages, by their tags; a value that cannot be changed.

    Args:
        texts: the texts.
        default: the language that serves those who ask for one that is not there.

    Raises:
        Problem: a tag or a text is not acceptable.

    >>> chair = Translated({"en": "Chair", "zh": "椅子"})
    >>> chair.text("zh-CN"), chair.text("fr")
    ('椅子', 'Chair')
    >>> chair | {"de": "Stuhl"}
    Translated({'de': 'Stuhl', 'en': 'Chair', 'zh': '椅子'})
    """

    __slots__ = ("_default", "_texts")

    def __init__(self, texts: Mapping[str, str] | None = None, default: str = "en") -> None:
        clean: dict[str, str] = {}
        for tag, text in (texts or {}).items():
            language = clean_language(tag)
            if language in clean:
                raise Problem("duplicate_key", "is given twice.", field=language)
            clean[language] = _clean(language, text)
        if len(clean) > MAX_LANGUAGES:
            raise Problem("too_many", f"has {len(clean)} languages, {MAX_LANGUAGES} at most.")
        self._texts: dict[str, str] = dict(sorted(clean.items()))
        self._default = clean_language(default)

    @classmethod
    def stored(cls, texts: Mapping[str, str], default: str) -> Translated:
        """Return what such texts were made of, without checking them again."""
        made = cls.__new__(cls)
        made._texts, made._default = dict(sorted(texts.items())), default  # noqa: SLF001 - its own
        return made

    def text(self, *languages: str) -> str:
        """Return the text in the first of these languages, in a wider or narrower one, in the default one, or in any.

        Raises:
            Problem: what is given is not the tag of a language.
        """
        for asked in (*languages, self._default):
            tags = wider(clean_language(asked))
            alike = (tag for tag in self._texts if tag.startswith(f"{tags[-1]}-"))
            for tag in (*tags, *alike):
                if tag in self._texts:
                    return self._texts[tag]
        return next(iter(self._texts.values()), "")

    @property
    def folded(self) -> str:
        """All of the texts in the form in which case does not matter, each behind a separator."""
        return "".join(f"{SEPARATOR}{fold(text)}" for text in self._texts.values())

    def __getitem__(self, language: str) -> str:
        return self._texts[language]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __or__(self, other: Mapping[str, str]) -> Translated:
        """Return the texts with those of another mapping, which win."""
        return Translated({**self._texts, **{clean_language(tag): text for tag, text in other.items()}}, self._default)

    def __eq__(self, other: object) -> bool:
        """Texts are equal in whatever language they fall back to."""
        return self._texts == other._texts if isinstance(other, Translated) else NotImplemented

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(tuple(self._texts.items()))

    def __repr__(self) -> str:
        return f"Translated({self._texts!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Translated, (self._texts, self._default)


def _clean(language: str, text: object) -> str:
    try:
        clean = clean_text(cast("str", text), at_most=_LONGEST, at_least=1)
    except Problem as problem:
        raise problem.at(language) from None
    if SEPARATOR in clean:
        raise Problem("control_character", "holds a unit separator.", hint="Remove it.", field=language)
    return clean
