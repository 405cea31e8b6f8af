"""The conformance kit for capabilities: what nobody may learn, undo or count otherwise through one.

    class TestRewards(CapabilitySuite):
        capability = rewards

        def populate(self, s, size, word):
            for number in range(size):
                acme = s.customers.add(Customer(name=f"{word} {number}"))
                s.rewards.earn(acme, len(word))

        calls = {
            "earn": [lambda s: Arguments(s.customers.first(order=f.id), 5)],
            "rich": [lambda s: Arguments(1)],
        }

pytest finds the tests by inheritance. They run in memory: what a capability reads and writes goes through repositories,
and these are alike on every store.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias
from uuid import UUID

from crmkit.crm.blocking.connect import connect
from crmkit.crm.capability import CAPABILITIES
from crmkit.crm.connect import aconnect
from crmkit.errors import CrmError
from crmkit.expr.build import everything, f
from crmkit.repository.pager import Page
from crmkit.security.access import Action, Actor, system
from crmkit.storage.memory import MemoryStore
from crmkit.testing.host.clock import FrozenClock
from crmkit.testing.host.watch import asked, watched

if TYPE_CHECKING:
    from crmkit.crm.blocking.session import Session
    from crmkit.crm.capability import Capability
    from crmkit.crm.session import AsyncSession
    from crmkit.expr.node import Expr
    from crmkit.model.schema import Schema

__all__ = ["Arguments", "CapabilitySuite"]

_WRITER: Final = system("kit")
_PERSON: Final = Actor(id=UUID(int=1), name="Kit")
_STRANGER: Final = Actor(id=UUID(int=2), name="Stranger", tenant="kit-other")
_NOW: Final = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
_SEEN, _UNSEEN, _CALL = 0x1_0000, 0x1000_0000, 0x2000_0000
"""Where the ids begin of what is seen, of what is not, and of what a call makes."""
_FEW, _MANY = 10, 1000
_FAILED: Final = "failed with "
# As values, since a checker would narrow what it knows nothing of.
_MANY_OF: Final[tuple[Any, ...]] = (Iterator, list, tuple)
_PAIRS: Final[Any] = Mapping
_SETS: Final[Any] = AbstractSet
_PAGES: Final[Any] = Page


class Arguments:
    """What an example hands to a method.

    Args:
        *args: by position.
        **kwargs: by keyword.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs


Example: TypeAlias = "Callable[[Session], Arguments]"
"""Makes the arguments of a call, with a session that sees what the call may see."""


class CapabilitySuite(ABC):
    """What holds of every capability; its author inherits it, names the capability, and gives examples of calls.

    Attributes:
        capability: the capability.
        beside: other capabilities that it needs.
        options: what else to connect with.
        calls: examples of calls, by the name of the method; each public method has one at least.
    """

    capability: ClassVar[Capability]
    beside: ClassVar[Sequence[Capability]] = ()
    options: ClassVar[Mapping[str, Any]] = {}
    calls: ClassVar[Mapping[str, Sequence[Example]]]

    @abstractmethod
    def populate(self, s: Session, size: int, word: str) -> None:
        """Write so many of the records that the methods work on, with the word in what they say.

        The same arguments write the same. Unique values have the word in them.
        """

    # -- the tests -----------------------------------------------------------------------------------------------------

    def test_each_public_method_has_an_example(self) -> None:
        """A method that is forgotten here would not be tested by anything below."""
        public = _methods(self.capability.load(awaited=True))
        lacking, unknown = public - set(self.calls), set(self.calls) - public
        assert not lacking, f"{self.capability.name} has no example of: {', '.join(sorted(lacking))}"
        assert not unknown, f"{self.capability.name} has no method: {', '.join(sorted(unknown))}"
        world = _World(self, seen=3)
        for name, examples in self.calls.items():
            answers = [world.blocking(name, example) for example in examples]
            assert not all(each.startswith(_FAILED) for each in answers), f"no example of {name} succeeds: {answers}"

    def test_both_faces_are_alike(self) -> None:
        """The two classes have the same methods, which take the same."""
        awaited, blocking = (self.capability.load(awaited=each) for each in (True, False))
        assert _methods(awaited) == _methods(blocking)
        for name in _methods(awaited):
            here, there = (_takes(getattr(each, name)) for each in (awaited, blocking))
            assert here == there, f"{name} takes {there} on the blocking face, and {here} on the awaited one"

    def test_both_faces_answer_alike(self) -> None:
        """A call answers the same, awaited or not."""
        for name, example in self._examples():
            world = _World(self, seen=3)
            assert asyncio.run(world.awaited(name, example)) == world.blocking(name, example), name

    def test_what_an_actor_may_not_see_changes_no_answer(self) -> None:
        """Two worlds that differ in what is hidden give the same results, counts and errors."""
        self._compare({"hidden": 1, "word": "alpha"}, {"hidden": 4, "word": "omega"})

    def test_what_another_tenant_has_changes_no_answer(self) -> None:
        """Two worlds that differ in what another tenant has give the same."""
        self._compare({"foreign": 0}, {"foreign": 4})

    def test_more_rows_take_no_more_statements(self) -> None:
        """A call asks the store for as much over a thousand records as over ten."""
        few, many = (_World(self, seen=size) for size in (_FEW, _MANY))
        for name, example in self._examples():
            here, there = few.statements(name, example), many.statements(name, example)
            assert here == there, f"{name} takes {here} over {_FEW} records, and {there} over {_MANY}"

    def test_what_a_session_undoes_is_undone(self) -> None:
        """After a rollback no row is different, and the same call answers the same."""
        world = _World(self, seen=3)
        before = world.everything()
        rounds: list[list[str]] = []
        for _ in range(2):  # what one call remembers may show in another one only
            rounds.append([])
            for name, example in self._examples():
                rounds[-1].append(world.blocking(name, example))
                assert world.everything() == before, f"{name} leaves something behind that was undone"
        for (name, _), first, second in zip(self._examples(), *rounds, strict=True):
            assert first == second, f"{name} tells of what was undone"

    # -- within --------------------------------------------------------------------------------------------------------

    def _examples(self) -> list[tuple[str, Example]]:
        return [(name, example) for name, examples in self.calls.items() for example in examples]

    def _compare(self, *makings: Mapping[str, Any]) -> None:
        told: list[list[str]] = []
        for making in makings:  # one after the other, or what a process remembers would be the same for both
            world = _World(self, seen=3, **making)
            told.append([world.blocking(name, example) for name, example in self._examples()])
        for (name, _), here, there in zip(self._examples(), *told, strict=True):
            assert here == there, f"{name} tells what it must not"


class _Hiding:
    """Hides what a world has hidden from people."""

    def __init__(self) -> None:
        self.ids: dict[str, list[UUID]] = {}

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        hidden = self.ids.get(schema.name)
        if actor.id != _PERSON.id or action is not Action.READ or not hidden:
            return everything
        return ~f.id.one_of(*hidden)


class _World:
    """Some records that a person sees, and others that they do not."""

    def __init__(
        self, suite: CapabilitySuite, *, seen: int, hidden: int = 0, word: str = "alpha", foreign: int = 0
    ) -> None:
        self._suite = suite
        self._next = _SEEN
        self._policy = _Hiding()
        self._store = watched(MemoryStore())
        own = suite.capability not in CAPABILITIES
        self._given: dict[str, Any] = {
            "policy": self._policy,
            "clock": FrozenClock(_NOW),
            "ids": self._id,
            **suite.options,
            "capabilities": [*suite.beside, *([suite.capability] if own else [])],
        }
        self.crm = connect(self._store, **self._given)
        self._write(_WRITER, seen, "mine")
        self._next = _UNSEEN
        before = self._ids()
        self._write(_WRITER, hidden, word)
        self._policy.ids = {name: sorted(ids - before[name]) for name, ids in self._ids().items()}
        self._write(_STRANGER, foreign, "foreign")

    def blocking(self, name: str, example: Example) -> str:
        """Return all that a call tells, on the blocking face; what it did is undone."""
        with self.crm.session(_PERSON) as s:
            try:
                given, method = example(s), self._method(s, name, awaited=False)
                self._next = _CALL
                return _told(lambda: _read(method(*given.args, **given.kwargs)))
            finally:
                s.rollback()

    async def awaited(self, name: str, example: Example) -> str:
        """Return the same of the awaited face."""
        with self.crm.session(_PERSON) as s:
            given = example(s)
        crm = await aconnect(self._store, **self._given)
        async with crm.session(_PERSON) as awaiting:
            method = self._method(awaiting, name, awaited=True)
            self._next = _CALL
            try:
                return await _awaited(method(*given.args, **given.kwargs))
            except CrmError as error:
                return _error(error)
            finally:
                await awaiting.rollback()

    def statements(self, name: str, example: Example) -> Counter[str]:
        """Return what a call asks of the store, and how often."""
        with self.crm.session(_PERSON) as s:
            given, method = example(s), self._method(s, name, awaited=False)
            with asked(self.crm) as found:
                _told(lambda: _read(method(*given.args, **given.kwargs)))
            s.rollback()
        return Counter(str(each) for each in found if each.is_statement)

    def everything(self) -> list[str]:
        """Return every row of the writer's tenant."""
        with self.crm.session(_WRITER) as s:
            return [
                repr(record)
                for schema in self.crm.environment.catalog
                for record in s.repository(schema.cls).stream(deleted=True)
            ]

    def _method(self, s: Session | AsyncSession, name: str, *, awaited: bool) -> Callable[..., Any]:
        session: Any = s
        method: Callable[..., Any] = getattr(session.use(self._suite.capability.load(awaited=awaited)), name)
        return method

    def _write(self, actor: Actor, size: int, word: str) -> None:
        with self.crm.session(actor) as s:
            self._suite.populate(s, size, word)

    def _ids(self) -> dict[str, set[UUID]]:
        with self.crm.session(_WRITER) as s:
            return {
                schema.name: {record.id for record in s.repository(schema.cls).stream(deleted=True)}
                for schema in self.crm.environment.catalog
            }

    def _id(self) -> UUID:
        self._next += 1
        return UUID(int=self._next)


# -- reading answers ---------------------------------------------------------------------------------------------------


def _methods(cls: type[Any]) -> set[str]:
    return {name for name, _ in inspect.getmembers(cls, inspect.isfunction) if not name.startswith("_")}


def _takes(method: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(method).parameters.values()
    return [str(each.replace(annotation=inspect.Parameter.empty)) for each in parameters]


def _told(call: Callable[[], str]) -> str:
    try:
        return call()
    except CrmError as error:
        return _error(error)


def _error(error: CrmError) -> str:
    return f"{_FAILED}{type(error).__name__}: {error} {error.hint} {_plain(vars(error))}"


def _read(value: Any) -> str:
    """Return all that a caller can read of an answer of the blocking face."""
    if hasattr(value, "__enter__"):
        with value as entered:
            return _plain(entered)
    return _plain(value)


async def _awaited(value: Any) -> str:
    """Return the same of the awaited face."""
    if hasattr(value, "__await__"):
        value = await value
    if hasattr(value, "__anext__"):
        return _plain([each async for each in value])
    if hasattr(value, "__aenter__"):
        async with value as entered:
            return _plain(entered)
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, _MANY_OF):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, _PAIRS):
        return f"{{{', '.join(f'{key!r}: {_plain(value[key])}' for key in value)}}}"
    if isinstance(value, _SETS):
        return f"{{{', '.join(sorted(map(_plain, value)))}}}"
    if isinstance(value, _PAGES):
        return f"{_plain(list(value))} {value.next}"
    if hasattr(value, "to_dicts"):
        return _plain(value.to_dicts())
    return re.sub(r"\bAsync(?=[A-Z])| at 0x[0-9a-f]+", "", repr(value))
