"""Adding a node touches its class, its row, and the readers that truly differ; what is forgotten is named."""

import shutil
import subprocess
import sys
import typing
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import attrs
import pytest

import crmkit
from crmkit.entities import BUILT_IN
from crmkit.errors import BadDefinition, BadExpression
from crmkit.expr import core, node
from crmkit.expr.bind import Binder
from crmkit.expr.build import f, me
from crmkit.expr.evaluate import evaluate, is_local
from crmkit.expr.form.document import from_json, to_json
from crmkit.expr.form.parse import parse
from crmkit.expr.form.show import show
from crmkit.expr.resolve import SAMPLE, resolve
from crmkit.expr.table import ROW_OF, ROWS
from crmkit.lifecycle import Stage, forward
from crmkit.model.catalog import Catalog
from crmkit.segment import Segment

NODES = typing.get_args(node.Node)
OWNER = UUID(int=1)
RECORD = SimpleNamespace(name="Acme", country="DE", tags=("vip",), owner_id=OWNER, seats=3)
CATALOG = Catalog(BUILT_IN)


class Related:
    """One contact belongs to the record."""

    def related(self, record, relation):
        return [SimpleNamespace(name="Bo", owner_id=OWNER)]


# One expression of each class: true of RECORD for SAMPLE, whose `me.id` is OWNER; and whether RECORD alone decides it.
EXAMPLES = {
    node.Always: (node.Always(True), True),
    node.Compare: (f.owner_id == me.id, True),
    node.OneOf: (f.owner_id.one_of(me.team_ids), True),
    node.Missing: (~f.owner_id.missing(), True),
    node.StartsWith: (f.name.starts_with("ac"), True),
    node.Contains: (f.name.contains("cm"), True),
    node.Has: (f.tags.has("vip"), True),
    node.Reaches: (f.contacts.any(f.owner_id == me.id), False),
    node.Counts: (f.contacts.count(f.owner_id == me.id) == 1, False),
    node.And: ((f.owner_id == me.id) & f.contacts.any(), False),
    node.Or: ((f.country == "DE") | (f.owner_id == me.id), True),
    node.Not: (~(f.country == "FR"), True),
}


def test_every_node_has_one_row_and_every_attribute_its_part():
    assert {row.cls for row in ROWS} == set(NODES) == set(ROW_OF) == set(EXAMPLES)
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert [part.attribute for part in row.parts] == [field.name for field in attrs.fields(row.cls)]


@pytest.mark.parametrize("kind", NODES, ids=lambda kind: kind.__name__)
def test_every_node_passes_through_every_reader(kind):
    expr, local = EXAMPLES[kind]
    assert parse(show(expr)) == expr
    assert from_json(to_json(expr)) == expr
    assert is_local(expr) is local
    assert "me.id" not in show(resolve(expr, SAMPLE))
    assert evaluate(expr, RECORD, facts=SAMPLE, world=Related())
    assert Binder(CATALOG).bind(CATALOG["customer"], resolve(expr, SAMPLE)) is not None


# -- what comes from outside -------------------------------------------------------------------------------------------


class Foreign(node.Expr):
    """A class of expressions that the language does not have."""


@pytest.mark.parametrize(
    "door",
    [
        show,
        to_json,
        is_local,
        lambda expr: resolve(expr, SAMPLE),
        lambda expr: evaluate(expr, RECORD),
        lambda expr: Binder(CATALOG).bind(CATALOG["customer"], expr),
        lambda expr: f.tags.has("vip") & expr,
        lambda expr: f.tags.has("vip") | expr,
        node.Not,
        lambda expr: node.And((expr,)),
        f.contacts.any,
        lambda expr: f.contacts.count(expr) > 1,
        lambda expr: Segment("x", "customer", expr),
    ],
    ids=["show", "json", "local", "resolve", "evaluate", "bind", "&", "|", "not", "and", "any", "count", "segment"],
)
def test_a_class_from_outside_is_refused_at_every_door(door):
    with pytest.raises(BadExpression, match=r"Foreign is not one of the classes of expressions\."):
        door(Foreign())


@pytest.mark.parametrize(
    "make", [lambda expr: Stage("a", guard=expr), lambda expr: forward(guard=expr)], ids=["stage", "rule"]
)
def test_a_guard_from_outside_is_refused(make):
    with pytest.raises(BadDefinition, match=r"Foreign is not one of the classes of expressions\."):
        make(Foreign())


# -- what is forgotten -------------------------------------------------------------------------------------------------


def test_the_type_checker_names_each_reader_that_forgets_a_node(tmp_path):
    """A copy of the package, in which each union has one more member, is refused by mypy in every reader."""
    source = Path(crmkit.__file__).parent
    copy = tmp_path / "src" / "crmkit"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for module, end in (("node", "| Not\n"), ("core", "| Not\n")):
        path = copy / "expr" / f"{module}.py"
        text = path.read_text()
        head, _, tail = text.rpartition(end)
        base = "(Expr)" if module == "node" else ""
        path.write_text(f"{head}{end.rstrip()} | Novel\n{tail}")
        body = path.read_text()
        path.write_text(
            body.replace("@attrs.frozen\nclass Not", f"class Novel{base}:\n    pass\n\n\n@attrs.frozen\nclass Not")
        )
    readers = {
        node: ["expr/bind.py", "expr/evaluate.py"],
        core: [
            "expr/normal.py", "storage/memory/reader.py", "storage/mongo/select.py", "storage/sql/shape.py",
        ],
    }  # fmt: skip
    wanted = [each for several in readers.values() for each in several]
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nmypy_path = src\nexplicit_package_bases = True\nfollow_imports = silent\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir=cache", *(f"src/crmkit/{each}" for each in wanted)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    named = {line.partition(":")[0].removeprefix("src/crmkit/") for line in done.stdout.splitlines() if "Novel" in line}
    assert set(wanted) <= named, done.stdout
