"""The commands, and what they print: tables for people, JSON for programs, one line on stderr for errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crmkit import Actor, Funnel, Pipeline, PipelineDefinition, connect, f, pipelines_in, system
from crmkit.errors import BadFile, CrmError, NotFound, StoreError, Unreachable, near
from crmkit.importers import ImportReport
from crmkit.repository.stored import StoredPipeline

__all__ = ["app", "run"]

OK: Final = 0
REJECTED: Final = 1
DIFFERS: Final = 1
FAILED: Final = 2

app = App(name="crmkit", help="The CRM domain on the database you already run.", help_format="plaintext")
_out = Console()
_err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

Db = Annotated[str, Parameter(help="The database, such as sqlite:///crm.db.")]
Tenant = Annotated[str, Parameter(help="Whose data, where several share a database.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, and nothing else, on stdout.")]


def run(arguments: Sequence[str]) -> int:
    """Carry out a command line and return the exit code."""
    try:
        result = app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        _fail(str(error))
        return FAILED
    except CrmError as error:
        _fail(str(error))
        return FAILED
    except OSError as error:
        _fail(f"{error.filename or 'a file'} cannot be used: {error.strerror or error}. What was written stays.")
        return FAILED
    except KeyboardInterrupt:
        _fail("interrupted. What was written stays; run the same import again to go on.")
        return FAILED
    return result if isinstance(result, int) else OK


def _fail(message: str) -> None:
    _err.print(f"crmkit: {' '.join(message.split())}")


@app.command(name="import")
def import_(
    source: Annotated[Path, Parameter(help="The file, or the folder with the files that the mapping names.")],
    /,
    *,
    db: Db,
    mapping: Annotated[Path, Parameter(help="The mapping, a TOML file.")],
    dry_run: Annotated[bool, Parameter(negative="", help="Only show what would happen.")] = False,
    json: Json = False,
    rejects: Annotated[Path | None, Parameter(help="Where to write rejected rows: a .csv file or a folder.")] = None,
    tenant: Tenant = "main",
) -> int:
    """Import legacy files through a mapping. Exit code 1 says that rows were rejected."""
    if not source.exists():
        raise BadFile(str(source), "there is no such file or folder.", hint="Check the path.")
    where = {"folder": source} if source.is_dir() else {"file": source}
    pipelines, actor = pipelines_in(mapping), system("import", tenant=tenant)
    if not dry_run:
        _check(db, pipelines, actor, mapping, where)
    with connect(db, pipelines=pipelines, dry_run=dry_run) as crm, _bar(shown=not json) as bar:
        imports = crm.imports(actor)
        reading = bar.add_task("reading", total=None)
        plan = imports.plan(mapping, **where, progress=lambda rows, _: bar.update(reading, completed=rows))
        bar.update(reading, total=plan.rows, completed=plan.rows)
        report: ImportReport = plan
        if not dry_run:
            writing = bar.add_task("writing", total=plan.rows)
            report = plan.apply(progress=lambda rows, _: bar.update(writing, completed=rows))
        written = report.rejects.to_csv(rejects) if rejects and len(report.rejects) else []
    if json:
        _print_json({"dry_run": dry_run, **report.to_dicts(), "rejects": [str(path) for path in written]})
    else:
        _out.print(report.summary(), markup=False, highlight=False, soft_wrap=True)
        for path in written:
            _out.print(f"Rejected rows: {path}", markup=False, highlight=False, soft_wrap=True)
    return REJECTED if len(report.rejects) else OK


@app.command
def funnel(
    *,
    db: Db,
    pipeline: Annotated[str, Parameter(help="The pipeline's name.")],
    by: Annotated[str | None, Parameter(help="A field or path to group by, such as source or owner.region.")] = None,
    from_: Annotated[str | None, Parameter(name="--from", help="The first day on which records entered.")] = None,
    to: Annotated[str | None, Parameter(help="The day after the last one.")] = None,
    reading: Annotated[
        Literal["reached", "observed", "strict"], Parameter(help="When a record counts for a stage.")
    ] = "reached",
    zone: Annotated[str, Parameter(help="Whose days are meant.")] = "UTC",
    json: Json = False,
    tenant: Tenant = "main",
) -> int:
    """Count how records go through a pipeline."""
    with connect(db, create=False) as crm, crm.session(system("funnel", tenant=tenant)) as s:
        definition = _definition(s, pipeline)
        report = s.analytics.funnel(Funnel(definition, by=_ref(by), entered=(from_, to), reading=reading, zone=zone))
    if json:
        _out.file.write(report.to_json() + "\n")
        return OK
    _print_funnel(report, f"{pipeline}, {reading}")
    return OK


@app.command
def generate(
    module: Annotated[str, Parameter(help="The module of the awaited classes, such as loyalty.points.")],
    /,
    *,
    output: Annotated[Path | None, Parameter(help="The file to write; beside the module if left out.")] = None,
    check: Annotated[bool, Parameter(negative="", help="Write nothing; only check whether the file differs.")] = False,
) -> int:
    """Write the blocking twins of a module's awaited classes. Exit code 1 says that a checked file differs."""
    from crmkit.cli.generate import differs, twins_for

    place, text = twins_for(module, output)
    if not differs(place, text):
        return OK
    if check:
        _fail(f"{place} differs. Run: crmkit generate {module}")
        return DIFFERS
    place.write_text(text, encoding="utf-8", newline="\n")
    _out.print(f"Written: {place}", markup=False, highlight=False, soft_wrap=True)
    return OK


def _check(db: str, pipelines: Sequence[Pipeline], actor: Actor, mapping: Path, where: dict[str, Any]) -> None:
    """Refuse a mapping that does not fit before a database is created for it."""
    try:
        with connect(db, pipelines=pipelines, dry_run=True) as crm:
            crm.imports(actor).check(mapping, **where)
    except Unreachable:
        raise
    except StoreError:
        return  # the database is there, and connecting creates what it lacks or says what is wrong with it


def _print_funnel(report: Any, title: str) -> None:
    heads = ("stage", "entered", "of previous", "of first", "lost here", "open here", "median days")
    table = Table(title=title, title_justify="left")
    if report.by:
        table.add_column(report.by.removeprefix("f."), overflow="fold")
    for head in heads:
        # Heads of two lines leave a narrow screen enough room for whole names; if something must wrap, it is the group.
        table.add_column(head.replace(" ", "\n"), justify="left" if head == "stage" else "right", no_wrap=True)
    for group in (*(report if report.by else ()), report.total):
        for stage in group.stages:
            median = "" if stage.spent.median is None else f"{stage.spent.median / timedelta(days=1):.1f}"
            shares = (_percent(stage.from_previous), _percent(stage.from_first))
            counts = (str(stage.lost), str(stage.open)) if stage.outcome == "open" else ("", "")
            label = (group.label,) if report.by else ()
            table.add_row(*label, stage.name, str(stage.entered), *shares, *counts, median)
        table.add_section()
    _out.print(table)


def _percent(ratio: Any) -> str:
    if ratio is None or ratio.value is None:
        return ""
    return f"{ratio.value:.1%}" + (f" ({ratio.excluded} excluded)" if ratio.excluded else "")


def _definition(s: Any, name: str) -> Pipeline:
    definitions = s.repository(PipelineDefinition)
    found = definitions.first(f.name == name, order=-f.number)
    if found is None:
        names = {each.name for each in definitions.stream()}
        raise NotFound(f"there is no pipeline {name!r}.", hint=near(name, names))
    return StoredPipeline(found.id, found.entity, found.name, found.number, found.definition).read()


def _ref(path: str | None) -> Any:
    if not path:
        return None
    ref: Any = f
    for part in path.split("."):
        ref = ref[part]  # not getattr: f has methods, and an option may be spelt like one of them
    return ref


def _bar(*, shown: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # On stderr, so that what a program reads from stdout is the result alone.
    return Progress(*columns, console=_err, disable=not (shown and _err.is_terminal))


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
