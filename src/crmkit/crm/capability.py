"""Capabilities: what a session offers besides its repositories, crmkit's own and other people's."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from crmkit.errors import BadDefinition, near
from crmkit.lifecycle.check import each
from crmkit.repository import AsyncRepository

if TYPE_CHECKING:
    from crmkit.repository import Doors

__all__ = ["CAPABILITIES", "Capabilities", "Capability", "Sugar", "repository"]

T = TypeVar("T")


@attrs.frozen
class Capability:
    """Operations that sessions offer under a name, with the models they need.

    Args:
        name: the attribute of the session.
        awaited: where the awaited class is, such as `"loyalty.points:AsyncLoyalty"`. It is loaded when it is first
            used, and made with one argument, the doors of the session, from which `repository` makes repositories.
        blocking: where its generated twin is; if blank, where `crmkit generate loyalty.points` writes it.
        entities: the models that it brings along.

    Raises:
        BadDefinition: a name or a place is malformed.

    >>> Capability("loyalty", "loyalty.points:AsyncLoyalty").blocking
    'loyalty.points_blocking:Loyalty'
    """

    name: str
    awaited: str
    blocking: str = ""
    entities: tuple[type[Any], ...] = attrs.field(default=(), kw_only=True)

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

    Raises:
        BadDefinition: a name is taken, by sessions or by another capability.
    """

    def __init__(self, added: Iterable[Capability] = (), taken: Iterable[str] = ()) -> None:
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

    @property
    def entities(self) -> list[type[Any]]:
        """The models that they bring along."""
        return [model for capability in self.by_name.values() for model in capability.entities]

    def awaited(self, given: Callable[[Any], Any]) -> type[Any]:
        """Return the awaited class of the capability that one of its two classes stands for.

        Raises:
            BadDefinition: the CRM was not connected with it.
        """
        name = getattr(given, "__name__", "")
        for capability in self.by_name.values():
            for place in (capability.awaited, capability.blocking):
                awaited = place == capability.awaited
                if place.endswith(f":{name}") and capability.load(awaited=awaited) is given:
                    return capability.load(awaited=True)
        raise BadDefinition(
            f"{name or repr(given)} is not one of this CRM's capabilities.",
            hint="Name it in connect(..., capabilities=[...]).",
        )


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
