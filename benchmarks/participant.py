"""What a library implements to take part."""

import abc
import dataclasses
import pathlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from benchmarks.record import INDEXES, CustomerRecord

PAGE_SIZE = 100
PAGE_STATUS = "active"
PAGE_TIER = "gold"
PAGE_SCORE = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Workload:
    """What every participant is given: the same customers, the same indexes, a scratch folder and a server.

    `table` is the table of results, which says what model crmkit takes part with.
    """

    records: Sequence[CustomerRecord]
    folder: pathlib.Path
    mongo_url: str = ""
    indexes: tuple[tuple[str, ...], ...] = INDEXES
    table: str = "as shipped"


Entity = TypeVar("Entity")
Held = TypeVar("Held")


class Participant(abc.ABC, Generic[Entity, Held]):
    """One way to store customers; `Entity` is what it reads, `Held` what its versioned update starts from.

    `build`, `add`, `read`, `get`, `update` and `page` are timed. Everything else is not, so that is where files
    are made and statements are compiled.
    """

    title: ClassVar[str]
    transactions: ClassVar[bool] = False
    """Whether it has transactions, and the store a way to update without one."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload

    @abc.abstractmethod
    def clear(self) -> None:
        """Make the store empty."""

    @abc.abstractmethod
    def build(self) -> None:
        """Build the customers in the form that `add` takes."""

    @abc.abstractmethod
    def add(self) -> None:
        """Store every customer in as few calls as the library offers, and commit."""

    @abc.abstractmethod
    def read(self) -> Sequence[Entity]:
        """Return every customer, as the library's own objects."""

    @abc.abstractmethod
    def get(self, ids: Sequence[uuid.UUID]) -> Sequence[Entity]:
        """Return the customers with these ids, one look-up for each."""

    @abc.abstractmethod
    def hold(self, ids: Sequence[uuid.UUID]) -> Sequence[Held]:
        """Return what an update starts from: customers as read earlier, with their versions."""

    @abc.abstractmethod
    def update(self, held: Sequence[Held], score: int) -> None:
        """Set score, version and time of change of each one, each committed by itself and refused if it is stale."""

    def update_in_transactions(self, held: Sequence[Held], score: int) -> None:
        """Do what `update` does, each in a transaction of its own in which more could be written."""
        self.update(held, score)

    @abc.abstractmethod
    def page(self, times: int) -> Sequence[Entity]:
        """Fetch the best hundred active gold customers this many times; return the last page."""

    @abc.abstractmethod
    def values(self, entity: Entity) -> Mapping[str, object]:
        """Return the fields of a customer as the record has them, so that the harness can compare."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""


AnyParticipant: TypeAlias = Participant[Any, Any]


class StaleVersionError(AssertionError):
    """A versioned update changed no row: the participant lost count of its versions."""

    def __init__(self, title: str) -> None:
        super().__init__(f"{title}: the update matched no row of the version it held")


def changed_one(title: str, count: int) -> None:
    """Refuse an update that did not change exactly one row."""
    if count != 1:
        raise StaleVersionError(title)
