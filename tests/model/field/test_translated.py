"""Text in several languages: a value with fallback, and a field that every store compares and searches."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import (
    BadDefinition,
    BadExpression,
    BadRecord,
    Crm,
    Expr,
    Problem,
    Record,
    Translated,
    connect,
    count,
    entity,
    evaluate,
    f,
    from_json,
    integer,
    json_schema,
    system,
    text,
    to_dict,
    to_json,
    translated,
    where_from,
)
from crmkit.expr.form.show import show
from crmkit.model.schema import schema_of
from crmkit.testing import values

job = system("test")


@entity(name="furniture", plural="furniture")
class Furniture(Record):
    """Something to sit on."""

    code: str = text(max=20)
    title: Translated = translated(max=30, search=True)
    remark: Translated = translated(default=Translated(), language="zh")
    seats: int = integer(default=1)


CHAIR = {"en": "Chair", "zh": "椅子"}
TABLE = {"en": "Table", "de": "Stuhltisch", "pt-BR": "mesa"}
ALL = (
    Furniture(code="chair", title=Translated(CHAIR)),
    Furniture(code="table", title=Translated(TABLE), remark=Translated({"zh": "好"})),
    Furniture(code="stool", title=Translated({"de": "Stuhl"})),
)


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, models=[Furniture]) as crm:
        with crm.session(job) as s:
            s.repository(Furniture).add_many(ALL)
        yield crm


# -- the value ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        (["zh-Hans-CN"], "椅子"),
        (["ZH_tw"], "椅子"),
        (["en-GB", "zh"], "Chair"),
        (["fr", "zh"], "椅子"),
        (["pt"], "Cadeira"),
        (["fr"], "Chair"),
        ([], "Chair"),
    ],
)
def test_a_text_is_read_in_the_first_language_that_is_there(asked: list[str], read: str) -> None:
    assert Translated({**CHAIR, "pt-BR": "Cadeira"}).text(*asked) == read


def test_without_a_text_in_the_default_language_any_will_do() -> None:
    assert Translated({"zh": "椅子", "fr": "Chaise"}, default="zh").text("de") == "椅子"
    assert Translated({"fr": "Chaise", "zh": "椅子"}).text("de") == "Chaise"
    assert Translated().text("de") == ""


def test_it_is_a_value() -> None:
    chair = Translated(CHAIR)
    assert chair == Translated({"zh": "椅子", "EN": "Chair"}, default="zh")
    assert hash(chair) == hash(Translated(dict(reversed(CHAIR.items()))))
    assert chair != Translated({"en": "Chair"})
    assert chair != CHAIR
    assert chair | {"ZH": "凳子"} == Translated({"en": "Chair", "zh": "凳子"})
    assert (len(chair), list(chair), chair["zh"]) == (2, ["en", "zh"], "椅子")
    for other in (pickle.loads(pickle.dumps(chair)), copy.deepcopy(chair)):  # noqa: S301 - our own bytes
        assert other == chair
    with pytest.raises(TypeError):
        chair["en"] = "x"  # type: ignore[index]


@pytest.mark.parametrize(
    ("texts", "field", "code"),
    [
        ({"no tag": "x"}, "title", "unknown_language"),
        ({7: "x"}, "title", "unknown_language"),
        ({"en": ""}, "title.en", "blank"),
        ({"en": 7}, "title.en", "wrong_type"),
        ({"en": "x\x00"}, "title.en", "nul_character"),
        ({"en": "x\x1fy"}, "title.en", "control_character"),
        ({"en": "x" * 31}, "title.en", "too_long"),
        ({"zh-CN": "x", "zh_CN": "y"}, "title.zh-CN", "duplicate_key"),
        ({f"en-x{number:04}": "x" for number in range(51)}, "title", "too_many"),
        ({}, "title", "blank"),
        ("Chair", "title", "wrong_type"),
        (None, "title", "wrong_type"),
    ],
)
def test_what_cannot_be_held_is_refused(texts: Any, field: str, code: str) -> None:
    with pytest.raises(BadRecord) as caught:
        Furniture(code="x", title=texts)
    assert [(problem.field, problem.code) for problem in caught.value.problems] == [(field, code)]


def test_a_field_is_declared_with_a_language_and_its_own_type() -> None:
    with pytest.raises(BadDefinition, match="the default language: 'no tag' is not the tag of a language"):

        @entity()
        class Bad(Record):
            title: Translated = translated(language="no tag")

    with pytest.raises(BadDefinition, match="title"):

        @entity()
        class Worse(Record):
            title: str = translated()  # type: ignore[assignment]


# -- stores ------------------------------------------------------------------------------------------------------------


def test_it_comes_back_as_it_was(crm: Crm) -> None:
    with crm.session(job) as s:
        found = {each.code: each for each in s.repository(Furniture).find()}
        assert {code: each.title for code, each in found.items()} == {each.code: each.title for each in ALL}
        assert found["chair"].remark == Translated()
        assert found["table"].remark.text("fr") == "好"
        changed = s.repository(Furniture).update(found["chair"], title=found["chair"].title | {"fr": "Chaise"})
        assert s.repository(Furniture).get(changed.id).title.text("fr-CA") == "Chaise"
    with crm.session(job) as s:
        assert s.repository(Furniture).count(f.title.contains("chaise")) == 1


CONDITIONS = [
    (f.title["en"] == "Chair", {"chair"}),
    (f.title["EN"] == "Chair", {"chair"}),
    (f.title["en"] == "chair", set()),
    (f.title["pt_br"] == "mesa", {"table"}),
    (f.title["zh"] != "x", {"chair"}),
    (f.title["de"].one_of("Stuhl", "Stuhltisch"), {"table", "stool"}),
    (f.title["de"].missing(), {"chair"}),
    (~f.title["de"].missing() & (f.seats == 1), {"table", "stool"}),
    (f.title.contains("STUHL"), {"table", "stool"}),
    (f.title.contains("hair"), {"chair"}),
    (f.title.contains("椅"), {"chair"}),
    (f.title.contains("airTab"), set()),
    (f.title.starts_with("stuhl"), {"table", "stool"}),
    (f.title.starts_with("tab"), {"table"}),
    (f.title.starts_with("able"), set()),
    (f.title.starts_with("%"), set()),
    (f.title.contains(""), {"chair", "table", "stool"}),
    (f.title.starts_with(""), {"chair", "table", "stool"}),
    (f.remark["zh"] == "好", {"table"}),
]


@pytest.mark.parametrize(("where", "codes"), CONDITIONS, ids=lambda each: show(each) if isinstance(each, Expr) else " ")
def test_it_is_compared_in_one_language_and_searched_in_all(crm: Crm, where: Any, codes: set[str]) -> None:
    with crm.session(job) as s:
        assert {each.code for each in s.repository(Furniture).find(where)} == codes
    assert {each.code for each in ALL if evaluate(where, each)} == codes


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (f.title == "Chair", 'it holds text in several languages. Compare it in one language, as in f.name["en"].'),
        (f.title.missing(), "is never missing"),
        (f.remark.contains("x"), "is not searchable. Declare it with translated(search=True)"),
        (f.title["en"].contains("x"), "is not searchable"),
        (f.title["en"] > "A", "only compared with == and !="),
        (f.title["no tag"] == "x", "'no tag' is not the tag of a language"),
        (f.title.contains("\x1f"), "is not searched for a unit separator"),
        (f.title.has("x"), "holds no tags"),
    ],
)
def test_what_stores_do_not_answer_alike_is_refused(crm: Crm, where: Any, message: str) -> None:
    with crm.session(job) as s, pytest.raises(BadExpression) as caught:
        s.repository(Furniture).count(where)
    assert message in str(caught.value)


def test_it_makes_no_groups_and_no_order(crm: Crm) -> None:
    with crm.session(job) as s:
        for attempt in (
            lambda: s.repository(Furniture).tally(by=f.title, n=count()),
            lambda: s.repository(Furniture).find(order=f.title),
        ):
            with pytest.raises(BadExpression, match="title"):
                attempt()


# -- text and JSON -----------------------------------------------------------------------------------------------------


def test_files_give_one_text_or_all_of_them(crm: Crm, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        'No,Title\n1,Bench\n2,"{""en"": ""Sofa"", ""zh"": ""沙发""}"\n3,"{""en"": 7}"\n4,{not\n', encoding="utf-8"
    )
    mapping = {
        "source": "legacy",
        "zone": "UTC",
        "file": [
            {"path": "a.csv", "into": "furniture", "id": "No", "fields": {"code": "No", "title": "Title"}},
        ],
    }
    run = crm.imports(job).plan(mapping, folder=tmp_path).apply()
    assert [problem.code for problem in run.problems] == ["wrong_type", "not_json"]
    with crm.session(job) as s:
        furniture = s.repository(Furniture)
        assert furniture.find(f.code == "1")[0].title == Translated({"en": "Bench"})
        assert furniture.find(f.title["zh"] == "沙发")[0].code == "2"


def test_json_has_an_object_of_texts() -> None:
    assert to_dict(ALL[0])["title"] == CHAIR
    assert from_json(Furniture, to_json(ALL[1])).title == ALL[1].title
    schema = json_schema(Furniture)["properties"]
    assert schema["title"]["additionalProperties"] == {"type": "string", "minLength": 1, "maxLength": 30}
    assert (schema["title"]["minProperties"], "minProperties" in schema["remark"]) == (1, False)


def test_query_parameters_search_it() -> None:
    where = where_from(Furniture, {"title__contains": "stuhl"})
    assert [each.code for each in ALL if evaluate(where, each)] == ["table", "stool"]


@given(values(schema_of(Furniture).fields["title"]), st.sampled_from(["en", "zh-CN", "fr"]))
def test_property_tests_draw_values_of_it(title: Translated, language: str) -> None:
    field = schema_of(Furniture).fields["title"]
    assert Furniture(code="x", title=title).title == title
    assert title.text(language) in title.values()
    assert field.from_json(field.to_json(title)) == title
    assert field.from_columns(*field.to_columns(title)[:1]) == title


def test_a_language_must_be_one() -> None:
    with pytest.raises(Problem, match="'no tag' is not the tag of a language"):
        Translated(CHAIR).text("no tag")
