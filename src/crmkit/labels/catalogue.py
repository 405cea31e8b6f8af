"""Catalogues: texts by their ids, read from gettext's text files."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from crmkit.errors import BadDefinition, Unsupported
from crmkit.values.language import clean_language, wider

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ENGLISH", "closest", "in_full", "read", "shipped"]

ENGLISH: Final = "en"
"""The language in which crmkit itself is written."""


def need_babel() -> None:
    """Make sure that Babel is there.

    Raises:
        Unsupported: it is not.
    """
    if find_spec("babel") is None:
        raise Unsupported("labels are read by Babel, which is not installed.", hint='Run: pip install "crmkit[labels]"')


def read(content: bytes, name: str) -> Mapping[str, str]:
    """Return the texts of a catalogue; what is empty or marked as fuzzy is not translated yet, and left out.

    Raises:
        BadDefinition: it is not a catalogue.
        Unsupported: Babel is not installed.
    """
    need_babel()
    from babel.messages.pofile import PoFileError, read_po

    try:
        messages = list(read_po(BytesIO(content), abort_invalid=True))
    except (PoFileError, ValueError, IndexError) as error:
        raise BadDefinition(
            f"{name} is not a gettext catalogue.", hint="Write it as UTF-8, as .po files are."
        ) from error
    texts = {each.id: each.string for each in messages if each.id and each.string and not each.fuzzy}
    return MappingProxyType({id: text for id, text in texts.items() if isinstance(id, str) and isinstance(text, str)})


@cache
def shipped(language: str) -> Mapping[str, str]:
    """Return the texts that crmkit brings along in a language; none where it does not speak it.

    Raises:
        Unsupported: Babel is not installed.
    """
    from importlib.resources import files  # loads much that those who read no labels do without

    need_babel()
    file = files("crmkit.labels") / "locale" / f"{language}.po"
    return read(file.read_bytes(), file.name) if file.is_file() else MappingProxyType({})


# -- negotiation -------------------------------------------------------------------------------------------------------


@cache
def in_full(tag: str) -> str:
    """Return the tag of a language with the script that is meant, if a region is named.

    Raises:
        Problem: it is not such a tag.

    >>> in_full("zh_TW"), in_full("zh-CN"), in_full("zh")
    ('zh-Hant-TW', 'zh-Hans-CN', 'zh')
    """
    need_babel()
    from babel.core import get_global

    language, *rest = clean_language(tag).split("-")
    language = get_global("language_aliases").get(language, language)
    if not rest or rest[0].istitle():
        return "-".join([language, *rest])
    likely = get_global("likely_subtags")
    meant = likely.get(f"{language}_{rest[0]}") or likely.get(language, "")
    return "-".join([language, *meant.split("_")[1:2], *rest])


@cache
def closest(tag: str) -> tuple[str, ...]:
    """Return the languages that serve whoever asks for one, the closest first.

    Raises:
        Problem: it is not the tag of a language.

    >>> closest("zh-CN")
    ('zh-Hans-CN', 'zh-Hans', 'zh')
    >>> closest("pt")
    ('pt-Latn-BR', 'pt-Latn', 'pt')
    """
    meant = in_full(tag)
    from babel.core import get_global

    likely = get_global("likely_subtags").get(meant.replace("-", "_"), "")
    return wider(likely.replace("_", "-") or meant)
