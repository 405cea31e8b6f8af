"""What is measured: seven items, each with what is prepared, what is timed and what is checked afterwards."""

# ruff: noqa: D102 - Item says what each method does

import abc
import random
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from benchmarks.participant import PAGE_SCORE, PAGE_SIZE, PAGE_STATUS, PAGE_TIER, AnyParticipant, Workload
from benchmarks.record import CustomerRecord

GETS = 2000
UPDATES = 500
PAGES = 50
COMPARED = 50
# both are below every score that an update starts from, so that each round changes each record
NEW_SCORES = (1, 2)


class WrongAnswerError(AssertionError):
    """A participant was fast and wrong."""

    def __init__(self, participant: AnyParticipant, what: str) -> None:
        super().__init__(f"{participant.title}: {what}")


class Item(abc.ABC):
    """One thing to measure."""

    name: ClassVar[str]
    title: ClassVar[str]
    bulk: ClassVar[bool] = False

    def __init__(self, workload: Workload) -> None:
        self.workload = workload

    @property
    @abc.abstractmethod
    def operations(self) -> int:
        """How many records, look-ups, updates or pages one timed call handles."""

    def takes(self, participant: AnyParticipant) -> bool:
        """Return whether a participant can do this."""
        del participant
        return True

    @abc.abstractmethod
    def prepare(self, participant: AnyParticipant, number: int) -> Callable[[], object]:
        """Do what is not timed for this round; return the call that is."""

    @abc.abstractmethod
    def check(self, participant: AnyParticipant, result: object, number: int) -> None:
        """Refuse a result that is not what the records say."""


class Add(Item):
    """Store every customer in an empty store; the library's objects are there already."""

    name, title, bulk = "add", "bulk add", True

    @property
    def operations(self) -> int:
        return len(self.workload.records)

    def prepare(self, participant: AnyParticipant, number: int) -> Callable[[], object]:
        del number
        participant.clear()
        participant.build()
        return participant.add

    def check(self, participant: AnyParticipant, result: object, number: int) -> None:
        del result, number
        found = len(participant.read())
        if found != self.operations:
            raise WrongAnswerError(participant, f"{self.operations} customers were added and {found} are there")


class Create(Add):
    """Store every customer in an empty store, and build the library's objects from plain values on the way."""

    name, title = "create", "bulk build and add"

    def prepare(self, participant: AnyParticipant, number: int) -> Callable[[], object]:
        del number
        participant.clear()

        def create() -> None:
            participant.build()
            participant.add()

        return create


class Read(Item):
    """Read every customer into objects."""

    name, title, bulk = "read", "bulk read", True

    @property
    def operations(self) -> int:
        return len(self.workload.records)

    def prepare(self, participant: AnyParticipant, number: int) -> Callable[[], object]:
        del number
        return participant.read

    def check(self, participant: AnyParticipant, result: object, number: int) -> None:
        del number
        if not isinstance(result, Sequence) or len(result) != self.operations:
            raise WrongAnswerError(participant, "did not return every customer")


class Get(Item):
    """Look up one customer at a time by its id."""

    name, title = "get", "get by id"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.sample = _sample(workload.records, GETS)
        self.ids = [record.id for record in self.sample]

    @property
    def operations(self) -> int:
        return len(self.ids)

    def prepare(self, participant: AnyParticipant, number: int) -> Callable[[], object]:
        del number
        return lambda: participant.get(self.ids)

    def check(self, participant: AnyParticipant, result: object, number: int) -> None:
        del number
        if not isinstance(result, Sequence) or len(result) != len(self.ids):
            raise WrongAnswerError(participant, "did not return every customer asked for")
        for record, entity in list(zip(self.sample, result, strict=True))[:COMPARED]:
            for field, found in participant.values(entity).items():
                if found != getattr(record, field):
                    raise WrongAnswerError(participant, f"{field} is {found!r}, stored was {getattr(record, field)!r}")


class Page(Item):
    """Fetch a page of 100 by three conditions, in order."""

    name, title = "page", "filtered page of 100"

    @property
    def operations(self) -> int:
        return PAGES

    def prepare(self, participant: AnyParticipant, number: int) -> Callable[[], object]:
        del number
        return lambda: participant.page(PAGES)

    def check(self, participant: AnyParticipant, result: object, number: int) -> None:
        del number
        matching = [
            record
            for record in self.workload.records
            if record.status == PAGE_STATUS and record.tier == PAGE_TIER and record.score > PAGE_SCORE
        ]
        best = sorted(matching, key=lambda record: (record.score, record.id), reverse=True)[:PAGE_SIZE]
        entities = result if isinstance(result, Sequence) else ()
        if [participant.values(entity)["email"] for entity in entities] != [record.email for record in best]:
            raise WrongAnswerError(participant, "the page does not hold the right customers in the right order")


class Update(Item):
    """Change one customer at a time, if nobody else has."""

    name, title = "update", "versioned update"
    share: ClassVar[int] = 0  # which half of the customers that are drawn

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        changeable = [record for record in workload.records if record.score > max(NEW_SCORES)]
        self.ids = [record.id for record in _sample(changeable, 2 * UPDATES)[self.share :: 2]]
        self.first_version = 1

    @property
    def operations(self) -> int:
        return len(self.ids)

    def prepare(self, participant: AnyParticipant, number: int) -> Callable[[], object]:
        held = participant.hold(self.ids)
        score = NEW_SCORES[number % len(NEW_SCORES)]
        update = self.way(participant)
        return lambda: update(held, score)

    def way(self, participant: AnyParticipant) -> Callable[[Sequence[Any], int], None]:
        """Return the participant's method that is timed."""
        return participant.update

    def check(self, participant: AnyParticipant, result: object, number: int) -> None:
        del result
        score, version = NEW_SCORES[number % len(NEW_SCORES)], self.first_version + number + 1
        for entity in participant.get(self.ids):
            values = participant.values(entity)
            if (values["score"], values["version"]) != (score, version):
                raise WrongAnswerError(participant, f"expected score {score} at version {version}, found {values}")


class Transact(Update):
    """The same, each in a transaction to which other writes could belong, for those that can do without one."""

    name, title = "transact", "versioned update in a transaction"
    share = 1

    def takes(self, participant: AnyParticipant) -> bool:
        return participant.transactions

    def way(self, participant: AnyParticipant) -> Callable[[Sequence[Any], int], None]:
        return participant.update_in_transactions


def _sample(records: Sequence[CustomerRecord], count: int) -> list[CustomerRecord]:
    draw = random.Random(3)
    return draw.sample(records, min(count, len(records)))


# updates last: the items before them compare with the records as they were generated
ITEMS: dict[str, type[Item]] = {item.name: item for item in (Add, Create, Read, Get, Page, Update, Transact)}
