"""Clocks that lag or jump back: no honest move is refused, and no record is written earlier than it was before."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from crmkit import UTC, Crm, MoveRefused, Opportunity, Session, connect, f, system
from crmkit.testing import FrozenClock

job = system("test")
START = dt.datetime(2026, 3, 1, tzinfo=UTC)
LAG = dt.timedelta(milliseconds=50)
HOUR = dt.timedelta(hours=1)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def crm_clock() -> FrozenClock:
    return FrozenClock(START)


@pytest.fixture
def crm_options() -> dict[str, Any]:
    return {"outbox": True}


WRITES: list[Callable[[Session, Opportunity], Opportunity]] = [
    lambda s, deal: s.opportunities.update(deal, next_step="call"),
    lambda s, deal: s.opportunities.update(s.opportunities.get(deal.id), next_step=None),
    lambda s, deal: s.opportunities.advance(deal, s.opportunities.allowed_moves(deal)[0]),
    lambda s, deal: s.opportunities.transfer(deal, stage=deal.stage),
    lambda s, deal: s.opportunities.restore(s.opportunities.delete(deal)),
]


def test_a_clock_that_lags_refuses_no_move(crm: Crm, crm_clock: FrozenClock) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"))
        crm_clock.now = START - LAG
        assert s.opportunities.why_not(deal, "proposal") == ""
        assert "proposal" in s.opportunities.allowed_moves(deal)
        moved = s.opportunities.advance(deal, "proposal")
        assert (moved.stage_since, moved.updated_at) == (START, START)
        assert s.stage_moves.find(f.record_id == deal.id, order=-f.number)[0].spent == 0


def test_a_time_that_is_given_is_judged_by_what_is_stored(crm: Crm, crm_clock: FrozenClock) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"))
        crm_clock.now = START - HOUR
        for at, reason in ((START - LAG, "which is after"), (START + LAG, "yet to come")):
            with pytest.raises(MoveRefused, match=reason):
                s.opportunities.advance(deal, "proposal", at=at)
        assert s.opportunities.advance(deal, "proposal", at=START).stage_since == START


@pytest.mark.parametrize("seed", range(4))
def test_time_never_runs_backwards(crm: Crm, crm_clock: FrozenClock, seed: int) -> None:
    random = Random(seed)
    with crm.session(job) as s:
        versions = [s.opportunities.add(Opportunity(name="Deal"))]
        for _ in range(20):
            crm_clock.now += random.choice([-HOUR, -LAG, LAG, HOUR])
            versions.append(random.choice(WRITES)(s, versions[-1]))
        for before, after in pairwise(versions):
            assert before.updated_at <= after.updated_at
            assert before.stage_since <= after.stage_since <= after.updated_at
        moves = s.stage_moves.find(f.record_id == versions[0].id, order=f.number)
        assert [move.at for move in moves] == sorted(move.at for move in moves)
        assert all((move.spent or 0) >= 0 for move in moves)
        told = s.outbox.find(f.record_id == versions[0].id, order=f.record_version)
        assert [message.at for message in told] == sorted(message.at for message in told)
        assert s.opportunities.get(versions[0].id) == versions[-1]


@pytest.mark.parametrize("store_url", ["sqlite", "mongo"], indirect=True)
def test_hosts_whose_clocks_differ_move_the_same_deals(store_url: str) -> None:
    with connect(store_url) as crm, crm.session(job) as s:
        deals = [s.opportunities.add(Opportunity(name=f"Deal {number}")).id for number in range(3)]
    command = [sys.executable, str(Path(__file__).with_name("skewed.py")), store_url]
    hosts = [
        subprocess.Popen([*command, skew, "30"], stdout=subprocess.PIPE, text=True, cwd=ROOT) for skew in ("-2", "2")
    ]
    assert [host.communicate(timeout=120)[0] for host in hosts] == ["", ""]
    with connect(store_url) as crm, crm.session(job) as s:
        moves = sorted(s.stage_moves.stream(), key=lambda move: (move.record_id, move.number))
        assert len(moves) == len(deals) + 60
        for deal in deals:
            own = [move for move in moves if move.record_id == deal]
            assert [move.number for move in own] == [*range(1, len(own) + 1)]
            assert all(one.at <= other.at and one.to_stage == other.from_stage for one, other in pairwise(own))
            assert s.opportunities.get(deal).stage == own[-1].to_stage
