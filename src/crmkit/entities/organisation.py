"""The organisation that uses the CRM: its people, its teams and their roles."""

from __future__ import annotations

from uuid import UUID

from crmkit.model.declare import Record, entity, flag, link, text


@entity(indexes=(("name",),))
class Team(Record):
    """A group of users, such as a branch or a support desk; teams form a tree."""

    name: str = text(min=1, max=200, doc="What the team is called.")
    parent_id: UUID | None = link("team", back="subteams", default=None, doc="The team that this one is part of.")
    region: str | None = text(default=None, max=100, doc="The sales region that the team serves.")
    description: str | None = text(default=None, max=2_000, doc="What the team does.")


@entity(indexes=(("active", "name"),))
class User(Record):
    """A person who works with the CRM and can own records; one who left stays, inactive, as owner of old ones."""

    name: str = text(min=1, max=200, search=True, index=True, doc="The full name, as colleagues read it.")
    email: str | None = text(default=None, max=320, unique=True, doc="The work e-mail address; no two users share one.")
    active: bool = flag(default=True, doc="Whether the person still works here.")
    team_id: UUID | None = link("team", back="members", default=None, doc="The team that the user belongs to.")
    manager_id: UUID | None = link("user", back="reports", default=None, doc="The user to whom this one reports.")
    job_title: str | None = text(default=None, max=120, doc="What the user's post is called.")
    phone: str | None = text(default=None, max=60, doc="The work phone number, as it is dialled.")
    region: str | None = text(default=None, max=100, doc="The sales region that the user serves.")
    zone: str | None = text(default=None, max=64, doc='The IANA time zone the user works in, such as "Europe/Berlin".')
    language: str | None = text(default=None, max=35, doc='The BCP 47 tag of the user\'s language, such as "de-AT".')


@entity()
class Role(Record):
    """A role that access rules refer to, such as rep, manager or support."""

    name: str = text(min=1, max=80, unique=True, doc="The word that access rules use.")
    description: str | None = text(default=None, max=2_000, doc="What the role is for.")


@entity(uniques=(("user_id", "role_id"),))
class UserRole(Record):
    """One role held by one user; a user may hold several."""

    user_id: UUID = link("user", back="user_roles", doc="The user who holds the role.")
    role_id: UUID = link("role", back="user_roles", doc="The role that is held.")
