"""Capabilities: what a session offers besides its repositories, crmkit's own and other people's."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from crmkit.crm.manifest import Personal, check_manifests, needed, refuse_malformed
from crmkit.errors import BadDefinition, Unsupported, near
from crmkit.lifecycle.check import each
from crmkit.operation.operation import Handler, Operation
from crmkit.repository import AsyncRepository
from crmkit.seeds import SeedPack

if TYPE_CHECKING:
    from crmkit.repository import Doors

__all__ = ["CAPABILITIES", "Capabilities", "Capability", "Sugar", "repository"]

T = TypeVar("T")


def _words(given: Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


@attrs.frozen
class Capability:
    """What sessions offer under a name, with the models it needs and a manifest of what else it brings and demands.

    Args:
        name: the attribute of the session.
        awaited: where the awaited class is, such as `"loyalty.points:AsyncLoyalty"`. It is loaded when it is first
            used, and made with one argument, the doors of the session, from which `repository` makes repositories.
        blocking: where its generated twin is; if blank, where `crmkit generate loyalty.points` writes it.
        entities: the models that it brings along.
        version: its own, such as `"1.2"`.
        needs: other capabilities, such as `"billing"` or `"billing>=1.2"`.
        contracts: the numbers of crmkit's contracts that it was written for; see `CONTRACTS`.
        operations: its operations, to whose steps hosts and packages may put handlers.
        steps: its own handlers; they run before those of `connect(steps=[...])`.
        events: the topics of the messages that it writes to the outbox; they begin with its name.
        permissions: what its policies may speak of; they begin with its name.
        personal: what its models hold about people.
        seeds: what a tenant who has it starts with; `s.seeds.apply` writes a pack.

    Raises:
        BadDefinition: a name, a place or a part of the manifest is malformed.

    >>> Capability("loyalty", "loyalty.points:AsyncLoyalty").blocking
    'loyalty.points_blocking:Loyalty'
    """

    name: str
    awaited: str
    blocking: str = ""
    entities: tuple[type[Any], ...] = attrs.field(default=(), kw_only=True)
    version: str = attrs.field(default="0", kw_only=True)
    needs: tuple[str, ...] = attrs.field(default=(), converter=_words, kw_only=True)
    contracts: Mapping[str, int] = attrs.field(factory=dict[str, int], kw_only=True)
    operations: tuple[Operation[Any], ...] = attrs.field(default=(), kw_only=True)
    steps: tuple[Handler[Any], ...] = attrs.field(default=(), kw_only=True)
    events: tuple[str, ...] = attrs.field(default=(), converter=_words, kw_only=True)
    permissions: tuple[str, ...] = attrs.field(default=(), converter=_words, kw_only=True)
    personal: tuple[Personal, ...] = attrs.field(default=(), kw_only=True)
    seeds: tuple[SeedPack, ...] = attrs.field(default=(), kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", self.name):
            raise BadDefinition(
                f"{self.name!r} cannot name a capability.", hint="Use lower case, in ASCII, at most 41 long."
            )
        if iskeyword(self.name):
            raise BadDefinition(
                f"{self.name!r} cannot name a capability: it is a keyword of Python.", hint=f"Write {self.name}_."
            )
        module, _, cls = str(self.awaited).partition(":")
        if not self.blocking:
            object.__setattr__(self, "blocking", f"{module}_blocking:{cls.removeprefix('Async')}")
        for place in (self.awaited, self.blocking):
            if not re.fullmatch(r"\w+(\.\w+)*:\w+", str(place)):
                fact = f"the capability {self.name!r} has no class at {place!r}."
                raise BadDefinition(fact, hint='Write "package.module:AsyncClass".')
        object.__setattr__(self, "entities", each("a model", type, self.entities, "LoyaltyAccount"))
        for name, kind, example in _PARTS:
            object.__setattr__(self, name, each(f"of {name}, an item", kind, getattr(self, name), example))
        refuse_malformed(self)

    def load(self, *, awaited: bool) -> type[Any]:
        """Return one of its two classes.

        Raises:
            BadDefinition: it is not where it should be.
        """
        place = self.awaited if awaited else self.blocking
        module, _, name = place.partition(":")
        try:
            found: type[Any] = getattr(import_module(module), name)
        except (ModuleNotFoundError, AttributeError) as error:
            if isinstance(error, ModuleNotFoundError) and not f"{module}.".startswith(f"{error.name}."):
                raise
            hint = "" if awaited else f"Run: crmkit generate {self.awaited.partition(':')[0]}"
            raise BadDefinition(f"the capability {self.name!r} has no {place}.", hint=hint) from None
        return found


_PARTS: Final[tuple[tuple[str, type[Any], str], ...]] = (
    ("operations", Operation, 'Operation("earn", ...)'),
    ("steps", Handler, 'advance.before("check", ...)'),
    ("personal", Personal, "Personal(LoyaltyAccount)"),
    ("seeds", SeedPack, 'SeedPack("loyalty", 1, ...)'),
)

CAPABILITIES: Final = (
    Capability("segments", "crmkit.repository.segments:AsyncSegments", "crmkit.crm.blocking.segments:Segments"),
    Capability("analytics", "crmkit.analytics.analytics:AsyncAnalytics", "crmkit.crm.blocking.analytics:Analytics"),
    Capability("seeds", "crmkit.seeds.seeds:AsyncSeeds", "crmkit.crm.blocking.seeds:Seeds"),
)
"""The capabilities that crmkit brings along; session properties and blocking classes are generated from them."""


class Capabilities:
    """The capabilities of one CRM, by name.

    Args:
        added: those besides crmkit's own.
        taken: the names that sessions use for something else.
        enabled: tells whether a tenant has a capability, by the tenant and the name; every one has all, if left out.

    Raises:
        BadDefinition: a name is taken, by sessions or by another capability, or one needs what is not there.
    """

    def __init__(
        self,
        added: Iterable[Capability] = (),
        taken: Iterable[str] = (),
        enabled: Callable[[str, str], bool] | None = None,
    ) -> None:
        self._enabled = enabled
        own = each("a capability", Capability, added, 'Capability("loyalty", "loyalty.points:AsyncLoyalty")')
        self.by_name = {each.name: each for each in CAPABILITIES}
        reserved = {*taken, *self.by_name}
        for capability in own:
            if capability.name in reserved:
                fact = f"sessions already have {capability.name!r}, so it cannot name a capability."
                raise BadDefinition(fact, hint="Name it differently.")
            if capability.name in self.by_name:
                raise BadDefinition(f"two capabilities are named {capability.name!r}.", hint="Rename one of them.")
            self.by_name[capability.name] = capability
        check_manifests(self.by_name)
        self._owners = {model: each.name for each in own for model in each.entities}

    def is_on(self, name: str, tenant: str) -> bool:
        """Return whether a tenant has a capability, with all those that it needs."""
        if self._enabled is None:
            return True
        wanted, seen = [name], set[str]()
        while wanted:
            each = wanted.pop()
            seen.add(each)
            if not self._enabled(tenant, each):
                return False
            wanted += set(needed(self.by_name[each])) - seen
        return True

    def refuse_off(self, model: type[Any], tenant: str) -> None:
        """Refuse a model of a capability that a tenant does not have.

        Raises:
            Unsupported: it is one.
        """
        owner = self._owners.get(model)
        if owner is not None and not self.is_on(owner, tenant):
            raise _off(owner)

    @property
    def operations(self) -> list[Operation[Any]]:
        """Their operations."""
        return [each for capability in self.by_name.values() for each in capability.operations]

    @property
    def steps(self) -> list[tuple[Handler[Any], str]]:
        """Their handlers, each with the name of the capability that brings it along."""
        return [(each, capability.name) for capability in self.by_name.values() for each in capability.steps]

    @property
    def topics(self) -> list[str]:
        """The topics of their messages."""
        return [topic for capability in self.by_name.values() for topic in capability.events]

    @property
    def entities(self) -> list[type[Any]]:
        """The models that they bring along."""
        return [model for capability in self.by_name.values() for model in capability.entities]

    def awaited(self, given: Callable[[Any], Any], tenant: str) -> type[Any]:
        """Return the awaited class of the capability that one of its two classes stands for.

        Raises:
            BadDefinition: the CRM was not connected with it.
            Unsupported: the tenant does not have it.
        """
        name = getattr(given, "__name__", "")
        for capability in self.by_name.values():
            for place in (capability.awaited, capability.blocking):
                awaited = place == capability.awaited
                if place.endswith(f":{name}") and capability.load(awaited=awaited) is given:
                    if not self.is_on(capability.name, tenant):
                        raise _off(capability.name)
                    return capability.load(awaited=True)
        raise BadDefinition(
            f"{name or repr(given)} is not one of this CRM's capabilities.",
            hint="Name it in connect(..., capabilities=[...]).",
        )


def _off(name: str) -> Unsupported:
    return Unsupported(f"this tenant does not have the capability {name!r}.", hint="Turn it on: connect(enabled=...).")


def repository(doors: Doors, model: type[T]) -> AsyncRepository[T]:
    """Return the repository of a model, through which a capability reads and writes as the actor may.

    Raises:
        BadDefinition: the model is not one of this CRM's.
    """
    return AsyncRepository(doors, doors.catalog.of(model))


class Sugar(ABC):
    """Lets a session of either face offer added capabilities as attributes."""

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What it can do besides reading and writing records."""

    @abstractmethod
    def use(self, capability: Callable[[Any], T]) -> T:
        """Return a capability."""

    if not TYPE_CHECKING:  # a checker must still notice a misspelt name; it follows use() instead

        def __getattr__(self, name: str) -> Any:
            """Return the capability of this name."""
            if name.startswith("_"):
                raise AttributeError(name)
            capability = self.capabilities.by_name.get(name)
            if capability is None:
                known = [each for each in dir(self) if not each.startswith("_")]
                hint = near(name, [*known, *self.capabilities.by_name])
                raise AttributeError(f"a session has no {name!r}. {hint}".strip(), name=name, obj=self)
            return self.use(capability.load(awaited=hasattr(type(self), "__aenter__")))
