"""A host that connects first and forks its workers then, as web servers do: `prefork.py URL WORKERS ADDS`.

Each worker adds records, one by one, and commits now and then. Printed are how many ids they were given and how many of
them were different, and how many records the parent finds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from crmkit import Busy, Crm, Customer, connect, system

job = system("prefork")
SHARE = 50


def add(crm: Crm, count: int) -> Iterator[str]:
    """Yield the id of each record that was committed."""
    while count:
        share = min(count, SHARE)
        try:
            with crm.session(job) as s:
                made = [s.customers.add(Customer(name="Acme")).id for _ in range(share)]
        except Busy:  # many workers write to one file
            continue
        yield from map(str, made)
        count -= share


def main(url: str, workers: int, adds: int) -> None:
    """Fork the workers and print what they did."""
    with connect(url) as crm:
        with crm.session(job) as s:  # leaves a connection behind that is open and idle
            s.customers.add(Customer(name="First"))
        pipes: list[int] = []
        for _ in range(workers):
            reader, writer = os.pipe()
            if not os.fork():
                with os.fdopen(writer, "w") as out:
                    out.writelines(f"{id_}\n" for id_ in add(crm, adds))
                os._exit(0)
            os.close(writer)
            pipes.append(reader)
        ids: list[str] = []
        for pipe in pipes:
            with os.fdopen(pipe) as lines:
                ids += lines
        for _ in pipes:
            assert os.wait()[1] == 0
        with crm.session(job) as s:
            sys.stdout.write(f"{len(ids)} {len(set(ids))} {s.customers.count()}\n")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
