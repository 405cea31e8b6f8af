"""Languages, as BCP 47 names them."""

from __future__ import annotations

import re
from typing import Final

from crmkit.errors import Problem

__all__ = ["clean_language", "wider"]

_TAG: Final = re.compile(r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?(-([a-z0-9]{5,8}|\d[a-z0-9]{3}))*", re.IGNORECASE)
_LONGEST: Final = 35
_SHOWN: Final = 40
_SCRIPT: Final = 4
_REGION: Final = 2


def clean_language(tag: object) -> str:
    """Return the tag of a language in its usual spelling.

    Raises:
        Problem: it is not such a tag.

    >>> clean_language("zh_hans_cn")
    'zh-Hans-CN'
    """
    text = tag.replace("_", "-") if isinstance(tag, str) else ""
    if len(text) > _LONGEST or not _TAG.fullmatch(text):
        shown = repr(tag[:_SHOWN]) if isinstance(tag, str) else f"an object of type {type(tag).__name__}"
        raise Problem("unknown_language", f"{shown} is not the tag of a language.", hint='Write "zh" or "pt-BR".')
    language, *rest = text.lower().split("-")
    return "-".join([language, *map(_spelled, rest)])


def _spelled(part: str) -> str:
    if len(part) == _SCRIPT and part.isalpha():
        return part.title()
    return part.upper() if len(part) == _REGION else part


def wider(tag: str) -> tuple[str, ...]:
    """Return a clean tag, and after it each wider one.

    >>> wider("zh-Hans-CN")
    ('zh-Hans-CN', 'zh-Hans', 'zh')
    """
    parts = tag.split("-")
    return tuple("-".join(parts[:length]) for length in range(len(parts), 0, -1))
