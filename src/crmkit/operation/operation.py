"""Operations: lists of named steps, and the handlers that hosts and packages put around them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, unique
from typing import Any, Generic, TypeAlias, TypeVar

import attrs

from crmkit.errors import Refused
from crmkit.operation.refusal import Refusal

__all__ = ["Handler", "Message", "Operation", "Place", "State"]


@attrs.frozen(kw_only=True)
class State:
    """What goes from step to step of an operation; each operation has a class of its own that derives from this one.

    Attributes:
        data: what the caller passed along for handlers.
        refusals: why the operation may not happen, as far as its steps have found.
    """

    data: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    refusals: tuple[Refusal, ...] = ()

    @property
    def subject(self) -> Any:
        """The record that the operation is about."""
        raise NotImplementedError

    def error(self) -> Refused:
        """Return the error that tells of its refusals."""
        raise NotImplementedError


S = TypeVar("S", bound=State)
Call: TypeAlias = Callable[[Any, S], "S | Refusal | Awaitable[S | Refusal | None] | None"]
"""A handler: a function of a joined session and the state, which returns another state, a refusal, or nothing."""


@unique
class Place(Enum):
    """Where a handler stands; all but the last are inside the transaction."""

    BEFORE = "before"
    REPLACE = "replace"
    AFTER = "after"
    AFTER_COMMIT = "after_commit"


def _no_payload(_: State) -> Mapping[str, Any]:
    return {}


@attrs.frozen
class Message(Generic[S]):
    """A message that is written to the outbox with the operation, for the host to pass on after the commit.

    Args:
        topic: what receivers subscribe to, such as `"acme.deal_won"`.
        payload: makes its content of the state: a mapping of what JSON can hold, or `None` for no message; an empty
            mapping if left out.
    """

    topic: str
    payload: Callable[[S], Mapping[str, Any] | None] = _no_payload


@attrs.frozen
class Handler(Generic[S]):
    """What a host or a package does at a step of an operation; made by the operation's methods.

    Attributes:
        operation: the operation.
        step: the name of the step.
        place: where it stands.
        call: the function, or the message.
    """

    operation: Operation[S]
    step: str
    place: Place
    call: Call[S] | Message[S]

    @property
    def title(self) -> str:
        """What names it in errors."""
        call: Any = self.call
        if isinstance(call, Message):
            return f"the message {call.topic!r}"
        name = getattr(call, "__qualname__", type(call).__qualname__)
        return f"{getattr(call, '__module__', '')}.{name}".lstrip(".")


@attrs.frozen(eq=False)
class Operation(Generic[S]):
    """Named steps that are done one after another in one transaction, all of them or none.

    The steps that decide come first. They only look, so that asking whether something may happen does the same as doing
    it up to there. A refusal by any of them, or by a handler, is kept until the last of them is done, so that all
    refusals are told at once; the steps that write follow if there is none.

    Handlers run in the order in which `connect(steps=[...])` lists them, whoever wrote them.

    Args:
        name: what errors and messages call it.
        state: the class of what goes from step to step.
        decides: the steps that decide, in order.
        writes: the steps that write, in order.
        fixed: the steps that cannot be replaced, as what crmkit promises depends on them.

    >>> from crmkit import advance
    >>> advance.steps
    ('check', 'write')
    """

    name: str
    state: type[S]
    decides: tuple[str, ...] = attrs.field(kw_only=True)
    writes: tuple[str, ...] = attrs.field(kw_only=True)
    fixed: tuple[str, ...] = attrs.field(default=(), kw_only=True)

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of all steps, in order."""
        return (*self.decides, *self.writes)

    def before(self, step: str, call: Call[S], /) -> Handler[S]:
        """Return a handler that runs before a step, in the same transaction.

        Args:
            step: the name of the step.
            call: a function of a session that is joined to the operation's, and of the state. It returns a changed
                state, a `Refusal`, or nothing.
        """
        return Handler(self, step, Place.BEFORE, call)

    def replace(self, step: str, call: Call[S], /) -> Handler[S]:
        """Return a handler that runs in place of a step; one for each step. See `before`."""
        return Handler(self, step, Place.REPLACE, call)

    def after(self, step: str, call: Call[S], /) -> Handler[S]:
        """Return a handler that runs after a step, in the same transaction. See `before`."""
        return Handler(self, step, Place.AFTER, call)

    def after_commit(self, step: str, message: Message[S], /) -> Handler[S]:
        """Return a handler whose effect comes after the commit, once: a message that is written to the outbox.

        Args:
            step: the name of a step that writes.
            message: the message.
        """
        return Handler(self, step, Place.AFTER_COMMIT, message)
