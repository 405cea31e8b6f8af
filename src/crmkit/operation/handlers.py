"""The handlers of a CRM, checked when it is connected."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeGuard, TypeVar

from crmkit.errors import BadDefinition, Problem, near
from crmkit.operation.operation import Handler, Message, Operation, Place, State

__all__ = ["Handlers", "Script"]

S = TypeVar("S", bound=State)
Script = Mapping[tuple[str, Place], "tuple[Handler[Any], ...]"]
"""The handlers of an operation by step and place, each in the order in which they run."""

_NOTHING: Final[Script] = {}


class Handlers:
    """The handlers that a CRM was connected with, by operation.

    Args:
        given: the handlers of the host, in the order in which they are to run.
        operations: the operations that the CRM performs.
        brought: the handlers that capabilities bring along, each with the capability's name; they run first.
        is_on: tells whether a capability is on, by its name and the tenant.
        awaited: whether it is an awaited one.
        outbox: whether it writes an outbox.

    Raises:
        BadDefinition: there are handlers that do not fit; it lists everything that is wrong.
    """

    def __init__(
        self,
        given: Iterable[Handler[Any]] = (),
        operations: Iterable[Operation[Any]] = (),
        brought: Iterable[tuple[Handler[Any], str]] = (),
        is_on: Callable[[str, str], bool] = lambda _, __: True,
        *,
        awaited: bool = False,
        outbox: bool = False,
    ) -> None:
        self._known = tuple(operations)
        self._awaited = awaited
        self._outbox = outbox
        self._scripts: dict[Operation[Any], dict[tuple[str, Place], tuple[Handler[Any], ...]]] = {}
        self._is_on = is_on
        self._owners: dict[int, str] = {}
        problems: list[Problem] = []
        for handler, owner in brought:
            self._owners[id(handler)] = owner
            problems += [problem.at(f"the steps of {owner!r}") for problem in self._taken(handler)]
        for number, handler in enumerate(given if isinstance(given, Iterable) else [given]):
            problems += [problem.at(f"steps[{number}]") for problem in self._taken(handler)]
        if problems:
            error = BadDefinition("; ".join(map(str, problems)))
            error.problems = tuple(problems)
            raise error

    def of(self, operation: Operation[Any], tenant: str) -> Script:
        """Return the handlers of an operation that a tenant has."""
        script = self._scripts.get(operation, _NOTHING)
        if not self._owners:
            return script
        served = {place: tuple(each for each in all_ if self._serves(each, tenant)) for place, all_ in script.items()}
        return {place: handlers for place, handlers in served.items() if handlers}

    def _serves(self, handler: Handler[Any], tenant: str) -> bool:
        owner = self._owners.get(id(handler))
        return owner is None or self._is_on(owner, tenant)

    def _taken(self, handler: Any) -> list[Problem]:
        problems = [Problem("bad_handler", fact, hint=hint) for fact, hint in self._mistakes(handler)]
        if not problems:
            script = self._scripts.setdefault(handler.operation, {})
            place = (handler.step, handler.place)
            script[place] = (*script.get(place, ()), handler)
        return problems

    def _mistakes(self, handler: object) -> Iterable[tuple[str, str]]:
        if not _is_handler(handler):
            yield f"a handler is expected, not {type(handler).__name__}.", 'Write advance.before("check", function).'
            return
        operation = handler.operation
        if operation not in self._known:
            known = {each.name: each for each in self._known}
            yield f"no operation of this CRM is {operation.name!r}.", near(operation.name, known)
            return
        if handler.step not in operation.steps:
            yield f"{operation.name} has no step {handler.step!r}.", near(handler.step, operation.steps)
            return
        yield from self._misplaced(handler)
        yield from self._uncallable(handler)

    def _misplaced(self, handler: Handler[Any]) -> Iterable[tuple[str, str]]:
        step = f"the step {handler.step!r} of {handler.operation.name}"
        if handler.place is Place.REPLACE:
            if handler.step in handler.operation.fixed:
                yield f"{step} cannot be replaced.", "Put a handler before or after it."
            for other in self._scripts.get(handler.operation, _NOTHING).get((handler.step, Place.REPLACE), ()):
                yield f"{other.title} and {handler.title} both replace {step}.", "Leave one of them out."
        if handler.place is Place.AFTER_COMMIT:
            if handler.step not in handler.operation.writes:
                yield f"{step} writes nothing that could be committed.", "Name a step that writes."
            if not self._outbox:
                yield f"{handler.title} needs an outbox.", "Write connect(..., outbox=True)."

    def _uncallable(self, handler: Handler[Any]) -> Iterable[tuple[str, str]]:
        call: Any = handler.call
        if handler.place is Place.AFTER_COMMIT:
            if not isinstance(call, Message):
                fact = "what runs after the commit cannot be undone nor repeated, so all it may do is write a message."
                yield fact, 'Give Message("topic", payload), and act where the outbox is read.'
            return
        if not callable(call):
            yield f"a function is expected, not {type(call).__name__}.", "Give a function of (session, state)."
            return
        try:
            inspect.signature(call).bind(None, None)
        except TypeError as error:
            yield f"{handler.title} cannot be called with a session and a state: {error}.", "Take (session, state)."
        except ValueError:
            pass  # written in C, and says nothing about itself
        if not self._awaited and inspect.iscoroutinefunction(call):
            yield f"{handler.title} is awaited, and this CRM is not.", "Write def, or use aconnect()."


def _is_handler(given: object) -> TypeGuard[Handler[Any]]:
    return isinstance(given, Handler)
