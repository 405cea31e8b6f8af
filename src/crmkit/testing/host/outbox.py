"""The outbox of a test: which messages were written since it began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.entities import OutboxMessage
from crmkit.expr.build import f
from crmkit.testing.host.backstage import TENANT, backstage

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.crm.blocking.connect import Crm

__all__ = ["OutboxRecorder"]


class OutboxRecorder:
    """Reads the outbox messages that were committed since it was made.

    Args:
        crm: a CRM that was connected with `outbox=True`.
        tenant: whose messages.

    >>> from crmkit import Customer, connect, system
    >>> crm = connect("memory://", outbox=True)
    >>> outbox = OutboxRecorder(crm)
    >>> with crm.session(system("test")) as s:
    ...     acme = s.customers.add(Customer(name="Acme"))
    >>> outbox.topics()
    ['customer.added']
    """

    def __init__(self, crm: Crm, tenant: str = TENANT) -> None:
        self._crm = crm
        self._tenant = tenant
        self._seen: frozenset[UUID] = frozenset()
        self.clear()

    def messages(self, topic: str = "") -> list[OutboxMessage]:
        """Return the messages about a topic, such as `"customer.updated"`, or about any, in order."""
        with backstage(self._crm, self._tenant) as s:
            found = s.outbox.stream(f.topic == topic) if topic else s.outbox.stream()
            return [each for each in found if each.id not in self._seen]

    def topics(self) -> list[str]:
        """Return the topics of all messages, in order."""
        return [each.topic for each in self.messages()]

    def clear(self) -> None:
        """Leave out what was written so far."""
        with backstage(self._crm, self._tenant) as s:
            self._seen = frozenset(s.outbox.ids())
