"""The cast: actors by role, with the user and the team that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from crmkit.entities import Team, User
from crmkit.security.access import Actor
from crmkit.testing.host.backstage import TENANT

if TYPE_CHECKING:
    from crmkit.testing.host.factory import Factory

__all__ = ["Cast"]


class Cast:
    """Gives actors by role. Each is a user of the CRM, so that records can be theirs, and the same when asked again.

    Args:
        make: adds the users and the teams.

    >>> from crmkit import connect
    >>> from crmkit.testing import Factory
    >>> actor = Cast(Factory(connect("memory://")))
    >>> ann = actor("rep", name="Ann", team="North")
    >>> (ann.name, sorted(ann.roles), ann.team_ids == (ann.team_id,), ann == actor("rep", name="Ann", team="North"))
    ('Ann', ['rep'], True, True)
    """

    def __init__(self, make: Factory) -> None:
        self._make = make
        self._teams: dict[tuple[str, str], UUID] = {}
        self._actors: dict[tuple[Any, ...], Actor] = {}

    def __call__(self, *roles: str, name: str = "", team: str = "", tenant: str = TENANT, zone: str = "UTC") -> Actor:
        """Return the actor with these roles.

        Args:
            roles: the names of their roles.
            name: tells several with the same roles apart; their first role, if left out.
            team: the name of their team, which is made when it is first named.
            tenant: whose data they see.
            zone: the IANA name of their time zone.
        """
        key = (roles, name, team, tenant, zone)
        if key not in self._actors:
            called = name or (roles[0] if roles else "user")
            make = self._make.within(tenant)
            team_id = self._team(team, tenant) if team else None
            user = make.add(User, name=called, team_id=team_id)
            ids = () if team_id is None else (team_id,)
            self._actors[key] = Actor(
                id=user.id, tenant=tenant, name=called, roles=roles, team_id=team_id, team_ids=ids, zone=zone
            )
        return self._actors[key]

    def _team(self, name: str, tenant: str) -> UUID:
        if (tenant, name) not in self._teams:
            self._teams[tenant, name] = self._make.within(tenant).add(Team, name=name).id
        return self._teams[tenant, name]
