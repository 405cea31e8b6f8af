"""Text that every store holds without loss."""

from __future__ import annotations

import unicodedata
from typing import Final

from crmkit.errors import Problem

__all__ = ["clean_name", "clean_text", "fold", "key_of"]


_UNSEEN: Final = frozenset({"Cc", "Zl", "Zp"})


def clean_text(value: object, *, at_most: int, at_least: int = 0) -> str:
    """Return `value` if every store can hold it as text.

    Args:
        value: what was given.
        at_most: the longest that is accepted, in code points.
        at_least: the shortest that is accepted, in code points.

    Raises:
        Problem: it is not text, is too long or too short, or holds a NUL or half a surrogate pair.

    >>> clean_text("Acme", at_most=10)
    'Acme'
    """
    if type(value) is not str:
        if not isinstance(value, str):
            raise Problem("wrong_type", f"expects text, not {type(value).__name__}.")
        value = str.__str__(value)
    if len(value) > at_most:
        raise Problem("too_long", f"has {len(value)} characters, {at_most} at most.")
    if len(value) < at_least:
        raise Problem(
            "blank" if not value else "too_short", f"needs {at_least} character{'s'[: at_least != 1]} or more."
        )
    if "\x00" in value:
        raise Problem("nul_character", f"holds a NUL character at position {value.index(chr(0))}.", hint="Remove it.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Problem(
                "lone_surrogate",
                f"holds half a surrogate pair at position {error.start}.",
                hint="Decode the source with the right encoding.",
            ) from None
    return value


def clean_name(value: object, *, at_most: int) -> str:
    """Return `value` if it is text by which people and messages can name something.

    Args:
        value: what was given.
        at_most: the longest that is accepted, in code points.

    Raises:
        Problem: as for `clean_text`; or it is blank, or holds a control character or the end of a line.
    """
    name = clean_text(value, at_most=at_most, at_least=1)
    if name.isspace():
        raise Problem("blank", "is blank.")
    for place, character in enumerate(name):
        if unicodedata.category(character) in _UNSEEN:
            raise Problem("control_character", f"holds a control character at position {place}.", hint="Remove it.")
    return name


def fold(text: str) -> str:
    """Return the form of `text` in which case and compatibility variants are the same.

    It is toNFKC_Casefold (Unicode 15, section 3.13, D147), but keeps code points that are ignorable by default.

    >>> fold("Straße") == fold("STRASSE")
    True
    """
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)


def key_of(text: str) -> str:
    r"""Return the form in which spellings and names are compared: without blanks around it, and without case.

    >>> key_of("\u00a0WEISS ") == key_of("Weiß")
    True
    """
    return text.strip().casefold()
