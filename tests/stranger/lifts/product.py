"""The product, connected."""

from __future__ import annotations

from pathlib import Path

from crmkit import aconnect, connect
from tests.stranger.lifts import fleet, house, vat
from tests.stranger.lifts.warranty import warranties

LEGACY = Path(__file__).parent / "legacy"
EXTENSIONS = (*fleet.EXTENSIONS, *vat.EXTENSIONS)


def given(*, awaited: bool = False) -> dict:
    """Return what the product connects with."""
    return {
        "models": [house.Site],
        "extensions": EXTENSIONS,
        "capabilities": [warranties],
        "rules": house.rules(awaited=awaited),
        "protect": house.PROTECT,
        "pipelines": [house.PIPELINE],
        "steps": [*fleet.STEPS, *vat.STEPS, *house.steps(awaited=awaited)],
        "outbox": True,
        "enabled": lambda tenant, name: name != "warranties" or tenant != "trial",
    }


def lifts(database, **more):
    """Connect."""
    return connect(database, **{**given(), **more})


def awaited_lifts(database, **more):
    """Connect, to be awaited."""
    return aconnect(database, **{**given(awaited=True), **more})
