"""The shipped catalogues: every id has words in every language, and no word stands under an id that is not there."""

from __future__ import annotations

import re
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from crmkit.errors import BadDefinition
from crmkit.labels.catalogue import closest, in_full, read, shipped
from crmkit.labels.vocabulary import built_in
from crmkit.labels.wording import PLACEHOLDER
from tests.conftest import ROOT
from tools.words import LOCALE, entries, error_codes

LANGUAGES = sorted(file.stem for file in (ROOT / LOCALE).glob("*.po"))
LATIN = {
    "ID", "UUIDv7", "IANA", "BCP", "ISO", "JSON", "TOML", "model", "fields", "Asia", "Shanghai", "zh", "CN", "active",
    "customer", "updated",
}  # fmt: skip
"""What is not English, or is what programs read, in any language."""


@cache
def catalogue(language: str) -> Catalog:
    return read_po(BytesIO((ROOT / LOCALE / f"{language}.po").read_bytes()), abort_invalid=True)


def messages(language: str) -> list[Message]:
    return [each for each in catalogue(language) if each.id]


@cache
def needed() -> frozenset[str]:
    return frozenset(each.id for each in entries(ROOT))


def test_two_languages_are_shipped() -> None:
    assert LANGUAGES == ["en", "zh"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_id_is_without_words(language: str) -> None:
    assert needed() - shipped(language).keys() == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_words_are_without_an_id(language: str) -> None:
    extra = {each.id for each in messages(language)} - needed()
    assert [id for id in extra if built_in().known(id) is None] == []
    assert not catalogue(language).obsolete


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_plain_text_without_blanks_around_them(language: str) -> None:
    for each in messages(language):
        assert each.string == each.string.strip(), each.id
        assert not re.search(r"[<>\n]|  ", each.string), each.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_have_no_full_stop_and_sentences_have_one(language: str) -> None:
    for each in messages(language):
        sentence = each.id.endswith(".help") or each.id.startswith("error.")
        assert each.string.endswith((".", "。")) == sentence, each.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_things_are_filled_in_as_in_english(language: str) -> None:
    english = shipped("en")
    for each in messages(language):
        assert sorted(PLACEHOLDER.findall(each.string)) == sorted(PLACEHOLDER.findall(english.get(each.id, ""))), (
            each.id
        )


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_each_translation_is_of_what_english_says_now(language: str) -> None:
    english = shipped("en")
    for each in messages(language):
        assert not each.fuzzy, each.id
        if each.id in english:
            assert " ".join(each.auto_comments) == english[each.id], each.id


def test_no_english_is_left_in_chinese() -> None:
    for each in messages("zh"):
        assert set(re.findall(r"[A-Za-z]\w+", each.string)) <= LATIN, each.id


def test_no_other_word_than_english_is_left_in_english() -> None:
    assert all(text.isascii() for text in shipped("en").values())


def test_two_choices_of_a_field_never_read_alike() -> None:
    for language in LANGUAGES:
        texts: dict[tuple[str, str], str] = {}
        for id, text in shipped(language).items():
            area, *_, word = id.split(".")
            if area in {"choice", "stage"}:
                group = id.removesuffix(f".{word}"), text
                assert group not in texts or group[0] == "choice.kind", f"{id} and {texts[group]}"
                texts[group] = id


def test_every_code_in_the_source_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        """
LATE: Final = "late"
class Odd(CrmError):
    code = "odd"
class Told(CrmError):
    code: str = "told"
def refuse(self, place, code, message): raise Problem(code, message)
def check(value):
    if value: raise Problem("blank" if not value else "too_short", "x")
    Problem(LATE, "x")
    owner.refuse("place", "given_to_refuse", "x")
"""
    )
    assert error_codes(tmp_path) == {"late", "odd", "told", "blank", "too_short", "given_to_refuse"}


def test_what_is_empty_or_fuzzy_is_not_translated_yet() -> None:
    text = (
        '#, fuzzy\nmsgid "field.size"\nmsgstr "x"\n\nmsgid "field.name"\nmsgstr ""\n\nmsgid "field.kind"\nmsgstr "y"\n'
    )
    assert dict(read(text.encode(), "de.po")) == {"field.kind": "y"}


@pytest.mark.parametrize("content", [b"msgid nonsense", b'msgid "x\n', b'msgid "x"\nmsgstr "\xff"\n'])
def test_what_is_not_a_catalogue_is_refused(content: bytes) -> None:
    with pytest.raises(BadDefinition, match="de.po is not a gettext catalogue"):
        read(content, "de.po")


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("zh-Hans-CN", ("zh-Hans-CN", "zh-Hans", "zh")),
        ("zh_CN", ("zh-Hans-CN", "zh-Hans", "zh")),
        ("zh", ("zh-Hans-CN", "zh-Hans", "zh")),
        ("ZH-tw", ("zh-Hant-TW", "zh-Hant", "zh")),
        ("cmn-CN", ("zh-Hans-CN", "zh-Hans", "zh")),
        ("en-GB", ("en-Latn-GB", "en-Latn", "en")),
        ("tlh", ("tlh",)),
    ],
)
def test_a_language_is_served_by_the_closest_ones(asked: str, served: tuple[str, ...]) -> None:
    assert closest(asked) == served
    assert in_full(in_full(asked)) == in_full(asked)
