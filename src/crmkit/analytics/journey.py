"""Journeys: what one record's history says, once the log is cleaned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final, NamedTuple

import attrs

from crmkit.analytics.ladder import FIRST, Place, Rungs

__all__ = ["LEFT", "Journey", "Logged", "entry_of", "journey"]

LEFT: Final = "left"
"""The fate of a record that went on in another pipeline."""
_MILLISECOND: Final = dt.timedelta(milliseconds=1)


class Logged(NamedTuple):
    """One row of a record's history, as far as funnels read it.

    Attributes:
        at: when.
        number: its place in the record's history; it decides between moves of the same instant.
        stage: the stage it led to.
        place: that stage, read onto the funnel; `None` where the move led into another pipeline.
    """

    at: dt.datetime
    number: int
    stage: str
    place: Place | None


@attrs.define(eq=False)
class Journey:
    """What a record did in one pipeline.

    Attributes:
        entered_at: when it entered the pipeline.
        fate: `open`, `won`, `lost` or `done` as it stands, or `left`.
        observed, reached, strict: the stages that it counts for, by each reading.
        seen: whether its history shows it in any open stage. If not, it closed and nobody knows how far it had come: it
            counts as having reached what every way there leads through, and of the other open stages nothing is known.
        visits: how often it entered each open stage.
        spent, last: how long it was in each open stage, over all finished visits, and over the last one.
        staying: the open stage it is in, as a bit; its present visit is not finished.
        back: the number of times it moved back from each open stage.
        reopened: how often it was closed and opened again.
    """

    entered_at: dt.datetime
    fate: str = "open"
    observed: int = 0
    reached: int = 0
    strict: int = 0
    seen: bool = False
    visits: dict[int, int] = attrs.Factory(dict[int, int])
    spent: dict[int, int] = attrs.Factory(dict[int, int])
    last: dict[int, int] = attrs.Factory(dict[int, int])
    staying: int = 0
    back: dict[int, int] = attrs.Factory(dict[int, int])
    reopened: int = 0


def journey(log: Iterable[Logged], rungs: Rungs, as_of: dt.datetime) -> Journey | None:
    """Return what a record's history says as of an instant; `None` if it had not entered the pipeline by then.

    The log is cleaned first: sorted by time and number, moves into the stage where the record already is left out, and
    moves into other pipelines taken as a leave.
    """
    made: Journey | None = None
    here: Logged | None = None
    ends = 0
    strict_so_far = True
    for move in sorted(log, key=_order):
        if move.at > as_of:
            break
        if move.place is None:
            if made is not None and here is not None:
                _leave(made, here, move.at)
            here = None
            continue
        if here is not None and _same(here, move):
            continue
        place, before = move.place, None if here is None else here.place
        made = made or Journey(move.at)
        if here is not None:
            _leave(made, here, move.at)
        if place.outcome == "open":
            ends = 0
            strict_so_far = strict_so_far and not place.earlier & ~made.strict
            _enter(made, place, strictly=strict_so_far)
            _turn(made, before, place)
        else:
            # An end of another kind corrects the one before; one of the same kind comes on top of it.
            ends = place.bit | (ends if before is not None and before.outcome == place.outcome else 0)
        here = move
    if made is None:
        return None
    if here is None or here.place is None:
        made.fate = LEFT
        return made
    _end(made, here.place, ends, rungs, strictly=strict_so_far)
    return made


def entry_of(log: Iterable[Logged]) -> int | None:
    """Return the number of the move by which a record first entered the pipeline; `None` if it never did."""
    first = min((move for move in log if move.place is not None), key=_order, default=None)
    return None if first is None else first.number


def _order(move: Logged) -> tuple[dt.datetime, int]:
    return move.at, move.number


def _same(here: Logged, move: Logged) -> bool:
    """Return whether a move leads where the record already is, also by a new name of that stage."""
    if here.place is None or move.place is None or here.place.outcome != move.place.outcome:
        return False
    return here.stage == move.stage or (
        here.place.version != move.place.version and here.place.bit != 0 and here.place.bit == move.place.bit
    )


def _enter(made: Journey, place: Place, *, strictly: bool) -> None:
    made.seen = True
    made.observed |= place.bit
    made.reached |= place.earlier | place.bit
    if strictly:
        made.strict |= place.bit
    if place.bit:
        made.visits[place.bit] = made.visits.get(place.bit, 0) + 1


def _leave(made: Journey, here: Logged, at: dt.datetime) -> None:
    place = here.place
    if place is None or place.outcome != "open" or not place.bit:
        return
    spent = (at - here.at) // _MILLISECOND
    made.spent[place.bit] = made.spent.get(place.bit, 0) + spent
    made.last[place.bit] = spent


def _turn(made: Journey, before: Place | None, place: Place) -> None:
    if before is None:
        return
    if before.outcome != "open":
        made.reopened += 1
    elif (place.rank < before.rank) if place.version == before.version else (place.bit < before.bit):
        made.back[before.bit] = made.back.get(before.bit, 0) + 1


def _end(made: Journey, place: Place, ends: int, rungs: Rungs, *, strictly: bool) -> None:
    made.fate = place.outcome
    made.reached |= FIRST | ends
    made.observed |= ends
    if place.outcome == "open":
        made.staying = place.bit
        return
    if place.outcome == "lost":
        made.reached |= 0 if made.seen else place.earlier
        made.strict |= ends
        return
    made.reached |= rungs.open
    if strictly and not place.earlier & ~made.strict:
        made.strict |= ends
