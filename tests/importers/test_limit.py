"""What comes from outside is checked where it enters: paths, encodings, names, sizes."""

from __future__ import annotations

import encodings
import os
import pkgutil
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from crmkit import BadFile, BadMapping, connect, system
from crmkit.importers.rule import FileRule
from crmkit.importers.table import LONGEST_RECORD
from tests.importers.conftest import customers

job = system("migration")


def refusal(mapping: Any, folder: Path) -> str:
    with connect("memory://") as crm, pytest.raises((BadMapping, BadFile)) as caught:
        crm.imports(job).plan(mapping, folder=folder)
    return str(caught.value)


# -- places ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "path"),
        ("a\0b.csv", "file[1].path: holds a NUL character at position 1."),
        ("\ud800.csv", "file[1].path: holds half a surrogate pair at position 0."),
        ("../a.csv", "file[1].path: leads out of the folder."),
        ("sub/../../a.csv", "file[1].path: leads out of the folder."),
        ("/etc/passwd", "file[1].path: leads out of the folder."),
        ("link.csv", "file[1].path: leads out of the folder by a link."),
        ("way/secret.csv", "file[1].path: leads out of the folder by a link."),
        ("twice.csv", "file[1].path: leads out of the folder by a link."),
        ("pipe.csv", "file[1].path: is not an ordinary file."),
        ("sub", "file[1].path: is not an ordinary file."),
        (".", "file[1].path: is not an ordinary file."),
        ("device.csv", "file[1].path: leads out of the folder by a link."),
        ("circle.csv", "file[1].path: is not an ordinary file."),
        ("x" * 5_000, "File name too long"),
        ("missing.csv", "No such file or directory"),
    ],
)
def test_an_import_reads_ordinary_files_inside_its_folder_alone(tmp_path: Path, path: str, why: str) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    for folder in (home / "sub", outside):
        folder.mkdir(parents=True)
    (outside / "secret.csv").write_text("No,Secret\n")
    (home / "link.csv").symlink_to(outside / "secret.csv")
    (home / "way").symlink_to(outside)
    (home / "twice.csv").symlink_to(home / "link.csv")
    (home / "device.csv").symlink_to("/dev/zero")
    (home / "circle.csv").symlink_to(home / "circle.csv")
    os.mkfifo(home / "pipe.csv")
    said = refusal(customers(path=path), home)
    assert why in said
    assert "Secret" not in said


def test_a_link_within_the_folder_is_followed_and_so_is_one_to_the_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "real.csv").write_text("No,Name\n1,Acme\n")
    (home / "a.csv").symlink_to(home / "real.csv")
    (tmp_path / "also").symlink_to(home)
    with connect("memory://") as crm:
        for folder in (home, tmp_path / "also"):
            assert crm.imports(job).plan(customers(), folder=folder).total("create") == 1


def test_a_file_that_is_named_alone_is_no_way_out_either(tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_text("No,Secret\n")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "a.csv").symlink_to(tmp_path / "outside.csv")
    with connect("memory://") as crm, pytest.raises(BadMapping, match="by a link"):
        crm.imports(job).plan(customers(), file=tmp_path / "home" / "a.csv")


@pytest.mark.parametrize("folder", ["a\0b", "\ud800"])
def test_a_folder_that_is_none_is_refused_in_words(folder: str) -> None:
    refusal(customers(), Path(folder))


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source", ["", " ", "a\0b", "a\nb", "\x1b[2Jx", "a\u2028b", "\ud800", "x" * 81, 5, None, ["a"]]
)
def test_a_source_is_a_name_that_the_crosswalk_can_hold(tmp_path: Path, source: object) -> None:
    (tmp_path / "a.csv").write_text("No,Name\n1,Acme\n")
    assert refusal(customers() | {"source": source}, tmp_path).startswith("source: ")


def test_every_encoding_that_python_knows_is_taken_or_refused_in_words(tmp_path: Path) -> None:
    names = [module.name for module in pkgutil.iter_modules(encodings.__path__)]
    (tmp_path / "a.csv").write_bytes(b"No,Name\n1,Acme\n")
    taken = set()
    for name in [*names, "a\0b", "\ud800", "x" * 300, "../x", "utf_8.x", "\u00fc", "0"]:
        with connect("memory://") as crm:
            try:
                crm.imports(job).plan(customers(encoding=name), folder=tmp_path)
                taken.add(name)
            except (BadMapping, BadFile):
                continue
    assert {"utf_8", "cp1252", "latin_1", "gb18030", "shift_jis", "utf_7"} <= taken
    assert not taken & {"undefined", "punycode", "idna", "unicode_escape", "rot_13", "base64_codec", "zlib_codec"}


@pytest.mark.parametrize(
    "wrong", [["%d.%m.%Y %d"], ["%Q %Y"], ["%"], [""], ["%d.%m"], ["%%Y"], ["\0%Y"], ["%Y"] * 21, ["%d %Y"] * 100_000]
)
def test_a_format_is_checked_before_any_file_is_read(wrong: list[str]) -> None:
    with pytest.raises(BadMapping, match=r"format"):
        FileRule(path="a.csv", into="customer", fields=customers_field(wrong))


def customers_field(formats: list[str]) -> Any:
    with connect("memory://") as crm:
        mapping = customers(fields={"created_at": {"column": "At", "format": formats}})
        crm.imports(job).plan(mapping, folder=Path("/nowhere"))


# -- sizes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ['"\n', '",x\n3,Last\n', "x", ""], ids=["closed", "goes on", "open", "nothing"])
@pytest.mark.parametrize("mark", ["\n", "", " "], ids=["lines", "one line", "blanks"])
def test_a_cell_of_any_size_is_not_held(tmp_path: Path, mark: str, end: str) -> None:
    with (tmp_path / "a.csv").open("w") as stream:
        stream.write('No,Name\n1,First\n2,"')
        for _ in range(60):
            stream.write("x" * 500_000 + mark)
        stream.write(end)
    tracemalloc.start()
    try:
        with connect("memory://") as crm:
            if end in {"x", ""}:
                with pytest.raises(BadFile, match="record 3: a quote that opens here is never closed"):
                    crm.imports(job).plan(customers(), folder=tmp_path)
            else:
                run = crm.imports(job).plan(customers(), folder=tmp_path)
                assert [each.record for each in run.problems] == [3]
                assert run.total("create") == 1 + ("Last" in end)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20 * LONGEST_RECORD / 4, "30 MB were read, and no more than a record was held"


def test_a_record_of_any_width_is_not_held(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w") as stream:
        stream.write("No,Name\n1,First\n2,")
        for _ in range(100):
            stream.write("x," * 100_000)
        stream.write("\n3,Last\n")
    with connect("memory://") as crm:
        run = crm.imports(job).plan(customers(), folder=tmp_path)
        (problem,) = run.problems
        assert (problem.record, problem.code) == (3, "malformed")
        assert problem.message == f"is not well-formed: it is longer than {LONGEST_RECORD} characters."
        assert run.total("create") == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# " + "x" * (16 << 20), "has more than 16,777,216 bytes"),
        ("a = " + "[" * 100_000, "is not TOML"),
        (".".join(["a"] * 100_000) + " = 1", "a key has more than 20 parts"),
        (" . ".join(['"a b"'] * 100_000) + " = 1", "a key has more than 20 parts"),
        ("x = {" + ".".join(["'a'"] * 100_000) + " = 1}", "a key has more than 20 parts"),
        ("[" + ".".join(["a-b"] * 100_000) + "]", "a key has more than 20 parts"),
        ("source = 1" + "0" * 5_000, "is not TOML"),
        ("a\0", "is not TOML"),
    ],
    ids=["long", "deep", "dotted", "quoted", "inline", "header", "digits", "nul"],
)
def test_a_mapping_file_is_bounded(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "m.toml").write_text(text)
    assert why in refusal(tmp_path / "m.toml", tmp_path)
