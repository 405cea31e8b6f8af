"""A messy legacy export goes into a database, and its funnel comes out.

python examples/demo.py                                   into a fresh SQLite file
python examples/demo.py crm.db                            into this SQLite file
python examples/demo.py --db "mongodb://localhost/crm"    or anywhere else
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crmkit import Crm, Funnel, Money, Opportunity, Segment, Session, connect, f, pipelines_in, system, total

LEGACY = Path(__file__).parent / "legacy"
ZONE = "Europe/Berlin"
SHOWN = 15

# Nobody looks at a narrow screen when the output goes into a file or a log.
console = Console(width=None if sys.stdout.isatty() else 120)


def main() -> None:
    """Import, then report."""
    parser = argparse.ArgumentParser(description="Import a legacy export and print its funnel.")
    parser.add_argument("file", nargs="?", help="a SQLite file; a fresh one if left out")
    parser.add_argument("--db", help="a database URL, such as mongodb://localhost/crm?replicaSet=rs0 or memory://")
    given = parser.parse_args()
    file = given.file or str(Path(tempfile.mkdtemp(prefix="crmkit-demo-")) / "crm.db")
    url = given.db or f"sqlite:///{file}"
    console.print(f"Database: [bold]{url}[/bold]", soft_wrap=True)
    with connect(url, pipelines=pipelines_in(LEGACY / "mapping.toml")) as crm:
        load(crm)
        with crm.session(system("demo")) as s:
            funnel(s)
            figures(s)
            segment(s)


def load(crm: Crm) -> None:
    """Plan the import, carry it out, and show what was rejected."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("looking", total=None)
        plan = crm.imports(system("migration")).plan(LEGACY / "mapping.toml")
        bar.update(task, description="importing", total=plan.rows)
        run = plan.apply(progress=lambda rows, _: bar.update(task, completed=rows))
    show("What was imported", ("file", "record", "rows", "created", "updated", "unchanged", "merged", "rejected"), (
        (each.file, each.entity, each.rows, each.create, each.update, each.unchanged, each.merged, each.reject)
        for each in run.counts
    ))  # fmt: skip
    show(f"Rejected rows: {SHOWN} of {len(run.rejects)}", ("file", "row", "column", "code", "value"), (
        (each.file, each.record, each.column, each.code, each.value) for each in islice(run.problems, SHOWN)
    ))  # fmt: skip


def funnel(s: Session) -> None:
    """Show how deals go through the pipeline, by where they came from."""
    pipeline = pipelines_in(LEGACY / "mapping.toml")[0]
    report = s.analytics.funnel(Funnel(pipeline, by=f.source, zone=ZONE))
    open_stages = [stage.name for stage in pipeline.stages if stage.is_open]
    show("Funnel by source: deals that reached each stage", ("source", *open_stages, "won", "lost", "still open"), (
        (group.label, *(group[name].entered for name in open_stages), group.won, group.lost, group.open)
        for group in (*report, report.total)
    ))  # fmt: skip


def figures(s: Session) -> None:
    """Show the win rate and the cycle."""
    rates = s.analytics.win_rate(by=f.source, zone=ZONE)
    show("Win rate by source", ("source", "won", "decided", "still open", "win rate", "won value"), (
        (each.label, each.rate.numerator, each.rate.denominator, each.open, percent(each.rate.value), each.won_value)
        for each in (*rates, rates.total)
    ))  # fmt: skip
    days = s.analytics.cycle(zone=ZONE).total.days
    rows = [(each, getattr(days, each).days) for each in ("p25", "median", "p75", "p90")] if days.count else []
    show(f"Days from creation to won, of {days.count} deals", ("", "days"), rows)


def segment(s: Session) -> None:
    """Show one segment: large open deals with customers in Germany."""
    large = Segment(
        "large German deals",
        Opportunity,
        (f.outcome == "open") & (f.amount > Money(20_000, "EUR")) & (f.customer.country == "DE"),
    )
    groups = s.opportunities.tally(by=f.stage, where=large, value=total(f.amount))
    counts = {group.key: group["count"] for group in s.opportunities.tally(by=f.stage, where=large)}
    show(f"Segment: {large.name}, {s.opportunities.count(large)} of them", ("stage", "deals", "value"), (
        (group.key[0], counts[group.key], group["value"]) for group in groups
    ))  # fmt: skip


def percent(ratio: float | None) -> str:
    """Return a ratio as people read it."""
    return "" if ratio is None else f"{ratio:.1%}"


def show(title: str, heads: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Print a table, with text aligned to the left."""
    listed = list(rows)
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, head in enumerate(heads):
        table.add_column(head, justify="left" if listed and isinstance(listed[0][place], str) else "right")
    for row in listed:
        table.add_row(*map(str, row))
    console.print()
    console.print(table)


if __name__ == "__main__":
    main()
