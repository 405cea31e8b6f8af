"""Actors: who a session acts for."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import attrs

from crmkit.errors import BadDefinition, Problem
from crmkit.values import clean_text

__all__ = ["Actor", "system"]


def _short(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    try:
        clean_text(value, at_most=64, at_least=1 if attribute.name == "tenant" else 0)
    except Problem as problem:
        raise BadDefinition(f"an actor's {attribute.name} {problem.message}", hint=problem.hint) from None


def _names(values: Iterable[str]) -> frozenset[str]:
    if isinstance(values, str):
        raise BadDefinition("an actor's roles are several names, not one text.", hint=f"Write {{{values!r}}}.")
    return frozenset(values)


@attrs.frozen(kw_only=True)
class Actor:
    """Who a session acts for: a user of the product, or background work.

    The host has authenticated them; crmkit believes what it is told here, and nothing else.

    Args:
        id: the user's id; `None` for background work.
        tenant: whose data the session sees. A product with one customer base leaves it alone.
        name: for people and for the audit columns of background work.
        roles: the names of their roles.
        team_id: their own team.
        team_ids: every team they belong to, their own included.
        zone: the IANA name of the time zone in which they mean days.

    Raises:
        BadDefinition: one of these is not acceptable.

    >>> Actor(id=UUID(int=7), name="Ann", roles=frozenset({"rep"})).key
    '00000000-0000-0000-0000-000000000007'
    """

    id: UUID | None = None
    tenant: str = attrs.field(default="main", validator=_short)
    name: str = attrs.field(default="", validator=_short)
    roles: frozenset[str] = attrs.field(default=frozenset[str](), converter=_names)
    team_id: UUID | None = None
    team_ids: tuple[UUID, ...] = ()
    zone: str = "UTC"

    def __attrs_post_init__(self) -> None:
        # Expressions tell several facts from one by their being a tuple. A converter would hide the type from pyright.
        object.__setattr__(self, "team_ids", tuple(self.team_ids))
        for name, given in (("id", self.id), ("team_id", self.team_id), *(("team_ids", id) for id in self.team_ids)):
            if given is not None and not isinstance(given, UUID):
                raise BadDefinition(
                    f"an actor's {name} expects a UUID, not {type(given).__name__}.", hint="Write UUID(text)."
                )

    @property
    def key(self) -> str:
        """What the audit columns hold: the user's id, or `system:` and a name."""
        return str(self.id) if self.id is not None else f"system:{self.name}"


def system(name: str, *, tenant: str = "main") -> Actor:
    """Return the actor of background work; `name` says which, such as `"nightly"`.

    >>> system("nightly").key
    'system:nightly'
    """
    return Actor(name=name, tenant=tenant, roles=frozenset({"system"}))
