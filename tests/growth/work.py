"""Work, counted: no clock is looked at, so a slow machine makes no difference."""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from crmkit import CrmError


def lines(call: Callable[[], object]) -> int:
    """Return how many lines of Python and how many calls into C a call takes, also one that is refused."""
    counted = 0

    def trace(_frame: FrameType, event: str, _: object) -> Any:
        nonlocal counted
        counted += event == "line"
        return trace

    def profile(_frame: FrameType, event: str, _: object) -> None:
        nonlocal counted
        counted += event == "c_call"

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        with suppress(CrmError):
            call()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return counted


def steps(connections: list[sqlite3.Connection], call: Callable[[], object]) -> int:
    """Return how many instructions SQLite's machine takes for what a call asks of it."""
    counted = 0

    def step() -> int:
        nonlocal counted
        counted += 1
        return 0

    for connection in connections:
        connection.set_progress_handler(step, 1)
    try:
        call()
    finally:
        for connection in connections:
            connection.set_progress_handler(None, 0)
    return counted


def grows(count: Callable[[int], int], size: int, *, most: float = 11) -> None:
    """Assert that ten times as much takes no more than `most` times the work; to refuse it is work, too."""
    count(2)  # what is done once, such as importing a module, is no part of it
    little, much = count(size), count(size * 10)
    assert much <= most * little, f"{size} take {little} steps, {size * 10} take {much}: {much / little:.1f} times"
