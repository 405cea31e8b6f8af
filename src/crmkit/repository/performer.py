"""The performer: does the steps of an operation, and the handlers around them, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

import attrs

from crmkit.errors import CrmError
from crmkit.operation.operation import Message, Place, State
from crmkit.operation.refusal import Refusal

if TYPE_CHECKING:
    from crmkit.operation.handlers import Script
    from crmkit.operation.operation import Handler, Operation
    from crmkit.repository.doors import Doors

__all__ = ["Performer", "Steps"]

S = TypeVar("S", bound=State)
Steps: TypeAlias = Mapping[str, Callable[[Sequence[S]], Awaitable[Sequence[S]]]]
"""What each step does to several states at once, by its name."""


class Performer(Generic[S]):
    """Performs one operation within one session.

    Args:
        doors: the session's doors.
        operation: the operation.
        steps: what each of its steps does.
    """

    def __init__(self, doors: Doors, operation: Operation[S], steps: Steps[S]) -> None:
        self._doors = doors
        self._operation = operation
        self._script: Script = doors.handlers.of(operation, doors.actor.tenant)
        self._steps = steps

    @property
    def is_plain(self) -> bool:
        """Whether nobody has put a handler to any of its steps."""
        return not self._script

    async def perform(self, states: Sequence[S]) -> Sequence[S]:
        """Do all steps, and return the states as they are after the last.

        Raises:
            Refused: a step or a handler refuses; the error lists every reason that the steps that decide have found.
        """
        decided = await self.decide(states)
        self._check(decided)
        return await self.write(decided)

    async def decide(self, states: Sequence[S]) -> Sequence[S]:
        """Do the steps that decide, and return the states with all refusals."""
        for step in self._operation.decides:
            states = await self._through(step, states)
        return states

    async def write(self, states: Sequence[S]) -> Sequence[S]:
        """Do the steps that write, all of them or none, with states that are decided.

        Raises:
            Refused: a handler refuses.
        """
        if not self._script:
            return await self._written(states)
        async with self._doors.unit.whole():
            return await self._written(states)

    async def _written(self, states: Sequence[S]) -> Sequence[S]:
        for step in self._operation.writes:
            states = await self._through(step, states)
            self._check(states)
            for handler in self._script.get((step, Place.AFTER_COMMIT), ()):
                await self._announce(handler, states)
        return states

    async def _through(self, step: str, states: Sequence[S]) -> Sequence[S]:
        """Do a step and what stands around it; one that writes is not done if a handler before it refuses."""
        if not self._script:
            return await self._steps[step](states)
        states = await self._each(Place.BEFORE, step, states)
        if step in self._operation.writes:
            self._check(states)
        if (step, Place.REPLACE) in self._script:
            states = await self._each(Place.REPLACE, step, states)
        else:
            states = await self._steps[step](states)
        return await self._each(Place.AFTER, step, states)

    def _check(self, states: Iterable[S]) -> None:
        for state in states:
            if state.refusals:
                raise state.error()

    # -- handlers ------------------------------------------------------------------------------------------------------

    async def _each(self, place: Place, step: str, states: Sequence[S]) -> Sequence[S]:
        handlers = self._script.get((step, place), ())
        for handler in handlers:
            with self._doors.unit.held(looking=step in self._operation.decides):
                states = [await self._called(handler, state) for state in states]
        return states

    async def _called(self, handler: Handler[S], state: S) -> S:
        call = cast("Callable[[Any, S], Any]", handler.call)
        answer = call(self._doors.joined, state)
        if isawaitable(answer):
            answer = await answer
        if answer is None:
            return state
        if isinstance(answer, Refusal):
            return attrs.evolve(state, refusals=(*state.refusals, answer))
        if type(answer) is not type(state):
            raise CrmError(
                f"{handler.title} returned {type(answer).__name__}.",
                hint="Return the state, a Refusal, or nothing.",
            )
        made: S = answer
        return made

    async def _announce(self, handler: Handler[S], states: Sequence[S]) -> None:
        message = cast("Message[S]", handler.call)
        now = self._doors.clock()
        outbox = self._doors.keeper("outbox_message")
        rows: list[Any] = []
        for state in states:
            payload, subject = message.payload(state), state.subject
            if payload is None:
                continue
            rows.append(
                outbox.schema.cls(
                    topic=message.topic,
                    entity=self._doors.catalog.of(subject.__class__).name,
                    record_id=subject.id,
                    record_version=subject.version,
                    at=now,
                    actor=self._doors.actor.key,
                    payload=json.dumps(payload, ensure_ascii=False, sort_keys=True, default=str),
                )
            )
        await outbox.append(rows, now)
