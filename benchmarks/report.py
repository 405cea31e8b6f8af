"""The results as tables for a person and as JSON for a program."""

import dataclasses
import datetime as dt
import json
import os
import pathlib
import platform
from collections.abc import Sequence

from benchmarks.goal import Verdict
from benchmarks.harness import Timing
from benchmarks.item import Item

RESULTS = pathlib.Path(__file__).parent / "results"


@dataclasses.dataclass(frozen=True, slots=True)
class ItemReport:
    """One item on one store: the timings, the raw driver's first, and the verdicts."""

    store: str
    item: Item
    timings: Sequence[Timing]
    verdicts: Sequence[Verdict]


def table(report: ItemReport) -> str:
    """Return one item as a table, in seconds for bulk items and in microseconds per operation for the others."""
    bulk = report.item.bulk
    raw = report.timings[0].median
    unit = "s" if bulk else "us/op"
    lines = [f"{report.store}: {report.item.title}, {report.timings[0].operations:,} in each round"]
    lines.append(f"  {'participant':<20}{unit:>10}{'x raw':>9}{'min..max':>21}")
    for timing in report.timings:
        scale = 1.0 if bulk else 1e6 / timing.operations
        digits = 3 if bulk else 1
        spread = f"{min(timing.seconds) * scale:.{digits}f}..{max(timing.seconds) * scale:.{digits}f}"
        ratio = timing.median / raw
        lines.append(f"  {timing.participant:<20}{timing.median * scale:>10.{digits}f}{ratio:>9.2f}{spread:>21}")
    lines += [
        f"  {'met   ' if verdict.met else 'MISSED'} {verdict.text} {verdict.goal:.2f}: {verdict.measured:.2f}"
        for verdict in report.verdicts
    ]
    return "\n".join(lines)


def save(
    store: str, table: str, settings: dict[str, object], reports: Sequence[ItemReport], folder: pathlib.Path
) -> pathlib.Path:
    """Write one table of one store's results, with the machine they were measured on; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "store": store,
        "measured_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        **settings,
        "items": {report.item.name: _item_content(report) for report in reports},
    }
    path = folder / f"{store}-{table.replace(' ', '-')}.json"
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path


def _item_content(report: ItemReport) -> dict[str, object]:
    raw = report.timings[0].median
    return {
        "operations": report.timings[0].operations,
        "participants": [
            {
                "title": timing.participant,
                "median_s": timing.median,
                "us_per_operation": timing.microseconds,
                "over_raw": timing.median / raw,
                "rounds_s": timing.seconds,
            }
            for timing in report.timings
        ],
        "goals": [dataclasses.asdict(verdict) for verdict in report.verdicts],
    }
