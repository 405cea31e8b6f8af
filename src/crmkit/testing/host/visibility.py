"""Who sees what, asked through a session like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import BadDefinition
from crmkit.expr.build import f
from crmkit.model.schema import schema_of

if TYPE_CHECKING:
    from crmkit.crm.blocking.connect import Crm
    from crmkit.security.access import Actor

__all__ = ["assert_hidden", "assert_visible"]


def assert_visible(crm: Crm, actor: Actor, *records: Any) -> None:
    """Assert that an actor sees each of these records.

    Raises:
        AssertionError: some are hidden from them; it lists these.
        BadDefinition: a record was never added, or none is given.

    >>> from crmkit import Customer, connect, system
    >>> crm = connect("memory://")
    >>> with crm.session(system("test")) as s:
    ...     acme = s.customers.add(Customer(name="Acme"))
    >>> assert_visible(crm, system("test"), acme)
    >>> assert_hidden(crm, system("test", tenant="other"), acme)
    """
    _compare(crm, actor, records, visible=True)


def assert_hidden(crm: Crm, actor: Actor, *records: Any) -> None:
    """Assert that an actor sees none of these records.

    Raises:
        AssertionError: they see some; it lists these.
        BadDefinition: a record was never added, or none is given.
    """
    _compare(crm, actor, records, visible=False)


def _compare(crm: Crm, actor: Actor, records: tuple[Any, ...], *, visible: bool) -> None:
    if not records:
        raise BadDefinition("there is no record to look for.", hint="Name at least one.")
    wrong: list[str] = []
    with crm.session(actor) as s:
        for record in records:
            model: type[Any] = record.__class__
            name = schema_of(model).name
            if record.version == 0:
                raise BadDefinition(f"the {name} was never added.", hint="Give the record that add() returned.")
            if s.repository(model).exists(f.id == record.id) != visible:
                wrong.append(f"{name} {record.id}")
    if wrong:
        who = f"{actor.name or actor.key} of {actor.tenant!r}"
        raise AssertionError(f"{', '.join(wrong)}: {'hidden from' if visible else 'visible to'} {who}")
