"""Run the benchmarks: `python -m benchmarks [sqlite|mongo] [--items ...] [--rounds N] [--rows N]`."""

import argparse
import contextlib
import pathlib
import sys
import tempfile
from collections.abc import Sequence

from benchmarks import goal, harness, report, roster
from benchmarks.item import ITEMS
from benchmarks.model import MODELS
from benchmarks.participant import Workload
from benchmarks.record import make_records

STORES = ("sqlite", "mongo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and save; return 0 whether the goals are met or not."""
    options = _parser().parse_args(arguments)
    for store in [options.store] if options.store else STORES:
        with tempfile.TemporaryDirectory(prefix="crmkit-bench-") as name, contextlib.ExitStack() as stack:
            folder, url = pathlib.Path(name), ""
            if store == "mongo":
                from benchmarks import mongo_server

                url = stack.enter_context(mongo_server.running(folder))
            for table in options.tables:
                _run(store, Workload(make_records(options.rows), folder, url, table=table), options)
    return 0


def _run(store: str, workload: Workload, options: argparse.Namespace) -> None:
    participants, missing = roster.assemble(store, workload, options.participants)
    for key in missing:
        _say(f"{store}: {key} is not installed and does not take part (python -m nox -s bench installs everything)")
    if goal.SUBJECT not in {participant.title for participant in participants}:
        _say(f"{store}: without crmkit, raw works on a stand-in for its stored form; do not compare with other runs")
    reports = []
    try:
        for participant in participants:
            participant.clear()
            participant.build()
            participant.add()
        for name in sorted(set(options.items), key=list(ITEMS).index):
            item = ITEMS[name](workload)
            taking_part = [participant for participant in participants if item.takes(participant)]
            if participants[0] not in taking_part:  # the raw driver's way is what others are compared with
                continue
            timings = harness.measure(item, taking_part, options.rounds)
            verdicts = goal.judge(store, item, timings)
            reports.append(report.ItemReport(f"{store}, {workload.table}", item, timings, verdicts))
            _say("\n" + report.table(reports[-1]))
    finally:
        for participant in participants:
            participant.close()
    settings: dict[str, object] = {
        "table": workload.table,
        "rows": options.rows,
        "rounds": options.rounds,
        "not_installed": missing,
    }
    _say(f"\nsaved {report.save(store, workload.table, settings, reports, options.results)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="crmkit beside other libraries.")
    parser.add_argument("store", nargs="?", choices=STORES, help="one store; both when left out")
    parser.add_argument(
        "--tables", nargs="+", choices=list(MODELS), default=list(MODELS), help="which model of crmkit's"
    )
    parser.add_argument("--items", nargs="+", choices=list(ITEMS), default=list(ITEMS), help="what to measure")
    parser.add_argument(
        "--participants", nargs="*", choices=roster.KEYS, default=list(roster.KEYS), help="who takes part beside raw"
    )
    parser.add_argument("--rounds", type=_positive, default=5, help="rounds for each item (5)")
    parser.add_argument("--rows", type=_positive, default=50_000, help="customers (50000)")
    parser.add_argument("--results", type=pathlib.Path, default=report.RESULTS, help="folder of the JSON files")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        message = f"{number} is not positive"
        raise argparse.ArgumentTypeError(message)
    return number


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
