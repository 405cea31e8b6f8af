"""Prefixes as ranges of text, which an index can answer."""

from __future__ import annotations

from typing import Final

__all__ = ["text_after"]

_LAST: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)
"""Code points that are not characters and cannot be stored."""


def text_after(prefix: str) -> str | None:
    """Return the first text, by code point, that sorts after all which begin with this one; `None` if there is none.

    >>> text_after("ab"), text_after("a\U0010ffff"), text_after("")
    ('ac', 'b', None)
    """
    stem = prefix.rstrip(chr(_LAST))
    if not stem:
        return None
    code = ord(stem[-1]) + 1
    return stem[:-1] + chr(_SURROGATES.stop if code in _SURROGATES else code)
