"""Writes of opportunities in a process of its own: takes an item and a round per line, answers with the seconds.

The mode `plain` runs on versions that know neither rules nor handlers; `extended` connects with three rules and two
handlers, none of which has anything to say.
"""

import argparse
import itertools
import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.harness import timed
from crmkit import Crm, Money, Opportunity, connect, f, system

ACTOR = system("bench")
ITEMS = ("advance", "update", "add_many")


def extras() -> dict[str, Any]:
    """Return three rules and two handlers: what a record decides, and functions that only look."""
    from crmkit import Move, Refusal, Session, advance, rule

    def looks(_: Session, move: Move) -> Refusal | None:
        return Refusal("It has no name.") if not move.record.name else None

    def looks_again(_: Session, move: Move) -> None:
        assert move.record.version  # noqa: S101 - a handler that only looks

    rules = [
        rule("Big deals need a contact.", refuse=(f.amount > Money(10**6, "EUR")) & f.contact_id.missing()),
        rule("What is won stays won.", was=f.outcome == "won", refuse=f.outcome != "won"),
        rule("Nobody sells for nothing.", refuse=f.amount == Money(0, "EUR")),
    ]
    return {
        "rules": {Opportunity: rules},
        "steps": [advance.before("check", looks), advance.after("write", looks_again)],
    }


class Bench:
    """The writes, each round in an empty database of its own.

    Args:
        mode: `plain` or `extended`.
        store: `memory` or `sqlite`.
        folder: where the files go.
        rows: how many records `add_many` writes; a tenth of them is written one by one.
    """

    def __init__(self, mode: str, store: str, folder: pathlib.Path, rows: int) -> None:
        self._more = extras() if mode == "extended" else {}
        self._store = store
        self._folder = folder
        self._rows = rows
        self._names = itertools.count()

    def seconds(self, item: str) -> float:
        """Return how long one round of an item took."""
        url = "memory://" if self._store == "memory" else f"sqlite:///{self._folder / f'{next(self._names)}.db'}"
        with connect(url, **self._more) as crm:
            call: Callable[[Crm], Callable[[], int]] = getattr(self, f"_{item}")
            took, done = timed(call(crm))
            with crm.session(ACTOR) as s:
                if done != s.opportunities.count(_DONE[item]):
                    raise SystemExit(f"{item}: not everything was written")
        return took

    def _deals(self, count: int) -> list[Opportunity]:
        return [Opportunity(name=f"Deal {number}", amount=Money(number + 1, "EUR")) for number in range(count)]

    def _held(self, crm: Crm) -> list[Opportunity]:
        with crm.session(ACTOR) as s:
            s.opportunities.add_many(self._deals(max(self._rows // 10, 1)))
            return list(s.opportunities.stream())

    def _add_many(self, crm: Crm) -> Callable[[], int]:
        deals = self._deals(self._rows)

        def call() -> int:
            with crm.session(ACTOR) as s:
                return len(s.opportunities.add_many(deals))

        return call

    def _update(self, crm: Crm) -> Callable[[], int]:
        held = self._held(crm)

        def call() -> int:
            for deal in held:
                with crm.session(ACTOR) as s:
                    s.opportunities.update(deal, next_step="call")
            return len(held)

        return call

    def _advance(self, crm: Crm) -> Callable[[], int]:
        held = self._held(crm)

        def call() -> int:
            for deal in held:
                with crm.session(ACTOR) as s:
                    s.opportunities.advance(deal, "proposal")
            return len(held)

        return call


_DONE = {"advance": f.stage == "proposal", "update": f.next_step == "call", "add_many": f.stage == "contact"}


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mechanism_worker")
    parser.add_argument("mode", choices=("plain", "extended"))
    parser.add_argument("store", choices=("memory", "sqlite"))
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rows", type=int, required=True)
    options = parser.parse_args()
    bench = Bench(options.mode, options.store, options.folder, options.rows)
    for item in ITEMS:
        bench.seconds(item)  # what is done once, such as importing a module, is no part of it
    _answer("ready")
    for line in sys.stdin:
        name, _ = line.split()
        _answer(bench.seconds(name))


def _answer(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
