"""Manifests: what capabilities say of themselves, checked against each other and against this crmkit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.errors import BadDefinition, Problem, near
from crmkit.model.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from crmkit.crm.capability import Capability

__all__ = ["CONTRACTS", "Personal", "check_manifests", "needed", "refuse_malformed"]

CONTRACTS: Final = {"capability": 1, "operation": 1, "expression": 1, "event": 1}
"""The numbers of what crmkit promises to capabilities; one rises when what was promised before no longer holds.

`capability` is how they are made and what doors and repositories offer them, `operation` the steps of crmkit's own
operations, `expression` the language and its document form, `event` the rows of the outbox.
"""

_VERSION: Final = re.compile(r"\d+(\.\d+)*")
_NEED: Final = re.compile(r"(?P<name>[a-z][a-z0-9_]*)(>=(?P<version>\d+(\.\d+)*))?")
_TOPIC: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


def _names(given: Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(sorted(given))


@attrs.frozen
class Personal:
    """What records of a model hold about a person.

    Args:
        model: the model.
        erases: the fields that are emptied when the person is to be forgotten.
        exports: the fields that belong to what the person may ask for.

    Raises:
        BadDefinition: the model has no such field.

    >>> from crmkit import Contact
    >>> Personal(Contact, erases={"phone"}, exports={"name", "phone"}).exports
    ('name', 'phone')
    """

    model: type[Any]
    erases: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    exports: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)

    def __attrs_post_init__(self) -> None:
        schema = schema_of(self.model)
        for name in (*self.erases, *self.exports):
            schema.field(name)


def refuse_malformed(capability: Capability) -> None:
    """Refuse a manifest that is malformed in itself.

    Raises:
        BadDefinition: it is; the error says how.
    """
    name = capability.name
    if not isinstance(capability.version, str) or not _VERSION.fullmatch(capability.version):
        raise BadDefinition(f"the capability {name!r} has the version {capability.version!r}.", hint='Write "1.2".')
    for need in capability.needs:
        if not _NEED.fullmatch(need):
            raise BadDefinition(f"the capability {name!r} needs {need!r}.", hint='Write "loyalty" or "loyalty>=1.2".')
    for what, words in (("event", capability.events), ("permission", capability.permissions)):
        for word in words:
            if not _TOPIC.fullmatch(word) or not word.startswith(f"{name}."):
                fact = f"the capability {name!r} has the {what} {word!r}."
                raise BadDefinition(fact, hint=f'Begin with its name: "{name}.done".')


def check_manifests(capabilities: Mapping[str, Capability]) -> None:
    """Refuse capabilities that need what is not there.

    Raises:
        BadDefinition: there are such; it lists everything that is missing.
    """
    problems = [
        Problem("unmet", fact, hint=hint)
        for capability in capabilities.values()
        for fact, hint in _unmet(capability, capabilities)
    ]
    if problems:
        error = BadDefinition(" ".join(map(str, problems)))
        error.problems = tuple(problems)
        raise error


def needed(capability: Capability) -> Iterator[str]:
    """Yield the names of the capabilities that one needs."""
    for need in capability.needs:
        yield need.partition(">=")[0]


def _unmet(capability: Capability, others: Mapping[str, Capability]) -> Iterator[tuple[str, str]]:
    name = f"the capability {capability.name!r}"
    for contract, number in capability.contracts.items():
        here = CONTRACTS.get(contract)
        if here is None:
            yield f"{name} needs the contract {contract!r}, which this crmkit does not have.", near(contract, CONTRACTS)
        elif here != number:
            way = "Update crmkit." if number > here else f"Update {capability.name}."
            yield f"{name} needs number {number} of the contract {contract!r}, and this crmkit has {here}.", way
    for need in capability.needs:
        other, _, least = need.partition(">=")
        found = others.get(other)
        if found is None:
            yield f"{name} needs the capability {other!r}.", f"Name it in connect(..., capabilities=[{other}, ...])."
        elif least and _number(found.version) < _number(least):
            yield f"{name} needs {need}, and {other!r} is {found.version}.", f"Update {other}."


def _number(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
