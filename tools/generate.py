"""Writes what is generated: sources (see sources.py), catalogues (see words.py), a page per entity, and their index.

python -m tools.generate            write what differs, remove what no longer belongs
python -m tools.generate --check    only tell; exit with 1 if a file differs
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs

from crmkit.model.catalog import Catalog
from crmkit.model.declare import Record
from crmkit.model.field import Field
from crmkit.model.field.declaration import named_field
from crmkit.model.schema import Relation, Schema
from tools.sources import BLOCKING, areas, models, sources
from tools.words import catalogues

ROOT: Final = Path(__file__).resolve().parents[1]
ENTITIES: Final = Path("docs/reference/entities")
OWNED: Final = (ENTITIES / "*.md", BLOCKING / "[!_]*.py")
"""The files that are all generated."""
NOTE: Final = "<!-- Written by tools/generate.py from the model; change that instead. -->"


def main(arguments: list[str]) -> int:
    """Write or check, and return the exit code."""
    parser = argparse.ArgumentParser(description="Writes the generated sources and documents.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file differs")
    check = parser.parse_args(arguments).check
    wanted = sources() | documents() | catalogues(ROOT)
    differing = differences(ROOT, wanted)
    for path in differing:
        print(f"{'differs' if check else 'written' if path in wanted else 'removed'}: {path.as_posix()}")
        if check:
            continue
        if path in wanted:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(wanted[path], encoding="utf-8", newline="\n")
        else:
            (ROOT / path).unlink()
    if check and differing:
        print("Run `python -m nox -s generate`.")
        return 1
    return 0


def documents() -> dict[Path, str]:
    """Return every generated document's content by its path under the root of the project."""
    catalog = Catalog(models())
    pages = {ENTITIES / f"{schema.name}.md": entity_page(catalog, schema) for schema in catalog}
    return {ENTITIES / "index.md": index_page(catalog), **pages}


def differences(root: Path, wanted: Mapping[Path, str]) -> list[Path]:
    """Return the paths under `root` whose file is missing, differs, or is unwanted where all are generated."""
    found = {path.relative_to(root) for owned in OWNED for path in root.glob(owned.as_posix())}
    present = {
        path: (root / path).read_text(encoding="utf-8") for path in found | set(wanted) if (root / path).is_file()
    }
    return sorted(path for path in present.keys() | wanted if present.get(path) != wanted.get(path))


# -- pages -------------------------------------------------------------------------------------------------------------


def entity_page(catalog: Catalog, schema: Schema) -> str:
    """Return the page of one entity."""
    own = [field for field in schema.fields.values() if field.name not in inherited(schema)]
    relations = sorted(catalog.relations(schema).values(), key=lambda relation: (relation.many, relation.name))
    blocks = [
        NOTE,
        f"# {schema.cls.__name__}",
        inspect.cleandoc(schema.cls.__doc__ or ""),
        f"Model `{schema.name}`, table and repository `{schema.plural}`. {nature(schema)}",
        "## Fields",
        field_table(catalog, schema.cls, own),
        "## Relations",
        table(("Name", "Leads to", "Records", "Through"), [relation_row(catalog, relation) for relation in relations])
        if relations
        else "None.",
        "## Unique",
        groups(
            schema.unique_columns(), "No two records of a tenant share these values; records that miss one are free."
        ),
        "## Indexes",
        groups(schema.index_columns(), "Each is led by the tenant. The unique groups above are indexes too."),
    ]
    return "\n\n".join(blocks) + "\n"


def index_page(catalog: Catalog) -> str:
    """Return the page that leads to all others."""
    pages = "\n".join(schema.name for schema in sorted(catalog, key=lambda schema: schema.name))
    kind = areas()["staged"].Staged
    staged = [field for name, field in declared(kind).items() if name not in declared(Record)]
    blocks = [
        NOTE,
        "# Entities",
        "The models that crmkit brings along. Each may be used as it is or extended by a subclass.",
        table(
            ("Model", "Repository", "What it is"),
            [
                (page_link(catalog, schema.name), f"`{schema.plural}`", first_sentence(schema))
                for schema in sorted(catalog, key=lambda schema: schema.name)
            ],
        ),
        "## How they relate",
        "A line has a crow's foot where there may be many, a circle where there may be none, and the links' names.",
        diagram(catalog, organisation=False),
        "Who is in charge of what:",
        diagram(catalog, organisation=True),
        "Besides, `stage_move` leads to any record that moves through a pipeline, and `external_id` to any record.",
        "## Fields of every record",
        field_table(catalog, Record, declared(Record).values()),
        "## Fields of every record that moves through a pipeline",
        field_table(catalog, kind, staged),
        f"```{{toctree}}\n:hidden:\n\n{pages}\n```",
    ]
    return "\n\n".join(blocks) + "\n"


def diagram(catalog: Catalog, *, organisation: bool) -> str:
    """Return the links as an entity-relationship diagram: those to users, teams and roles, or all others."""
    edges: dict[tuple[str, str], list[Field]] = {}
    for schema in catalog:
        for field in schema.links:
            to = field.link_target
            if to and in_organisation(catalog[to]) is organisation:
                edges.setdefault((to, schema.name), []).append(field)
    lines = [f'    {to} {line(links)} {source} : "{called(links)}"' for (to, source), links in edges.items()]
    return "\n".join(["```mermaid", "erDiagram", *lines, "```"])


def line(links: Iterable[Field]) -> str:
    """Return the line that Mermaid draws from a model to those that link to it."""
    return f"{'||' if any(link.required for link in links) else '|o'}--o{{"


def called(links: Iterable[Field]) -> str:
    """Return links by the names that expressions give them."""
    return ", ".join(link.name.removesuffix("_id") for link in links)


# -- parts of a page ---------------------------------------------------------------------------------------------------


def declared(cls: type[Any]) -> dict[str, Field]:
    """Return the fields of a class that need not be a model itself."""
    return {attribute.name: named_field(attribute, attribute.name) for attribute in attrs.fields(cls)}


def inherited(schema: Schema) -> dict[str, Field]:
    """Return the fields that a model shares with all others of its sort."""
    return declared(areas()["staged"].Staged if schema.staged else Record)


def in_organisation(schema: Schema) -> bool:
    """Return whether a model belongs to the organisation that uses the CRM."""
    return bool(schema.cls.__module__ == "crmkit.entities.organisation")


def nature(schema: Schema) -> str:
    """Say how records of a model live, and where the fields are that they share with others."""
    shared = "It has the [fields of every record](index.md#fields-of-every-record) too."
    about = ""
    if schema.namings:
        names = ", ".join(f"`{field.name}`" for field in schema.namings)
        about = f"They are [as visible as](../../explanation/visibility.md) what they name: {names}. "
    if schema.staged:
        anchor = "fields-of-every-record-that-moves-through-a-pipeline"
        return f"Its records move through a [pipeline](index.md#{anchor}). {about}{shared}"
    if schema.kept:
        return f"Its records are [kept](../../explanation/how-it-works.md#what-is-kept). {schema.kept} {about}{shared}"
    if schema.append_only:
        return f"Its records are written once and never changed. {about}{shared}"
    return f"{about.replace('They', 'Its records')}{shared}"


def first_sentence(schema: Schema) -> str:
    """Return the first line of a model's docstring."""
    return inspect.cleandoc(schema.cls.__doc__ or "").splitlines()[0]


def page_link(catalog: Catalog, name: str) -> str:
    """Return a link to a model's page."""
    return f"[{catalog[name].cls.__name__}]({name}.md)"


def field_table(catalog: Catalog, cls: type[Any], fields: Iterable[Field]) -> str:
    """Return the table of some of a class's fields."""
    defaults = {attribute.name: attribute.default for attribute in attrs.fields(cls)}
    rows = [
        (f"`{field.name}`", type_of(catalog, field), need(field, defaults[field.name]), field.bounds, field.doc)
        for field in fields
    ]
    return table(("Field", "Type", "Required", "Accepts", "Meaning"), rows)


def type_of(catalog: Catalog, field: Field) -> str:
    """Return what a field holds, in words."""
    return f"link to {page_link(catalog, field.link_target)}" if field.link_target else field.described


def need(field: Field, default: Any) -> str:
    """Say whether a value must be given, and what stands there otherwise."""
    if field.managed:
        return "set by crmkit"
    if default is attrs.NOTHING:
        return "yes"
    if isinstance(default, str | bool | int | Decimal) and default != "":
        return f"no; `{json.dumps(default, default=str) if not isinstance(default, Decimal) else default}`"
    return "no"


def relation_row(catalog: Catalog, relation: Relation) -> tuple[str, str, str, str]:
    """Return the row that describes a relation."""
    through = f"`{relation.remote}` there" if relation.many else f"`{relation.local}` here"
    return f"`{relation.name}`", page_link(catalog, relation.target), "many" if relation.many else "one", through


def groups(columns: Iterable[tuple[str, ...]], lead: str) -> str:
    """Return groups of columns as a list, or say that there are none."""
    lines = [f"- {', '.join(f'`{name}`' for name in group)}" for group in columns]
    return "\n".join([f"{lead}\n", *lines]) if lines else "None."


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [" | ".join(cell.replace("|", "&#124;") for cell in row) for row in (head, ("---",) * len(head), *rows)]
    return "\n".join(f"| {line} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
