"""A mapping is checked as a whole before any row is read, and every mistake is named with its place."""

from __future__ import annotations

import pytest

from crmkit import BadMapping, connect, pipelines_in, system
from tests.importers.conftest import customers

job = system("migration")


def problems(mapping, folder="."):
    with connect("memory://") as crm, pytest.raises(BadMapping) as caught:
        crm.imports(job).plan(mapping, folder=folder)
    return {each.field: f"{each.message} {each.hint}".strip() for each in caught.value.problems}


@pytest.mark.parametrize("given", [None, 7, ["a.csv"]])
def test_what_is_no_mapping_is_said(given):
    message = f"mapping: must be a table or the path of a TOML file, not {type(given).__name__}."
    with pytest.raises(BadMapping, match=message):
        pipelines_in(given)
    with connect("memory://") as crm, pytest.raises(BadMapping, match=message):
        crm.imports(job).plan(given)


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
        "file[1].fields.size": "'lrge' is no value of size. Did you mean 'large'?",
        "file[2].into": "there is no model 'contct'. Did you mean 'contact'?",
    }


@pytest.mark.parametrize(
    ("fields", "place", "message"),
    [
        ({"owner_id": "Owner"}, "file[1].fields.owner_id", 'owner_id links to a user. Write link = "user".'),
        ({"city": {"link": "user", "column": "C"}}, "file[1].fields.city", "city is no link. Leave link out."),
        ({"annual_revenue": "R"}, "file[1].fields.annual_revenue", "annual_revenue is money."),
        ({"version": "V"}, "file[1].fields.version", "version is set by crmkit only."),
        ({"extra": {"shoe": "S"}}, "file[1].fields.extra.shoe", "customer has no added field 'shoe'."),
        ({"city": {"column": "C", "map": "cty"}}, "file[1].fields.city.map", "there is no map 'cty'."),
        ({"city": {"column": "C", "number": "1x"}}, "file[1].fields.city.number", "'1x' is no number format."),
        ({"city": {"column": "C", "part": 2}}, "file[1].fields.city.part", "counts the parts that split makes"),
        ({"birthday": {"column": "B", "format": "dd"}}, "file[1].fields.birthday.format", "'dd' is no date format."),
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
    assert found["zone"] == f'{zone!r} is no time zone. Write a name such as "Europe/Berlin" or "UTC".'


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
    assert "no file of this mapping makes a opportunity" in found["file[1].history_of"]
    assert "file[1].fields.when" in found


def test_a_spelling_means_one_thing():
    mapping = customers() | {"maps": {"size": {"small": ["S"], "large": ["s "]}}}
    assert problems(mapping)["maps.size.large"] == "'s ' already means 'small'."


def test_a_mapping_that_is_no_toml_or_is_not_there(tmp_path):
    (tmp_path / "m.toml").write_text("source = ")
    assert "is not TOML" in problems(tmp_path / "m.toml")[str(tmp_path / "m.toml")]
    assert "No such file" in problems(tmp_path / "x.toml")[str(tmp_path / "x.toml")]


def test_pipelines_of_a_mapping_are_checked():
    with pytest.raises(BadMapping, match=r"pipeline\[1\]: there is no key 'stage'\. Did you mean 'stages'\?"):
        pipelines_in({"pipeline": [{"name": "p", "entity": "lead", "stage": []}]})


@pytest.mark.parametrize("path", ["../people.csv", "/etc/hostname", "a/../../b.csv"])
def test_a_path_stays_within_the_folder(path):
    mapping = {"source": "legacy", "file": [{"path": path, "into": "customer", "id": "No", "fields": {"name": "Name"}}]}
    assert problems(mapping)["file[1].path"] == "leads out of the folder. Give the folder with plan(..., folder=...)."
