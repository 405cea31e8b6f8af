"""Funnels and reports as JSON: versioned, lossless, and refused with every mistake at its path when malformed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, get_args, get_origin
from uuid import UUID

import attrs

from crmkit.analytics.cycle import Cycle, Ending
from crmkit.analytics.durations import Durations
from crmkit.analytics.forecast import Forecast, ForecastBucket
from crmkit.analytics.funnel import Funnel, Reading
from crmkit.analytics.funnel_report import FunnelGroup, FunnelReport, FunnelStage, Pattern
from crmkit.analytics.period import Period
from crmkit.analytics.pipeline_value import PipelineValue, StageValue
from crmkit.analytics.ratio import Ratio
from crmkit.analytics.report import Report
from crmkit.analytics.stage_time import StageTime
from crmkit.analytics.velocity import Velocity, VelocityGroup
from crmkit.analytics.win_rate import WinRate
from crmkit.errors import Problem
from crmkit.expr.build import Name
from crmkit.expr.form.document import DOCUMENT
from crmkit.expr.form.json_value import read_value, write_value
from crmkit.form.document import in_words, is_list, is_object
from crmkit.form.form import Form, Format, Spelled
from crmkit.form.hook import Hook, an_object, integer, listed, member, table, tagged, text, versioned, word
from crmkit.lifecycle import Pipeline
from crmkit.lifecycle.form import document as pipeline_document
from crmkit.repository.aggregator import MoneyBag
from crmkit.repository.grouping import Span, by_day, by_month, by_quarter, by_week, by_year
from crmkit.segment import Segment
from crmkit.segment.form import document as segment_document
from crmkit.values import UTC, Money

__all__ = ["FUNNEL", "REPORT", "VERSION", "plain"]

VERSION: Final = 1
"""The version of the forms that this module writes, and the only one it reads."""

_LONGEST: Final = 20_000
_MOST: Final = 100_000
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_TEXT: Final = text(at_most=_LONGEST)
_COUNT: Final = integer()
_PIPELINE: Final = pipeline_document(Pipeline)
_SEGMENT: Final = segment_document(Segment)
_FORMAT: Final = Format()
_CONVERTER: Final = _FORMAT.converter


# -- values ------------------------------------------------------------------------------------------------------------


def _as_text(read: Callable[[str], Any], example: str) -> Hook:
    def hook(data: Any, _: object) -> Any:
        spelled = text(at_most=100)(data, str)
        try:
            return read(spelled)
        except (ValueError, ArithmeticError):
            raise Problem("wrong_value", f"is {in_words(data)}.", hint=f'Write it like "{example}".') from None

    return hook


def _instant(spelled: str) -> dt.datetime:
    made = dt.datetime.fromisoformat(spelled)
    if made.utcoffset() is None:
        raise ValueError(spelled)
    return made.astimezone(UTC)


def _decimal(spelled: str) -> Decimal:
    made = Decimal(spelled)
    if not made.is_finite():
        raise ValueError(spelled)
    return made


_read_decimal: Final = _as_text(_decimal, "12.50")
_INSTANT: Final = _as_text(_instant, "2026-01-31T09:00:00+00:00")


def _read_money(data: Any, _: object) -> Money:
    return Money(member(data, "amount", _read_decimal), member(data, "currency", text(at_most=10)))


def _read_number(data: Any, wanted: object) -> Any:
    return _read_decimal(data, wanted) if isinstance(data, str) else _COUNT(data, wanted)


def _read_key(data: Any, wanted: object) -> Any:
    return None if data is None else read_value(data, wanted)


def _write_key(key: Any) -> Any:
    return None if key is None else write_value(key)


def _bits(data: Any, wanted: object) -> int:
    numbers = listed(integer(at_least=0, at_most=_LONGEST), at_most=_LONGEST)(data, wanted)
    return sum(1 << number for number in {*numbers})


def _numbers(bits: int) -> list[int]:
    return [number for number in range(bits.bit_length()) if bits >> number & 1]


_VALUES: Final[tuple[tuple[Any, Hook, Callable[[Any], Any]], ...]] = (
    (str, _TEXT, str),
    (Decimal, _read_decimal, str),
    (UUID, _as_text(UUID, "0198c0de-0000-7000-8000-000000000000"), str),
    (dt.date, _as_text(dt.date.fromisoformat, "2026-01-31"), dt.date.isoformat),
    (dt.datetime, _INSTANT, dt.datetime.isoformat),
    (dt.timedelta, lambda data, wanted: _COUNT(data, wanted) * _MICROSECOND, lambda span: span // _MICROSECOND),
    (Money, _read_money, lambda money: {"amount": str(money.amount), "currency": money.currency}),
    (MoneyBag, lambda data, wanted: MoneyBag(listed(_read_money, at_most=_MOST)(data, wanted)),
     lambda bag: [plain(money) for money in bag.values()]),
)  # fmt: skip
for _cls, _hook, _write in _VALUES:
    _CONVERTER.register_structure_hook(_cls, _hook)
    _CONVERTER.register_unstructure_hook(_cls, _write)


def _of(kind: Any) -> Callable[[Any], bool]:
    return lambda wanted: get_origin(wanted) is kind


def _inner(wanted: Any) -> Hook:
    part = get_args(wanted)[0 if get_origin(wanted) is tuple else 1]
    return lambda data, _: _CONVERTER.structure(data, part)


def _tuple(wanted: Any) -> Hook:
    return listed(_inner(wanted), at_most=_MOST)


def _mapping(wanted: Any) -> Hook:
    return table(_inner(wanted), at_most=_MOST)


def _word(wanted: Any) -> Hook:
    return word(get_args(wanted))


def _list(_: Any) -> Callable[[Any], Any]:
    return lambda parts: [plain(part) for part in parts]


_CONVERTER.register_structure_hook_factory(_of(tuple), _tuple)
_CONVERTER.register_structure_hook_factory(_of(Mapping), _mapping)
_CONVERTER.register_structure_hook_factory(_of(Literal), _word)
_CONVERTER.register_unstructure_hook_factory(_of(tuple), _list)


def plain(value: Any) -> Any:
    """Return a figure of a report as plain data."""
    return _CONVERTER.unstructure(value)


# -- reports -----------------------------------------------------------------------------------------------------------


def _without(hook: Hook, *derived: str) -> Hook:
    """Return a hook that passes over keys that are written for people and follow from the others."""
    return lambda data, wanted: hook(
        {key: an_object(data)[key] for key in an_object(data) if key not in derived}, wanted
    )


def _described(cls: type[Any], **spelled: Spelled) -> Form:
    """Describe a class whose attributes are all written, and register it for those that hold it."""
    form = _FORMAT.describe(cls, spelled, required=[field.name for field in attrs.fields(cls)])
    if cls is Ratio:
        write = form.write
        form = Form(_without(form.hook, "value"), lambda ratio: write(ratio) | {"value": ratio.rounded})
    _CONVERTER.register_structure_hook(cls, form.hook)
    _CONVERTER.register_unstructure_hook(cls, form.write)
    return form


_KEY: Final = Spelled(_read_key, _write_key)
_NUMBER: Final = Spelled(_read_number, plain)
_described(Ratio, numerator=_NUMBER, denominator=_NUMBER, open=_NUMBER)
_described(Pattern, stages=Spelled(_bits, _numbers), unknown=Spelled(_bits, _numbers))
for _cls in (Period, Durations, FunnelStage, ForecastBucket, StageValue):
    _described(_cls)
_described(Velocity, key=_KEY)
_GROUPS: Final = {
    "sales.win_rate/1": WinRate,
    **{f"sales.cycle.{ending}/1": Cycle for ending in get_args(Ending)},
    "sales.velocity/1": VelocityGroup,
    "sales.forecast.weighted/1": Forecast,
    "pipeline.value/1": PipelineValue,
    "pipeline.time_in_stage/1": StageTime,
    **{f"funnel.{reading}/1": FunnelGroup for reading in get_args(Reading)},
}
"""What the groups of a report are, by its definition."""


def _report(group: type[Any]) -> Form:
    cls: Any = FunnelReport if group is FunnelGroup else Report[Any]
    form = _described(group, key=_KEY)
    made = _FORMAT.describe(
        cls,
        {
            "by": Spelled(lambda data, wanted: "" if data is None else _TEXT(data, wanted), lambda by: by or None),
            "groups": Spelled(listed(form.hook, at_most=_MOST), lambda groups: list(map(form.write, groups))),
            "total": Spelled(form.hook, form.write),
        },
        lead={"version": VERSION},
        required=[field.name for field in attrs.fields(cls)],
    )
    return Form(_without(made.hook, "rows", "entered", "excluded", "reopened"), made.write)


_FORMS: Final = {group: _report(group) for group in dict.fromkeys(_GROUPS.values())}
_ANY_REPORT: Final = versioned(
    tagged("definition", {name: _FORMS[group].hook for name, group in _GROUPS.items()}), VERSION
)


def _write_report(report: Report[Any]) -> dict[str, Any]:
    data: dict[str, Any] = _FORMS[_GROUPS[report.definition]].write(report)
    groups, total = data.pop("groups"), data.pop("total")
    return data | report.facts() | {"rows": report.to_dicts(), "groups": groups, "total": total}


REPORT: Final = Form(_ANY_REPORT, _write_report)
"""A report of any kind; the definition that it names says which."""


# -- funnels -----------------------------------------------------------------------------------------------------------

_PATH: Final = listed(text(at_most=100, at_least=1), at_most=16, at_least=1)
_BUCKETS: Final = {
    span.bucket.value: span.bucket
    for span in (by(Name("at")) for by in (by_day, by_week, by_month, by_quarter, by_year))
}
_SPAN: Final = _FORMAT.describe(
    Span,
    {
        "ref": Spelled(lambda data, wanted: Name(*_PATH(data, wanted)), lambda ref: list(ref.path), "field"),
        "bucket": Spelled(word(_BUCKETS, _BUCKETS.__getitem__), lambda bucket: bucket.value, "span"),
    },
    required=("zone",),
)


def _read_by(data: Any, wanted: object) -> Any:
    if data is None:
        return None
    return Name(*_PATH(data, wanted)) if is_list(data) else _SPAN.hook(data, wanted)


def _write_by(by: Any) -> Any:
    if by is None:
        return None
    return _SPAN.write(by) if isinstance(by, Span) else list(by.path)


def _read_where(data: Any, wanted: object) -> Any:
    return (_SEGMENT if is_object(data) and "condition" in data else DOCUMENT).hook(data, wanted)


def _write_where(where: Any) -> Any:
    return (_SEGMENT if isinstance(where, Segment) else DOCUMENT).write(where)


def _bound(spelled: str) -> dt.date:
    return dt.date.fromisoformat(spelled) if len(spelled) == len("2026-01-31") else _instant(spelled)


_BOUND: Final = _as_text(_bound, "2026-01-31")
_BOUNDS: Final = listed(lambda data, wanted: None if data is None else _BOUND(data, wanted), at_most=2, at_least=2)


def _read_entered(data: Any, wanted: object) -> Any:
    return _BOUNDS(data, wanted) if is_list(data) else _CONVERTER.structure(data, Period)


def _write_entered(entered: Any) -> Any:
    return plain(entered) if isinstance(entered, Period) else [bound and bound.isoformat() for bound in entered]


_STORED: Final = _FORMAT.describe(
    Funnel,
    {
        "pipeline": Spelled(_PIPELINE.hook, _PIPELINE.write),
        "by": Spelled(_read_by, _write_by),
        "entered": Spelled(_read_entered, _write_entered),
        "where": Spelled(_read_where, _write_where),
    },
    lead={"version": VERSION},
    required=[field.name for field in attrs.fields(Funnel)],
)
FUNNEL: Final = Form(versioned(_STORED.hook, VERSION), _STORED.write)
"""A funnel, with its pipeline."""
