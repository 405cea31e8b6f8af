"""Faults, each of which some database or some author has had; every one must turn the kit red."""

from __future__ import annotations

import datetime as dt
import unicodedata
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, TypeVar
from unittest import SkipTest

import attrs

from crmkit.errors import CrmError, Duplicate
from crmkit.expr import core
from crmkit.expr.node import Op
from crmkit.model.kind import Kind
from crmkit.storage.spi.plan import Aggregate, Bucket, GroupKey, Patch, Query, SortKey, Tally
from crmkit.storage.spi.store import Feature
from crmkit.testing.liar import Fault
from crmkit.testing.suite import StoreSuite
from crmkit.values import INT64_MAX, INT64_MIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from crmkit.model.codec import Row
    from crmkit.model.field import Column
    from crmkit.storage.spi.store import Store, Unit
    from crmkit.testing.ground import Host

__all__ = ["FAULTS", "first_red", "suite_of"]

KeyT = TypeVar("KeyT", GroupKey, SortKey)
_TRUE: Final = core.Constant(True)


# -- expressions -------------------------------------------------------------------------------------------------------


def _missing_lost(node: core.Core) -> core.Core:
    """`amount <= 10 or amount is missing` loses its second half."""
    if not isinstance(node, core.Or):
        return node
    tested = {
        item.column for item in node.items if isinstance(item, core.Compare | core.In | core.Prefix | core.Substring)
    }
    return core.Or(
        tuple(
            item
            for item in node.items
            if not (isinstance(item, core.Missing) and not item.negated and item.column in tested)
        )
    )


def _negation_lost(*kinds: type[Any]) -> Callable[[core.Core], core.Core]:
    return lambda node: attrs.evolve(node, negated=False) if isinstance(node, kinds) else node


def _last_dropped(kind: type[core.And | core.Or]) -> Callable[[core.Core], core.Core]:
    return lambda node: kind(node.items[:-1]) if isinstance(node, kind) and len(node.items) > 1 else node


def _tenant_dropped(node: core.Core) -> core.Core:
    return _TRUE if isinstance(node, core.Compare) and node.column == "tenant" else node


def _empty_list_true(node: core.Core) -> core.Core:
    return _TRUE if isinstance(node, core.In) and not node.values and not node.negated else node


def _missing_unequal(node: core.Core) -> core.Core:
    if isinstance(node, core.Compare) and node.op is Op.NE:
        return core.Or((node, core.Missing(node.column, key=node.key)))
    return node


def _case_ignored(node: core.Core) -> core.Core:
    if isinstance(node, core.Compare) and node.op is Op.EQ and isinstance(node.value, str):
        text = node.value
        return core.In(node.column, tuple({text, text.lower(), text.upper(), text.swapcase()}), key=node.key)
    return node


def _edge_lost(node: core.Core) -> core.Core:
    return attrs.evolve(node, op=Op.GT) if isinstance(node, core.Compare) and node.op is Op.GE else node


def _wildcards(node: core.Core) -> core.Core:
    if isinstance(node, core.Substring | core.Prefix):
        return attrs.evolve(node, text=node.text.replace("%", "").partition("_")[0])
    return node


def _tag_case_ignored(node: core.Core) -> core.Core:
    if isinstance(node, core.Has) and not node.negated:
        return core.Or(tuple(attrs.evolve(node, tag=tag) for tag in {node.tag, node.tag.upper(), node.tag.lower()}))
    return node


def _condition_ignored(kind: type[core.Exists | core.Count]) -> Callable[[core.Core], core.Core]:
    return lambda node: attrs.evolve(node, where=_TRUE) if isinstance(node, kind) else node


def _count_as_exists(node: core.Core) -> core.Core:
    return core.Exists(node.relation, node.where) if isinstance(node, core.Count) else node


def _keys_cut(mark: str) -> Callable[[core.Core], core.Core]:
    def cut(node: core.Core) -> core.Core:
        if isinstance(node, core.Compare | core.In | core.Missing) and mark in node.key:
            return attrs.evolve(node, key=node.key.split(mark)[0] or node.key[1:])
        return node

    return cut


# -- values ------------------------------------------------------------------------------------------------------------


def _spoil(kind: Kind, change: Callable[[Any], Any]) -> Callable[[Column, Any], Any]:
    return lambda column, value: (
        change(value) if column.kind is kind and value is not None and column.name != "tenant" else value
    )


def _empty_is_missing(column: Column, value: Any) -> Any:
    return None if value == "" and column.nullable else value


def _through_float(number: int) -> int:
    return max(INT64_MIN, min(INT64_MAX, int(float(number))))


def _day_earlier(day: dt.date) -> dt.date:
    return day if day == dt.date.min else day - dt.timedelta(days=1)


# -- plans and answers -------------------------------------------------------------------------------------------------


def _zone_ignored(tally: Tally) -> Tally:
    return attrs.evolve(tally, by=tuple(attrs.evolve(key, zone="UTC") for key in tally.by))


def _open(key: KeyT) -> KeyT:
    return attrs.evolve(key, hops=tuple(attrs.evolve(hop, where=_TRUE) for hop in key.hops))


def _hops_open(tally: Tally) -> Tally:
    return attrs.evolve(tally, by=tuple(map(_open, tally.by)))


def _sorts_open(query: Query) -> Query:
    return attrs.evolve(query, order=tuple(map(_open, query.order)))


def _one_more(query: Query) -> Query:
    top = query.top
    return query if top is None else attrs.evolve(query, top=attrs.evolve(top, number=top.number + 1))


def _first_of_all(query: Query) -> Query:
    return query if query.top is None else attrs.evolve(query, top=None, limit=query.top.number)


def _sums(change: Callable[[int], Any]) -> Callable[[Tally, list[Row]], list[Row]]:
    def changed(tally: Tally, rows: list[Row]) -> list[Row]:
        ops = [None] * len(tally.by) + [measure.aggregate for measure in tally.measures]
        return [
            tuple(change(value) if op is Aggregate.SUM else value for op, value in zip(ops, row, strict=True))
            for row in rows
        ]

    return changed


def _wrapped(number: int) -> int:
    return (number - INT64_MIN) % 2**64 + INT64_MIN


def _weeks_from_sunday(tally: Tally, rows: list[Row]) -> list[Row]:
    def shift(place: int, value: Any) -> Any:
        week = place < len(tally.by) and tally.by[place].bucket is Bucket.WEEK
        return _day_earlier(value) if week and value is not None else value

    return [tuple(shift(place, value) for place, value in enumerate(row)) for row in rows]


def _missing_group_dropped(tally: Tally, rows: list[Row]) -> list[Row]:
    return [row for row in rows if None not in row[: len(tally.by)]]


def _nothing_is_no_row(tally: Tally, rows: list[Row]) -> list[Row]:
    return [row for row in rows if tally.by or any(row)]


def _version_ignored(patch: Patch) -> Patch:
    def without(node: core.Core) -> core.Core:
        if isinstance(node, core.And):
            return core.And(tuple(map(without, node.items)))
        return _TRUE if isinstance(node, core.Compare) and node.column == "version" else node

    return attrs.evolve(patch, where=without(patch.where))


def _telling(error: Duplicate, rows: Sequence[Row]) -> Duplicate:
    return Duplicate(f"{error.entity} {rows[0]!r}", error.fields)


FAULTS: Final[Mapping[str, Fault]] = {
    "missing values vanish under negation": Fault(expression=_missing_lost),
    "negation of a membership lost": Fault(expression=_negation_lost(core.In)),
    "negation of a text test lost": Fault(expression=_negation_lost(core.Prefix, core.Substring)),
    "negation of a tag lost": Fault(expression=_negation_lost(core.Has)),
    "negation of missing lost": Fault(expression=_negation_lost(core.Missing)),
    "negation of a relation lost": Fault(expression=_negation_lost(core.Exists)),
    "predicate dropped": Fault(expression=_last_dropped(core.And)),
    "alternative dropped": Fault(expression=_last_dropped(core.Or)),
    "tenant dropped": Fault(expression=_tenant_dropped),
    "empty list holds everything": Fault(expression=_empty_list_true),
    "missing is not equal": Fault(expression=_missing_unequal),
    "equality ignores case": Fault(expression=_case_ignored),
    "tags ignore case": Fault(expression=_tag_case_ignored),
    "at least means more than": Fault(expression=_edge_lost),
    "wildcards in text": Fault(expression=_wildcards),
    "condition of a relation ignored": Fault(expression=_condition_ignored(core.Exists)),
    "condition of a count ignored": Fault(expression=_condition_ignored(core.Count)),
    "count stops at one": Fault(expression=_count_as_exists),
    "extra keys split at dots": Fault(expression=_keys_cut(".")),
    "extra keys lose their dollar": Fault(expression=_keys_cut("$")),
    "text cut": Fault(value=_spoil(Kind.TEXT, lambda text: text[:255])),
    "text stripped": Fault(value=_spoil(Kind.TEXT, str.rstrip)),
    "text normalised": Fault(value=_spoil(Kind.TEXT, lambda text: unicodedata.normalize("NFC", text))),
    "text loses its byte order mark": Fault(value=_spoil(Kind.TEXT, lambda text: text.removeprefix("\ufeff"))),
    "text beyond the first plane lost": Fault(
        value=_spoil(Kind.TEXT, lambda text: "".join("?" if ord(sign) > 0xFFFF else sign for sign in text))
    ),
    "empty text is missing": Fault(value=_empty_is_missing),
    "integers through floats": Fault(value=_spoil(Kind.INT, _through_float)),
    "decimals through floats": Fault(value=_spoil(Kind.DECIMAL, _through_float)),
    "milliseconds lost": Fault(value=_spoil(Kind.INSTANT, lambda moment: moment.replace(microsecond=0))),
    "dates shifted": Fault(value=_spoil(Kind.DATE, _day_earlier)),
    "tags sorted": Fault(value=_spoil(Kind.TAGS, lambda tags: tuple(sorted(tags)))),
    "documents reformatted": Fault(value=_spoil(Kind.JSON, str.strip)),
    "flags in extra become numbers": Fault(
        value=_spoil(Kind.EXTRA, lambda extra: {key: int(v) if isinstance(v, bool) else v for key, v in extra.items()})
    ),
    "limit ignored": Fault(query=lambda query: attrs.evolve(query, limit=None)),
    "first rows of each value: all of them": Fault(query=lambda query: attrs.evolve(query, top=None)),
    "first rows of each value: one more": Fault(query=_one_more),
    "first rows of each value: of all rows": Fault(query=_first_of_all),
    "limit of none means all": Fault(query=lambda query: attrs.evolve(query, limit=query.limit or None)),
    "missing at the wrong end": Fault(
        query=lambda query: attrs.evolve(
            query, order=tuple(attrs.evolve(key, missing_first=not key.missing_first) for key in query.order)
        )
    ),
    "direction ignored": Fault(
        query=lambda query: attrs.evolve(query, order=tuple(attrs.evolve(key, descending=False) for key in query.order))
    ),
    "second sort key ignored": Fault(
        query=lambda query: attrs.evolve(query, order=(*query.order[:1], *query.order[2:]))
    ),
    "keys of related records ignored": Fault(
        query=lambda query: attrs.evolve(query, order=tuple(key for key in query.order if not key.hops))
    ),
    "conditions of sort keys ignored": Fault(query=_sorts_open),
    "columns in the wrong order": Fault(query=lambda query: attrs.evolve(query, columns=tuple(sorted(query.columns)))),
    "zone ignored": Fault(tally=_zone_ignored),
    "conditions of hops ignored": Fault(tally=_hops_open),
    "sum as float": Fault(groups=_sums(float)),
    "sum wraps at 64 bits": Fault(groups=_sums(_wrapped)),
    "weeks begin on Sunday": Fault(groups=_weeks_from_sunday),
    "group of missing dropped": Fault(groups=_missing_group_dropped),
    "tally of nothing has no row": Fault(groups=_nothing_is_no_row),
    "update lost": Fault(patch=_version_ignored),
    "hits not counted": Fault(hits=lambda _: 1),
    "rollback keeps": Fault(keeps=True),
    "writes show early": Fault(early=True),
    "own writes unseen": Fault(blind=True),
    "duplicates swallowed": Fault(refusal=lambda _error, _rows: None),
    "duplicate tells values": Fault(refusal=_telling),
    "duplicate names no columns": Fault(refusal=lambda error, _: Duplicate(error.entity, ())),
    "undoing a savepoint keeps": Fault(savepoint="undo keeps"),
    "releasing a savepoint undoes": Fault(savepoint="release undoes"),
    "savepoints end twice": Fault(savepoint="ends twice"),
    "a savepoint commits": Fault(savepoint="commits"),
    "keys stay taken after a savepoint": Fault(savepoint="keys stay taken"),
    "a joined unit commits for the host": Fault(join="commits"),
    "a joined unit has a transaction of its own": Fault(join="apart"),
    "a joined unit keeps what it undid": Fault(join="undo keeps"),
    "a joined unit ends the host's transaction": Fault(join="ends the host's"),
    "locks keep nobody out": Fault(unlocked=True),
    "preparing again clears": Fault(forgets=True),
    "stops no statement": Fault(patient=True),
    "suspends": Fault(suspends=True),
    **{f"{each.value} not declared": Fault(features=frozenset(Feature) - {each}) for each in Feature},
}
"""Every fault by name. The last ones do what they do not declare."""


class MemoryHost:
    """A host whose transaction is a unit of the store in memory."""

    def __init__(self, handle: Unit) -> None:
        self.handle = handle

    async def commit(self) -> None:
        """Commit the host's transaction."""
        await self.handle.commit()

    async def rollback(self) -> None:
        """Roll the host's transaction back."""
        await self.handle.rollback()


def suite_of(make: Callable[[], Store]) -> StoreSuite:
    """Return the suite for stores that `make` makes."""

    class Suite(StoreSuite):
        async def make_store(self) -> Store:
            return make()

        async def begin_host(self, store: Store) -> Host:
            return MemoryHost(await store.begin())

    return Suite()


def tests_of(suite: StoreSuite) -> Iterator[Callable[[], None]]:
    """Yield the tests of a suite in the order of its classes."""
    for cls in type(suite).__mro__:
        for name in vars(cls):
            if name.startswith("test_"):
                yield getattr(suite, name)


def first_red(suite: StoreSuite) -> str:
    """Run a suite without pytest until a test fails; return that test's name, or a blank if none does."""
    for run in tests_of(suite):
        try:
            with redirect_stdout(StringIO()):
                run()
        except SkipTest:
            continue
        except (AssertionError, CrmError):  # a refusal that a test does not expect is red, too
            return run.__name__
    return ""
