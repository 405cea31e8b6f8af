"""One version of crmkit in a process of its own: takes an item and a round per line, answers with the seconds."""

import argparse
import json
import pathlib
import sys

from benchmarks import harness, roster
from benchmarks.item import ITEMS, Item
from benchmarks.participant import AnyParticipant, Workload
from benchmarks.record import make_records


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("store")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--url", default="")
    options = parser.parse_args()
    workload = Workload(make_records(options.rows), options.folder, options.url)
    participant: AnyParticipant = roster.subject(options.store, workload)
    for call in (participant.clear, participant.build, participant.add):
        call()
    items: dict[str, Item] = {}
    _answer("ready")
    for line in sys.stdin:
        name, number = line.split()
        item = items.setdefault(name, ITEMS[name](workload))
        seconds = harness.once(item, participant, int(number))
        _answer(seconds)
    participant.close()


def _answer(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
