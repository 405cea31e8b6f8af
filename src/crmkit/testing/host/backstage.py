"""Backstage: sessions in which a test prepares and looks, whatever the product's policy lets anybody see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from crmkit.crm.blocking.connect import Crm
from crmkit.crm.capability import Capabilities
from crmkit.crm.connect import AsyncCrm
from crmkit.security.access import Open, system

if TYPE_CHECKING:
    from crmkit.crm.blocking.session import Session

__all__ = ["TENANT", "backstage"]

TENANT: Final = "main"
"""The tenant of those who name none."""


def backstage(crm: Crm, tenant: str = TENANT) -> Session:
    """Return a session of `system("test")` that no policy limits, to be entered with `with`.

    >>> from crmkit import connect
    >>> with backstage(connect("memory://")) as s:
    ...     s.actor.key
    'system:test'
    """
    environment = attrs.evolve(crm.environment, policy=Open())
    return Crm(AsyncCrm(environment, Capabilities())).session(system("test", tenant=tenant))
