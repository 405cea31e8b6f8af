"""Reports: plain frozen values, as objects, rows, a table or JSON. How they look is for others to decide."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

import attrs

from crmkit.analytics.period import Period
from crmkit.analytics.ratio import Ratio
from crmkit.errors import NotFound, near
from crmkit.form.kept import Kept
from crmkit.repository.aggregator import MoneyBag
from crmkit.values import Money

if TYPE_CHECKING:
    from crmkit.form.form import Form

__all__ = ["ALL", "BLANK", "Column", "Report", "ReportGroup", "label_of", "names_of", "row_of"]

BLANK: Final = "(blank)"
"""How a group without a value is shown; its key is `None`."""
ALL: Final = "(all)"
"""How the total over all groups is shown."""


class ReportGroup(Protocol):
    """What every group of a report offers."""

    @property
    def key(self) -> Any:
        """The value that the records of the group share."""

    @property
    def label(self) -> str:
        """The key, as it is shown."""
        ...

    def cells(self) -> list[dict[str, Any]]:
        """Return the group's figures as rows with the same columns; none where there is nothing to tell apart."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of these rows, also where there is none."""
        ...


G_co = TypeVar("G_co", bound=ReportGroup, covariant=True)


Column: TypeAlias = str | tuple[str, str]
"""A column of a row: an attribute, or a name and the path of attributes that it shows."""


def row_of(figures: Any, *columns: Column) -> dict[str, Any]:
    """Return figures as a row."""
    pairs = [(each, each) if isinstance(each, str) else each for each in columns]
    return {name: attrgetter(path)(figures) for name, path in pairs}


def names_of(columns: Iterable[Column]) -> tuple[str, ...]:
    """Return the names of columns."""
    return tuple(each if isinstance(each, str) else each[0] for each in columns)


def label_of(key: Any) -> str:
    """Return how a key is shown."""
    return BLANK if key is None else str(key)


@attrs.frozen(kw_only=True)
class Report(Kept, Generic[G_co]):
    """Figures by group, and over all groups.

    `report["web"]` gives a group by its key, or by its label such as `"(blank)"`; iteration goes over the groups.

    Attributes:
        definition: what was computed, as a stable name and version.
        groups: the groups, ordered by their keys; the total alone where nothing was asked to group by.
        total: the figures over all groups.
        by: what was grouped by, as a person writes it; blank for nothing.
        as_of: the instant for which the figures hold.
        zone: whose days are meant.
        period: the time that was asked about.
    """

    __max_size__ = 256 * 1024 * 1024

    definition: str
    groups: tuple[G_co, ...]
    total: G_co
    by: str = ""
    as_of: dt.datetime
    zone: str = "UTC"
    period: Period = attrs.field(factory=Period)

    def __getitem__(self, key: Any) -> G_co:
        """Return a group.

        Raises:
            NotFound: there is none of this key or label.
        """
        for group in self.groups:
            if group.key == key and (key is not None or self.by):
                return group
        for group in (*self.groups, self.total):
            if group.label == key:
                return group
        raise NotFound(f"the report has no group {key!r}.", hint=near(str(key), [group.label for group in self.groups]))

    def __iter__(self) -> Iterator[G_co]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def rows(self) -> list[dict[str, Any]]:
        """Return every row as a mapping from column to value, the total last; keys are labels."""
        sections = (*self.groups, self.total) if self.by else (self.total,)
        return [{self._lead: section.label} | cells for section in sections for cells in section.cells()]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return every row as plain values: each ratio with its parts, decimals as text, times of day in UTC."""
        from crmkit.analytics.form import plain

        return [
            {name: _days(value) if isinstance(value, dt.timedelta) else plain(value) for name, value in row.items()}
            for row in self.rows()
        ]

    def as_table(self) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Return a header and rows of single values: ratios as numbers, durations in days, amounts as text.

        The header is the same whatever there is to report.
        """
        header = (self._lead, *self.total.columns)
        return header, [tuple(_cell(row[name]) for name in header) for row in self.rows()]

    @property
    def _lead(self) -> str:
        return self.by.removeprefix("f.") or "group"

    def to_json(self) -> str:
        """Return the report as JSON, the same text for the same report; `from_json` gives it back.

        `rows` holds the same as `to_dicts()`, for people; `groups` and `total` are exact.

        Raises:
            BadDefinition: a key is of a kind that has no spelling.
        """
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    @classmethod
    def __form__(cls) -> Form:
        """Return the form of reports."""
        from crmkit.analytics.form import REPORT

        return REPORT

    def facts(self) -> dict[str, Any]:
        """Return what else tells how the report was made, as plain values."""
        return {}


def _cell(value: Any) -> Any:
    if isinstance(value, Ratio):
        return value.value
    if isinstance(value, Money | MoneyBag | UUID):
        return str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_cell(part)}" for name, part in _items(value))
    return _days(value) if isinstance(value, dt.timedelta) else value


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items())


def _days(span: dt.timedelta) -> float:
    return round(span / dt.timedelta(days=1), 6)
