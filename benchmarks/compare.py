"""Compare two versions of crmkit: `python -m benchmarks.compare OTHER/src [sqlite|mongo] [--items ...]`.

Each version runs in a process of its own, with its own database. They take turns in every round, and every other round
starts with the other one, so that a machine that slows down falls on neither. What counts is the ratio within a round.
"""

import argparse
import contextlib
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence

from benchmarks.item import ITEMS

ROOT = pathlib.Path(__file__).parents[1]
STUDENT = {
    1: 12.71,
    2: 4.30,
    3: 3.18,
    4: 2.78,
    5: 2.57,
    6: 2.45,
    7: 2.36,
    8: 2.31,
    9: 2.26,
    10: 2.23,
    12: 2.18,
    14: 2.14,
}
"""The 97.5 % quantile of Student's t by degrees of freedom; between two of them, the one of fewer degrees."""
WORSE = 1.05


class Version:
    """A worker process that runs one version.

    Args:
        source: the folder that holds the package `crmkit`.
        arguments: what the worker is started with.
        module: the worker.
    """

    def __init__(self, source: pathlib.Path, arguments: Sequence[str], module: str = "benchmarks.worker") -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(source), str(ROOT)])}
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
        )  # fmt: skip
        self._answer()

    def seconds(self, item: str, number: int) -> float:
        """Return how long one round of an item took."""
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe
        self._process.stdin.write(f"{item} {number}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> float:
        assert self._process.stdout is not None  # noqa: S101 - opened as a pipe
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a worker ended; its error stands above.")
        answer: float = json.loads(line)
        return answer


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % confidence interval of the mean ratio, by Student's t over the logarithms.

    >>> [round(bound, 2) for bound in interval([1.0, 1.1, 1.05, 0.95, 1.0, 1.02, 1.03])]
    [0.98, 1.06]
    """
    logs = [math.log(ratio) for ratio in ratios]
    freedom = max(known for known in STUDENT if known < len(logs))
    half = STUDENT[freedom] * statistics.stdev(logs) / math.sqrt(len(logs))
    middle = statistics.fmean(logs)
    return math.exp(middle - half), math.exp(middle + half)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if an item is worse."""
    options = _parser().parse_args(arguments)
    worse = False
    for store in [options.store] if options.store else ("sqlite", "mongo"):
        sys.stdout.write(f"{store}: this version over {options.other}, {options.rows:,} rows\n")
        with _pair(store, options) as (ours, theirs):
            for name in options.items:
                pairs = [_round(ours, theirs, name, number) for number in range(options.rounds)]
                ratios = [mine / other for mine, other in pairs]
                low, high = interval(ratios)
                median = statistics.median(mine for mine, _ in pairs) / statistics.median(other for _, other in pairs)
                verdict = "WORSE" if low > WORSE else "better" if high < 1 else "same"
                worse |= low > WORSE
                sys.stdout.write(f"  {name:<8}{median:6.3f}   95 % {low:.3f} to {high:.3f}   {verdict}\n")
                sys.stdout.flush()
    return int(worse)


def _round(ours: Version, theirs: Version, name: str, number: int) -> tuple[float, float]:
    if number % 2:
        other = theirs.seconds(name, number)
        return ours.seconds(name, number), other
    return ours.seconds(name, number), theirs.seconds(name, number)


@contextlib.contextmanager
def _pair(store: str, options: argparse.Namespace) -> Generator[tuple[Version, Version]]:
    with contextlib.ExitStack() as stack:
        made: list[Version] = []
        for source in (ROOT / "src", options.other.resolve()):
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crmkit-compare-")))
            started = [store, str(folder), "--rows", str(options.rows)]
            if store == "mongo":
                from benchmarks import mongo_server

                started += ["--url", stack.enter_context(mongo_server.running(folder))]
            made.append(Version(source, started))
            stack.callback(made[-1].close)
        yield made[0], made[1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description="Two versions of crmkit.")
    parser.add_argument("other", type=pathlib.Path, help="the src folder of the other version")
    parser.add_argument("store", nargs="?", choices=("sqlite", "mongo"), help="one store; both when left out")
    parser.add_argument("--items", nargs="+", choices=list(ITEMS), default=list(ITEMS), help="what to measure")
    parser.add_argument("--rounds", type=int, choices=range(3, 16), default=7, help="rounds for each item (7)")
    parser.add_argument("--rows", type=int, default=20_000, help="customers (20000)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
