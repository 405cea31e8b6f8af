"""Who takes part, in the order of the tables; a library that is not installed is named, not skipped in silence."""

import dataclasses
import importlib
import importlib.util
from collections.abc import Callable, Collection
from typing import Any

from benchmarks.participant import AnyParticipant, Workload


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A participant by the name on the command line: its class, and the packages that it needs."""

    key: str
    path: str
    needs: tuple[str, ...]


PEERS = {
    "sqlite": (
        Entry("core", "benchmarks.sqlite_sqlalchemy:SqlalchemyCore", ("sqlalchemy",)),
        Entry("orm", "benchmarks.sqlite_sqlalchemy:SqlalchemyOrm", ("sqlalchemy",)),
        Entry("django", "benchmarks.sqlite_django:Django", ("django",)),
        Entry("advanced-alchemy", "benchmarks.sqlite_advanced_alchemy:AdvancedAlchemy", ("advanced_alchemy",)),
    ),
    "mongo": (
        Entry("mongoengine", "benchmarks.mongo_mongoengine:Mongoengine", ("mongoengine",)),
        Entry("beanie", "benchmarks.mongo_beanie:Beanie", ("beanie",)),
    ),
}
SUBJECTS = {
    "sqlite": Entry("crmkit", "benchmarks.crmkit_sqlite:CrmkitSqlite", ("crmkit", "sqlalchemy")),
    "mongo": Entry("crmkit", "benchmarks.crmkit_mongo:CrmkitMongo", ("crmkit",)),
}
RAW = {"sqlite": "benchmarks.sqlite_raw:RawSqlite", "mongo": "benchmarks.mongo_raw:RawMongo"}
STAND_INS = {"sqlite": "benchmarks.stand_in_sqlite:table", "mongo": "benchmarks.stand_in_mongo:documents"}
KEYS = ("crmkit", *(entry.key for entries in PEERS.values() for entry in entries))


def assemble(store: str, workload: Workload, keys: Collection[str]) -> tuple[list[AnyParticipant], list[str]]:
    """Return the participants with raw first, and the keys of those that are not installed."""
    missing: list[str] = []
    others: list[AnyParticipant] = []
    stored: Any = None
    for entry in (SUBJECTS[store], *PEERS[store]):
        if entry.key not in keys:
            continue
        if any(importlib.util.find_spec(name) is None for name in entry.needs):
            missing.append(entry.key)
            continue
        participant = _load(entry.path)(workload)
        others.append(participant)
        if entry is SUBJECTS[store]:
            stored = participant.stored()
    if stored is None:
        stored = _load(STAND_INS[store])(workload)
    return [_load(RAW[store])(workload, stored), *others], missing


def subject(store: str, workload: Workload) -> AnyParticipant:
    """Return crmkit as a participant."""
    participant: AnyParticipant = _load(SUBJECTS[store].path)(workload)
    return participant


def _load(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return loaded
