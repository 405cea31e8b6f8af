"""To load a file takes work in proportion to it, however its rows hang together."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crmkit import Problem, connect, system
from crmkit.errors import near
from crmkit.importers.conversion import money_reader
from crmkit.importers.import_report import shielded
from crmkit.importers.rule import FieldRule
from crmkit.model.field import MoneyField
from crmkit.model.field.spelling import number
from crmkit.values import Money, scaled
from tests.growth.work import grows, lines

job = system("test")


def rows(head: str, make: Callable[[int], str], size: int) -> str:
    return head + "".join(make(each) + "\n" for each in range(size))


def parents(head: str, parent: Callable[[int, int], object]) -> Callable[[int], str]:
    return lambda size: rows("ID,N,P\n" + head, lambda each: f"{each},N{each},{parent(each, size)}", size)


KEY = {"column": "P", "link": "customer"}
NAME = {"column": "P", "link": "customer", "by": "name"}
LINKED: dict[str, tuple[Callable[[int], str], dict[str, str]]] = {
    "parents first": (parents("", lambda each, _: each - 1 if each else ""), KEY),
    "parents last": (parents("", lambda each, size: each + 1 if each < size - 1 else ""), KEY),
    "parents last, none there": (parents("", lambda each, _: each + 1), KEY),
    "a circle": (parents("", lambda each, size: (each + 1) % size), KEY),
    "many circles": (parents("", lambda each, _: each ^ 1), KEY),
    "a tail on a circle": (parents("", lambda each, size: min(each + 1, size - 2)), KEY),
    "its own": (parents("", lambda each, _: each), KEY),
    "a star": (parents("", lambda each, size: size - 1 if each < size - 1 else ""), KEY),
    "nowhere": (parents("", lambda *_: "x"), KEY),
    "other case": (
        lambda size: rows("ID,N,P\n", lambda each: f"a{each},N,{f'A{each + 1}' if each < size - 1 else ''}", size),
        KEY,
    ),
    "by name, last": (parents("", lambda each, size: f"N{each + 1}" if each < size - 1 else ""), NAME),
    "by one name of all": (lambda size: rows("ID,N,P\n", lambda each: f"{each},N,N", size), NAME),
    "by one name of all, last": (
        lambda size: rows("ID,N,P\n", lambda each: f"{each},{'M' if each < size // 2 else 'N'},N", size),
        NAME,
    ),
}


def load(path: Path, fields: dict[str, Any], *, write: bool = True) -> Callable[[], object]:
    mapping = {
        "source": "old",
        "file": [{"path": path.name, "into": "customer", "id": "ID", "fields": {"name": "N", **fields}}],
    }

    def run() -> None:
        with connect("memory://") as crm:
            plan = crm.imports(job).plan(mapping, folder=path.parent)
            if write:
                plan.apply()
                crm.imports(job).plan(mapping, folder=path.parent)

    return run


@pytest.mark.parametrize(("make", "link"), LINKED.values(), ids=LINKED)
def test_rows_that_link_to_each_other(tmp_path: Path, make: Callable[[int], str], link: dict[str, str]) -> None:
    def count(size: int) -> int:
        path = tmp_path / f"{size}.csv"
        path.write_text(make(size))
        return lines(load(path, {"parent_id": link}))

    grows(count, 50)


FILES: dict[str, Callable[[int], str]] = {
    "rows": lambda n: rows("ID,N\n", lambda each: f"{each},N{each}", n),
    "the same row": lambda n: rows("ID,N\n", lambda _: "1,N", n),
    "the same key": lambda n: rows("ID,N\n", lambda each: f"1,N{each}", n),
    "wrong width": lambda n: rows("ID,N\n", lambda _: "1,N,x", n),
    "stray quotes": lambda n: rows("ID,N\n", lambda each: f'{each},"a"b', n),
    "lines in a cell": lambda n: 'ID,N\n1,"' + "x\n" * n + '"\n',
    "quotes in a cell": lambda n: 'ID,N\n1,"' + '""' * n + '"\n',
    "columns": lambda n: "ID,N" + "".join(f",c{each}" for each in range(n)) + "\n1,N" + "," * n + "\n",
    "columns of one name": lambda n: "ID,N" + ",c" * n + "\n1,N" + "," * n + "\n",
    "a header too wide": lambda n: "x," * n + "\n",
    "blank rows": lambda n: "ID,N\n" + "\n" * n,
}


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_files_of_every_shape(tmp_path: Path, make: Callable[[int], str]) -> None:
    def count(size: int) -> int:
        path = tmp_path / f"{size}.csv"
        path.write_text(make(size))
        return lines(load(path, {}))

    grows(count, 100)


MAPPINGS: dict[str, Callable[[int], dict[str, Any]]] = {
    "spellings": lambda n: {"country": {"column": "N", "map": {"DE": [f"d{k}" for k in range(n)]}}},
    "words": lambda n: {"country": {"column": "N", "map": {f"c{k}": [f"d{k}"] for k in range(n)}}},
    "columns": lambda n: {"notes": {"columns": [f"c{k}" for k in range(n)]}},
    "one column": lambda n: {"notes": {"columns": ["N"] * n}},
    "formats": lambda n: {"founded_on": {"column": "N", "format": [f"%Y-%m-%d{'x' * k}" for k in range(n)]}},
    "unknown fields": lambda n: {f"f{k}": "N" for k in range(n)},
    "unknown columns": lambda n: {"notes": {"columns": [f"no such column {k}" for k in range(n)]}},
}


@pytest.mark.parametrize("make", MAPPINGS.values(), ids=MAPPINGS)
def test_mappings_of_every_shape(tmp_path: Path, make: Callable[[int], dict[str, Any]]) -> None:
    (tmp_path / "a.csv").write_text("ID,N\n1,x\n")
    grows(lambda n: lines(load(tmp_path / "a.csv", make(n), write=False)), 90, most=13)


def test_names_that_are_compared_for_a_hint_are_bounded() -> None:
    names = [f"column {each}" for each in range(100_000)]
    assert lines(lambda: near("colum", names)) < 10 * lines(lambda: near("colum", names[:1_000]))
    assert len(near("x" * 10**6, ["y" * 10**6])) < 1_000


HOSTILE = ["-", "(", " ", "1", "1,", "1.", "'", "+-", "\u00a0", "-1", "1 ", "=", "%", "٣", "a", "EUR "]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("end", ["", "x", "1", "EUR", ")"])
def test_a_number_of_any_length_is_read_or_refused_at_a_glance(text: str, end: str) -> None:
    read = money_reader(FieldRule(money="A", currency=FieldRule(const="EUR")), MoneyField(name="amount"))

    def every(size: int) -> None:
        spelled = text * size + end
        for call in (
            lambda: number(spelled),
            lambda: number(spelled, "1.234,56"),
            lambda: number(spelled, "1 234"),
            lambda: read(spelled, "EUR"),
            lambda: read(spelled, ""),
            lambda: scaled(spelled, 4),
            lambda: Money(spelled, "EUR"),
            lambda: shielded(spelled),
        ):
            with suppress(Problem):
                call()

    grows(lambda n: lines(lambda: every(n)), 1_000)


def test_money_is_read_with_marks_and_blanks_as_before() -> None:
    read = money_reader(FieldRule(money="A", currency=FieldRule(const="EUR")), MoneyField(name="amount"))
    for text in ("-12.5", "- 12.5", "(12.5)", "12.5-", "EUR -12.5", "-12.5 EUR", "EUR(12.5)"):
        assert read(text, "EUR") == Money(Decimal("-12.5"), "EUR"), text
