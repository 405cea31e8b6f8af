"""What rules and handlers cost: `python -m benchmarks.mechanism [OTHER/src] [--stores memory sqlite] [--rounds N]`.

Three arms take turns in processes of their own: another version, this one as it is, and this one with three rules and
two handlers. Without OTHER there are two.
"""

import argparse
import contextlib
import pathlib
import statistics
import sys
import tempfile
from collections.abc import Sequence

from benchmarks.compare import ROOT, Version, interval
from benchmarks.mechanism_worker import ITEMS

GOAL = 1.3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if rules and handlers cost more than the goal."""
    options = _parser().parse_args(arguments)
    missed = False
    for store in options.stores:
        sys.stdout.write(f"{store}, {options.rows:,} rows, {options.rounds} rounds\n")
        with contextlib.ExitStack() as stack:
            arms = _arms(stack, store, options)
            for item in options.items:
                taken = _rounds(arms, item, options.rounds)
                if "other" in arms:
                    sys.stdout.write(_line(f"{item}: plain over the other version", taken["plain"], taken["other"]))
                sys.stdout.write(_line(f"{item}: three rules, two handlers", taken["extended"], taken["plain"]))
                missed |= statistics.median(taken["extended"]) / statistics.median(taken["plain"]) > GOAL
                sys.stdout.flush()
    return int(missed)


def _arms(stack: contextlib.ExitStack, store: str, options: argparse.Namespace) -> dict[str, Version]:
    ours = ROOT / "src"
    sources = {"plain": ours, "extended": ours}
    if options.other:
        sources["other"] = options.other.resolve()
    arms: dict[str, Version] = {}
    for name, source in sources.items():
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="crmkit-mechanism-"))
        started = ["extended" if name == "extended" else "plain", store, folder, "--rows", str(options.rows)]
        arms[name] = Version(source, started, "benchmarks.mechanism_worker")
        stack.callback(arms[name].close)
    return arms


def _rounds(arms: dict[str, Version], item: str, rounds: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(rounds):
        for name in arms if number % 2 == 0 else reversed(arms):
            taken[name].append(arms[name].seconds(item, number))
    return taken


def _line(title: str, ours: Sequence[float], theirs: Sequence[float]) -> str:
    low, high = interval([mine / other for mine, other in zip(ours, theirs, strict=True)])
    median = statistics.median(ours) / statistics.median(theirs)
    return f"  {title:<42}{median:6.3f}   95 % {low:.3f} to {high:.3f}\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mechanism", description="Rules and handlers.")
    parser.add_argument("other", type=pathlib.Path, nargs="?", help="the src folder of another version")
    parser.add_argument("--stores", nargs="+", choices=("memory", "sqlite"), default=["memory", "sqlite"])
    parser.add_argument("--items", nargs="+", choices=ITEMS, default=list(ITEMS), help="what to measure")
    parser.add_argument("--rounds", type=int, choices=range(3, 16), default=9, help="rounds for each item (9)")
    parser.add_argument("--rows", type=int, default=3_000, help="records of add_many; a tenth one by one (3000)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
