"""What an actor may not see is in no report, behind no path, and in no average."""

import asyncio
import inspect

import pytest

from crmkit import Actor, BadExpression, Money, Team, User, aconnect, connect, everything, f, me, nothing, system
from crmkit.analytics import AsyncAnalytics, Funnel, grouping
from crmkit.crm.blocking.analytics import Analytics
from crmkit.repository import door
from tests.analytics.loading import SALES, deal, write


class OwnOnly:
    """Whoever is a user sees the opportunities they own, and no teams."""

    def rows(self, actor, action, schema):
        if actor.id is None:
            return everything
        return {"opportunity": f.owner_id == me.id, "team": nothing}.get(schema.name, everything)


def test_every_report_is_about_what_the_actor_may_see(store_url):
    with connect(store_url, pipelines=[SALES], policy=OwnOnly()) as crm:
        with crm.session(system("test")) as s:
            team = s.teams.add(Team(name="North", region="north"))
            ann, bea = (s.users.add(User(name=name, team_id=team.id)) for name in ("Ann", "Bea"))
            write(s, deal(("contact", 0), ("won", 2), owner_id=ann.id, amount=Money(1, "EUR")))
            write(s, deal(("contact", 0), ("won", 9), owner_id=bea.id, amount=Money(500, "EUR")))
        with crm.session(Actor(id=ann.id)) as s:
            told = s.analytics
            funnel = told.funnel(Funnel(SALES, by=f.owner.team.region))
            assert [(group.key, group.entered) for group in funnel] == [(None, 1)]
            assert [group.key for group in told.win_rate(by=f.owner.team.region)] == [None]
            assert told.funnel(Funnel(SALES, entered=("2026-01-01", None))).total.entered == 1
            assert told.win_rate().total.won_value["EUR"] == Money(1, "EUR")
            assert told.cycle().total.days.median_days == 2
            assert told.velocity().total["EUR"].mean_won == Money(1, "EUR")
            assert told.forecast().total.buckets[0].won_count == 1
            assert told.pipeline_value(ended=True).total.count == 1
            assert told.time_in_stage(SALES)["contact"].visits == 1


def test_a_report_has_a_bounded_number_of_groups(session, monkeypatch):
    monkeypatch.setattr(grouping, "MAX_GROUPS", 2)
    for _ in range(3):
        write(session, deal(("contact", 0)))
    for ask in (lambda: session.analytics.funnel(Funnel(SALES, by=f.id)), lambda: session.analytics.win_rate(by=f.id)):
        with pytest.raises(BadExpression, match="more than 2 groups"):
            ask()


def test_batches_give_what_one_reading_gives(session, monkeypatch):
    owners = [session.users.add(User(name=str(number))) for number in range(3)]
    for number in range(11):
        write(session, deal(("contact", 0), ("needs", number), owner_id=owners[number % 3].id))
    whole = session.analytics.funnel(Funnel(SALES, by=f.owner.name))
    monkeypatch.setattr(door, "BATCH", 2)
    monkeypatch.setattr(grouping, "_REMEMBERED", 1)
    assert session.analytics.funnel(Funnel(SALES, by=f.owner.name)).rows() == whole.rows()


def test_the_awaited_face_tells_the_same():
    async def ask():
        async with await aconnect("memory://", pipelines=[SALES]) as crm, crm.session(system("test")) as s:
            return await s.analytics.funnel(Funnel(SALES)), await s.analytics.win_rate()

    funnel, rate = asyncio.run(ask())
    assert (funnel.total.entered, rate.total.won) == (0, 0)


def test_the_two_faces_match():
    for name, method in inspect.getmembers(AsyncAnalytics, inspect.isfunction):
        if not name.startswith("_"):
            blocking = getattr(Analytics, name)
            assert str(inspect.signature(blocking)) == str(inspect.signature(method))
            assert inspect.getdoc(blocking) == inspect.getdoc(method)
