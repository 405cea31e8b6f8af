"""A host whose clock is wrong, moving deals that others move too: `skewed.py URL SECONDS MOVES`.

Printed is what refused a move, apart from another host that was faster.
"""

from __future__ import annotations

import datetime as dt
import sys

from crmkit import UTC, Busy, MoveRefused, Stale, connect, f, system


def main(url: str, seconds: float, moves: int) -> None:
    """Move the deals to and fro, by a clock that is wrong by so many seconds."""
    skew = dt.timedelta(seconds=seconds)
    done = 0
    with connect(url, clock=lambda: dt.datetime.now(UTC).replace(microsecond=0) + skew) as crm:
        while done < moves:
            try:
                with crm.session(system(f"host {seconds}")) as s:
                    deal = s.opportunities.find(f.outcome == "open", order=[f.updated_at, f.id], limit=1)[0]
                    s.opportunities.advance(deal, "needs" if deal.stage == "contact" else "contact")
            except (Busy, Stale):
                continue
            except MoveRefused as error:
                sys.stdout.write(f"{error}\n")
            done += 1


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
