"""A mapping is checked as a whole before any row is read, and every mistake is named with its place."""

from __future__ import annotations

from contextlib import suppress

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import BadMapping, Problem, connect, pipelines_in, system
from crmkit.importers.mapping import read_mapping
from crmkit.importers.rule import FieldRule, FileRule, MappingRule
from tests.importers.conftest import customers

job = system("migration")


def problems(mapping, folder="."):
    with connect("memory://") as crm, pytest.raises(BadMapping) as caught:
        crm.imports(job).plan(mapping, folder=folder)
    return {each.field: f"{each.message} {each.hint}".strip() for each in caught.value.problems}


@pytest.mark.parametrize("what", [None, 7, ["a.csv"]])
def test_what_is_not_a_mapping_is_refused(what):
    message = f"mapping: must be a table or the path of a TOML file, not {type(what).__name__}."
    with pytest.raises(BadMapping, match=message):
        pipelines_in(what)
    with connect("memory://") as crm, pytest.raises(BadMapping, match=message):
        crm.imports(job).plan(what)


def test_every_mistake_is_listed_at_once():
    mapping = {
        "source": "legacy",
        "zne": "UTC",
        "file": [
            {"path": "a.csv", "into": "custmer", "id": "No", "fields": {}},
            {"path": "b.csv", "into": "contact", "id": "No", "colour": 1, "fields": {"name": {"colum": "Name"}}},
        ],
    }
    found = problems(mapping)
    assert found["mapping"] == "there is no key 'zne'. Did you mean 'zone'?"
    assert found["file[2].fields.name.colum"] == "there is no key 'colum'. Did you mean 'column'?"
    assert "file[2].colour" in found


def test_unknown_models_and_fields_have_near_names():
    mapping = customers(
        fields={"nmae": "Name", "owner_id": {"link": "customer", "column": "O"}, "size": {"const": "lrge"}}
    )
    mapping["file"].append({"path": "b.csv", "into": "contct", "id": "No", "fields": {}})
    assert problems(mapping) == {
        "file[1].fields.nmae": "customer has no field 'nmae'. Did you mean 'name'?",
        "file[1].fields.owner_id.link": "owner_id links to a user, not to a customer.",
        "file[1].fields.size": "'lrge' is not a value of size. Did you mean 'large'?",
        "file[2].into": "there is no model 'contct'. Did you mean 'contact'?",
    }


@pytest.mark.parametrize(
    ("fields", "place", "message"),
    [
        ({"owner_id": "Owner"}, "file[1].fields.owner_id", 'owner_id links to a user. Write link = "user".'),
        ({"city": {"link": "user", "column": "C"}}, "file[1].fields.city", "city is not a link. Leave link out."),
        ({"annual_revenue": "R"}, "file[1].fields.annual_revenue", "annual_revenue is money."),
        ({"version": "V"}, "file[1].fields.version", "version is set by crmkit only."),
        ({"extra": {"shoe": "S"}}, "file[1].fields.extra.shoe", "customer has no added field 'shoe'."),
        ({"city": {"column": "C", "map": "cty"}}, "file[1].fields.city.map", "there is no map 'cty'."),
        ({"city": {"column": "C", "number": "1x"}}, "file[1].fields.city.number", "'1x' is not a number format."),
        ({"city": {"column": "C", "part": 2}}, "file[1].fields.city.part", "needs split, which says where"),
        ({"birthday": {"column": "B", "format": "dd"}}, "file[1].fields.birthday.format", "'dd' is not a date format."),
        (
            {"owner_id": {"link": "user", "column": "O", "by": "nam"}},
            "file[1].fields.owner_id.by",
            "Did you mean 'name'?",
        ),
        ({"city": {}}, "file[1].fields.city", "needs exactly one of column"),
    ],
)
def test_a_rule_that_does_not_fit_its_field_is_refused(fields, place, message):
    assert message in problems(customers(fields=fields))[place]


@pytest.mark.parametrize("zone", ["Berlin", "../Berlin", "Europe"])
def test_a_zone_must_be_one(zone):
    found = problems(customers() | {"zone": zone})
    assert found["zone"] == f'{zone!r} is not a time zone. Write a name such as "Europe/Berlin" or "UTC".'


def test_a_time_needs_a_zone():
    mapping = customers(fields={"last_contact_at": "T"})
    del mapping["zone"]
    assert "the mapping names no zone" in problems(mapping)["file[1].fields.last_contact_at"]


def test_required_fields_must_be_mapped():
    mapping = {"source": "x", "file": [{"path": "a.csv", "into": "customer", "id": "No", "fields": {"city": "C"}}]}
    assert problems(mapping) == {"file[1].fields": "lacks name, which every customer needs."}


def test_stages_and_pipelines_must_exist():
    file = {
        "path": "a.csv", "into": "opportunity", "id": "No",
        "fields": {"name": "N", "stage": {"column": "S", "map": {"wn": ["Won"]}}}, "entered": {"propsal": "D"},
    }  # fmt: skip
    found = problems({"source": "x", "zone": "UTC", "file": [file]})
    assert found["file[1].fields.stage"] == "pipeline 'opportunity' has no stage 'wn'. Did you mean 'won'?"
    assert found["file[1].entered.propsal"] == "pipeline 'opportunity' has no stage 'propsal'. Did you mean 'proposal'?"
    file["fields"]["pipeline"] = {"const": "oportunity"}
    assert (
        "Did you mean 'opportunity'?"
        in problems({"source": "x", "zone": "UTC", "file": [file]})["file[1].fields.pipeline"]
    )


def test_history_needs_its_records_its_stage_and_its_time():
    history = {"path": "h.csv", "history_of": "opportunity", "record": "No", "fields": {"when": "W"}}
    found = problems({"source": "x", "file": [history]})
    assert "no file of this mapping makes records of opportunity" in found["file[1].history_of"]
    assert "file[1].fields.when" in found


def test_a_spelling_means_one_thing():
    mapping = customers() | {"maps": {"size": {"small": ["S"], "large": ["s "]}}}
    assert problems(mapping)["maps.size.large"] == "'s ' already means 'small'."


def test_a_mapping_that_is_no_toml_or_is_not_there(tmp_path):
    (tmp_path / "m.toml").write_text("source = ")
    assert "is not TOML" in problems(tmp_path / "m.toml")[str(tmp_path / "m.toml")]
    assert "No such file" in problems(tmp_path / "x.toml")[str(tmp_path / "x.toml")]


def test_pipelines_of_a_mapping_are_checked():
    with pytest.raises(BadMapping, match=r"pipeline\[1\]: has the unknown key 'stage'\. Did you mean 'stages'\?"):
        pipelines_in({"pipeline": [{"name": "p", "entity": "lead", "stage": []}]})


@pytest.mark.parametrize("path", ["../people.csv", "/etc/hostname", "a/../../b.csv"])
def test_a_path_stays_within_the_folder(path):
    mapping = {"source": "legacy", "file": [{"path": path, "into": "customer", "id": "No", "fields": {"name": "Name"}}]}
    assert problems(mapping)["file[1].path"] == "leads out of the folder. Give the folder with plan(..., folder=...)."


@pytest.mark.parametrize(
    ("changed", "place", "message"),
    [
        ({"path": "a\0.csv"}, "file[1].path", "holds a NUL character at position 1. Remove it."),
        ({"path": 7}, "file[1].path", "is a whole number, where text belongs."),
        ({"path": ""}, "file[1].path", "needs 1 character or more."),
        ({"encoding": "undefined"}, "file[1].encoding", "'undefined' is not a text encoding."),
        ({"encoding": "utf-9"}, "file[1].encoding", "'utf-9' is not a text encoding."),
        ({"encoding": "rot13"}, "file[1].encoding", "'rot13' is not a text encoding."),
        ({"encoding": "utf\ud800"}, "file[1].encoding", "holds half a surrogate pair"),
        ({"delimiter": ";;"}, "file[1].delimiter", "must be one character."),
        ({"join": "customer"}, "file[1]", "needs exactly one of into or history_of or join."),
        ({"record": "No"}, "file[1].record", "does not go with into."),
        ({"skip": ["x"]}, "file[1].skip", "is a list, where an object belongs."),
        ({"skip": {"Name": 1}}, "file[1].skip.Name", "is a whole number, where text belongs."),
        ({"ignore": ["a", 1]}, "file[1].ignore[2]", "is a whole number, where text belongs."),
    ],
)
def test_what_cannot_be_a_file_is_refused(changed, place, message):
    mapping = customers()
    mapping["file"][0] |= changed
    assert message in problems(mapping)[place]


@pytest.mark.parametrize(
    ("changed", "place", "message"),
    [
        ({"format": "%d/%m/%d"}, "format", "'%d/%m/%d' names a directive twice."),
        ({"format": ["%Y-%m-%d", "%Q"]}, "format", "'%Q' holds an unknown directive."),
        ({"format": "%Y-%"}, "format", "holds an unknown directive."),
        ({"format": ["%d/%m/%y", "%d.%m. %H:%M"]}, "format", "'%d.%m. %H:%M' names no year."),
        ({"part": True, "split": ";"}, "part", "is true, where a whole number belongs."),
        ({"part": 0, "split": ";"}, "part", "must not be 0: the first part is 1"),
        ({"part": 10**30, "split": ";"}, "part", "does not fit a 64-bit integer."),
        ({"map": 3}, "map", "is a whole number, where an object belongs."),
        ({"number": {"EUR": "1x"}}, "number.EUR", "'1x' is not a number format."),
        ({"on_update": "nevr"}, "on_update", "is the text 'nevr', which is not known here."),
        ({"currency": {"const": "EUR"}}, "", "money and currency belong together."),
        ({"const": 1.5}, "const", "must be text, a whole number, or true or false."),
    ],
)
def test_what_cannot_be_a_field_is_refused(changed, place, message):
    found = problems(customers(fields={"birthday": {"column": "B"} | changed}))
    assert message in found[f"file[1].fields.birthday.{place}".rstrip(".")]


def test_mistakes_of_several_files_and_pipelines_are_listed_together():
    mapping = {
        "source": 7,
        "pipeline": [{"name": "p", "entity": "lead", "stages": [{"name": "a", "probability": 101}]}],
        "file": [
            {"path": "a.csv", "into": "customer", "encoding": "undefined", "fields": {"name": {"columns": [1, "B"]}}},
            {"path": "b.csv", "into": "contact", "delimiter": "", "fields": {"extra": {"x": {"colum": "X"}}}},
        ],
    }
    assert problems(mapping).keys() == {
        "source",
        "pipeline[1].stages[1].probability",
        "file[1].encoding",
        "file[1].fields.name.columns[1]",
        "file[2].delimiter",
        "file[2].fields.extra.x.colum",
    }


def test_a_rule_that_is_made_in_python_is_checked_like_one_that_is_read():
    for wrong in ({}, {"column": "A", "const": "b"}, {"money": "A"}, {"column": "A", "part": 1}):
        with pytest.raises(BadMapping):
            FieldRule(**wrong)
    for wrong in ({"formats": "%Q"}, {"numbers": "1x"}, {"on_update": "x"}, {"split": 1}, {"part": 0}):
        with pytest.raises(Problem):
            FieldRule(column="A", **wrong)
    rule = FieldRule(column="A", spellings={"small": ["S"]})
    assert attrs.evolve(rule, formats="%d/%m/%Y").formats == ("%d/%m/%Y",)
    assert rule.spellings == {"small": "small", "s": "small"}
    file = FileRule(path="a.csv", into="customer", fields={"size": FieldRule(column="A", spellings="size")})
    with pytest.raises(BadMapping, match=r"file\.fields\.size\.map: there is no map 'size'"):
        MappingRule(source="legacy", files=(file,))
    named = MappingRule(source="legacy", maps={"size": {"small": ["S"]}}, files=(file,))
    assert named.files[0].fields["size"].spellings == rule.spellings
    for wrong in ({"path": "../a"}, {"encoding": "undefined"}, {"delimiter": '"'}):
        with pytest.raises(Problem):
            attrs.evolve(file, **wrong)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=5,
)
KEYS = ("path", "into", "history_of", "join", "id", "record", "encoding", "delimiter", "ignore", "skip", "entered", "x")
PARTS = (
    "column", "columns", "with", "const", "map", "format", "number", "split", "part", "link", "by", "money", "currency",
    "on_update", "x",
)  # fmt: skip
parts = st.dictionaries(st.sampled_from(PARTS), values, max_size=4) | values
fields = st.dictionaries(st.sampled_from(["name", "city", "extra"]), parts)


@given(
    top=st.dictionaries(st.sampled_from(["source", "zone", "blank", "maps", "pipeline", "x"]), values, max_size=4),
    files=st.lists(st.fixed_dictionaries({}, optional={"fields": fields}).flatmap(
        lambda file: st.dictionaries(st.sampled_from(KEYS), values, max_size=4).map(lambda more: more | file)
    ), max_size=2),
)  # fmt: skip
def test_whatever_a_mapping_holds_reading_it_raises_bad_mapping_or_nothing(top, files):
    with suppress(BadMapping):
        read_mapping({"source": "legacy"} | top | {"file": files})
