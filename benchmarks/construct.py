"""What making a record from keywords costs, beside a bare class: `python -m benchmarks.construct`.

The bare class is frozen, has slots and just the fields that are given, and checks nothing. The two take turns.
"""

import sys
import timeit
from statistics import median

import attrs

from benchmarks.crmkit_face import GIVEN
from benchmarks.record import make_records
from crmkit import Customer, Money

GOAL = 2.5
ROUNDS = 9
CALLS = 20_000


def main(calls: int = CALLS) -> int:
    """Measure and print."""
    record = make_records(1)[0]
    values = {name: getattr(record, name) for name in GIVEN}
    values["credit_limit"] = Money(record.credit_limit, record.currency)
    bare = attrs.make_class("Bare", list(values), frozen=True, slots=True, kw_only=True)
    taken: dict[type, list[float]] = {bare: [], Customer: []}
    for number in range(ROUNDS):
        for cls in (bare, Customer) if number % 2 else (Customer, bare):
            taken[cls].append(timeit.timeit(lambda cls=cls: cls(**values), number=calls) / calls * 1e6)  # type: ignore[misc]
    plain, ours = median(taken[bare]), median(taken[Customer])
    sys.stdout.write(
        f"{len(values)} fields: bare {plain:.2f} us, Customer {ours:.2f} us, {ours / plain:.2f} times; goal {GOAL}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
