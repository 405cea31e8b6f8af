"""Files as they really are: encodings, delimiters, quotes, ragged rows and headers."""

from __future__ import annotations

import pytest

from crmkit import BadFile, BadMapping, connect, f, system
from tests.importers.conftest import customers

job = system("migration")


@pytest.fixture
def crm():
    with connect("memory://") as crm:
        yield crm


def names(crm):
    with crm.session(job) as s:
        return sorted(each.name for each in s.customers.stream())


def load(crm, folder, mapping=None):
    return crm.imports(job).plan(mapping or customers(), folder=folder).apply()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_says_how_a_file_is_encoded(crm, files, encoding):
    load(crm, files(a__csv="No,Name\n1,Müller 李\n".encode(encoding)))
    assert names(crm) == ["Müller 李"]


def test_an_encoding_that_the_mapping_names_is_used(crm, files):
    load(crm, files(a__csv="No;Name\n1;Café €\n".encode("cp1252")), customers(encoding="cp1252", delimiter=";"))
    assert names(crm) == ["Café €"]


def test_a_file_in_another_encoding_is_refused_with_the_byte_and_the_line_to_write(crm, files):
    content = b"No,Name\n" + b"1,Acme\n" * 20_000 + "2,Café\n".encode("cp1252")
    with pytest.raises(BadFile, match=r'byte 140013 is not utf-8\. Write encoding = "cp1252", .* under file\[1\]'):
        load(crm, files(a__csv=content))
    assert names(crm) == []


def test_rows_of_another_width_are_rejected_one_by_one(crm, files):
    run = load(crm, files(a__csv="No,Name\n1,Acme\n2,Smith, John\n3\n4,Beta\n"))
    assert names(crm) == ["Acme", "Beta"]
    assert [(each.record, each.column, each.code) for each in run.problems] == [
        (3, "", "wrong_width"),
        (4, "", "wrong_width"),
    ]


def test_newlines_and_quotes_inside_a_cell_are_part_of_it(crm, files):
    load(crm, files(a__csv='No,Name\r\n1,"A\nB ""C"""\r\n2,5" pipe\r\n'))
    assert names(crm) == ['5" pipe', 'A\nB "C"']


def test_a_stray_quote_rejects_its_row_alone(crm, files):
    run = load(crm, files(a__csv='No,Name\n1,"A" B\n2,Beta\n'))
    assert names(crm) == ["Beta"]
    assert [(each.record, each.code) for each in run.problems] == [(2, "malformed")]


def test_a_quote_that_is_never_closed_stops_before_anything_is_written(crm, files):
    with pytest.raises(BadFile, match=r"a\.csv, record 3: a quote that opens here is never closed"):
        load(crm, files(a__csv='No,Name\n1,Acme\n2,"Beta\n3,Gamma\n'))
    assert names(crm) == []


def test_blank_rows_are_skipped_wherever_they_stand(crm, files):
    run = load(crm, files(a__csv="No,Name\n1,Acme\n\n , \n2,Beta\n,\n\n"))
    assert names(crm) == ["Acme", "Beta"]
    assert (run.counts[0].skip, run.counts[0].reject) == (4, 0)


def test_a_nul_in_a_cell_rejects_its_row(crm, files):
    run = load(crm, files(a__csv=b"No,Name\n1,A\x00B\n2,Beta\n"))
    assert [(each.record, each.column, each.code) for each in run.problems] == [(2, "Name", "nul_character")]


def test_a_file_that_is_empty_or_missing_is_refused(crm, files):
    with pytest.raises(BadFile, match=r"a\.csv, record 1: is empty"):
        load(crm, files(a__csv=""))
    with pytest.raises(BadFile, match="has no header"):
        load(crm, files(a__csv="\n1,2\n"))
    with pytest.raises(BadFile, match="No such file"):
        load(crm, files(), customers(path="b.csv"))


def test_columns_that_are_missing_or_there_twice_are_named_with_the_place_in_the_mapping(crm, files):
    with pytest.raises(
        BadMapping, match=r"file\[1\]\.fields\.name: a\.csv has no column 'Name'\. Did you mean 'Nmae'\?"
    ):
        load(crm, files(a__csv="No,Nmae\n"))
    with pytest.raises(BadMapping, match="2 columns called 'Name'"):
        load(crm, files(a__csv="No,Name,name\n"))
    with pytest.raises(BadMapping, match='Write delimiter = ";"'):
        load(crm, files(a__csv="No;Name\n1;Acme\n"))


def test_headers_match_without_regard_to_case_and_blanks(crm, files):
    load(crm, files(a__csv="\ufeffNO ,\u00a0name\n1,Acme\n"))
    assert names(crm) == ["Acme"]


def test_columns_that_nothing_reads_are_told(crm, files):
    run = load(crm, files(a__csv="No,Name,Fax,\n1,Acme,7,\n"))
    assert run.notices == ("a.csv: the mapping does not use 'Fax'.",)
    assert "'Fax'" in run.summary()


def test_rows_that_the_mapping_skips_are_passed_over(crm, files):
    run = load(crm, files(a__csv="No,Name\n1,Acme\nTOTAL ,1\n"), customers(skip={"No": "Total"}))
    assert (names(crm), run.counts[0].skip) == (["Acme"], 1)


def test_formulas_stay_text(crm, files):
    load(crm, files(a__csv='No,Name\n1,=1+1\n2,"@SUM(A1)"\n'))
    with crm.session(job) as s:
        assert s.customers.count(f.name == "=1+1") == 1


def test_a_blank_before_a_quote_is_no_part_of_the_cell(crm, files):
    run = crm.imports(job).plan(customers(), folder=files(a__csv='No, Name\n1, "Acme, Berlin"\n2, Beta\n')).apply()
    assert len(run.rejects) == 0
    with crm.session(job) as s:
        assert {each.name for each in s.customers.stream()} == {"Acme, Berlin", "Beta"}


@pytest.mark.parametrize("cell", ["x" * 200_000, '"' + "a line\n" * 30_000 + '"'])
def test_a_cell_that_is_too_long_rejects_its_row_alone(crm, files, cell):
    run = crm.imports(job).plan(customers(), folder=files(a__csv=f'No,Name\n1,{cell}\n2,"Be\nta"\n')).apply()
    assert [(each.record, each.code) for each in run.problems] == [(2, "malformed")]
    with crm.session(job) as s:
        assert [each.name for each in s.customers.stream()] == ["Be\nta"]


def test_a_long_quote_that_is_never_closed_stops_before_anything_is_written(crm, files):
    folder = files(a__csv='No,Name\n1,"' + "Acme\n" * 40_000)
    with pytest.raises(BadFile, match="never closed"):
        crm.imports(job).plan(customers(), folder=folder)


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_header_in_quotes_with_another_delimiter_gets_the_hint(crm, files, mark):
    shown = mark.replace("\t", r"\t")
    with pytest.raises(BadFile) as caught:
        crm.imports(job).plan(customers(), folder=files(a__csv=f'"No"{mark}"Name"\n1{mark}Acme\n'))
    assert caught.value.hint == f'Write delimiter = "{shown}".'


def test_a_header_in_quotes_that_is_just_broken_does_not(crm, files):
    with pytest.raises(BadFile, match="The first record must name the columns"):
        crm.imports(job).plan(customers(), folder=files(a__csv='"No"x,Name\n1,Acme\n'))


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"PK\x03\x04", "a workbook or an archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook"),
        (b"\x1f\x8b\x08", "an archive"),
        (b"7z\xbc\xaf\x27\x1c", "an archive"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"SQLite format 3\x00", "a database"),
    ],
)
def test_what_is_not_text_is_refused_as_what_it_is(crm, files, start, what):
    with pytest.raises(BadFile, match=f"a.csv: is {what}, not CSV. (Save|Unpack|Export)"):
        crm.imports(job).plan(customers(encoding="cp1252"), folder=files(a__csv=start + b"\x00\xff,\n" * 20))
