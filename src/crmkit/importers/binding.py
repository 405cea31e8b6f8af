"""Checking a mapping against the models, the pipelines and the files' headers, before any row is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from crmkit.errors import BadDefinition, BadMapping, Problem, near
from crmkit.importers.place import place_in
from crmkit.importers.rule import FieldRule, FileRule, MappingRule
from crmkit.importers.section import Section
from crmkit.importers.setting import FileKind
from crmkit.importers.table import Table
from crmkit.model.kind import Kind
from crmkit.values import key_of

if TYPE_CHECKING:
    from crmkit.lifecycle import Pipeline
    from crmkit.model.catalog import Catalog
    from crmkit.model.field import Field
    from crmkit.model.schema import Schema
    from crmkit.repository import Doors
    from crmkit.repository.registry import TenantPipelines

__all__ = ["bind"]

_HISTORY: Final = ("stage", "at", "by", "note")
_SAMPLES: Final = (dt.datetime(2001, 2, 3, 4, 5), dt.datetime(2010, 11, 12, 10, 9))  # noqa: DTZ001 - only spelt, never kept


async def bind(mapping: MappingRule, doors: Doors, folder: Path) -> list[Section]:
    """Return the sections of a mapping, bound to the models and to the files.

    Raises:
        BadMapping: it does not fit them; every problem is listed.
        BadFile: a file cannot be opened or has no header.
    """
    check = _Check(mapping, doors.catalog, await doors.definitions.read())
    check.models()
    if check.problems:
        raise BadMapping(check.problems)
    places = check.places(folder)
    if check.problems:
        raise BadMapping(check.problems)
    tables = [Table(rule, place) for rule, place in zip(mapping.files, places, strict=True)]
    check.columns(tables)
    if check.problems:
        raise BadMapping(check.problems)
    return [
        Section(number, rule, mapping, table, doors.catalog[rule.entity])
        for number, (rule, table) in enumerate(zip(mapping.files, tables, strict=True))
    ]


class _Check:
    """One mapping and everything that is wrong with it."""

    def __init__(self, mapping: MappingRule, catalog: Catalog, kept: TenantPipelines) -> None:
        self.problems: list[Problem] = []
        self._mapping = mapping
        self._catalog = catalog
        self._kept = kept
        self._made = [rule.entity for rule in mapping.files if rule.kind is FileKind.RECORDS]

    def models(self) -> None:
        """Check what the mapping says of models, fields, links and stages."""
        for rule in self._mapping.files:
            schema = self._schema(rule)
            if schema is None:
                continue
            for place, each in rule.rules.items():
                self._formats(place, each)
            if rule.kind is FileKind.HISTORY:
                self._history(rule, schema)
                continue
            for name, each in rule.fields.items():
                self._field(rule, schema, name, each)
            if rule.kind is FileKind.RECORDS:
                self._complete(rule, schema)
            self._stages(rule, schema)

    def places(self, folder: Path) -> list[Path]:
        """Return where the files lie, and check that all do within the folder."""
        places: list[Path] = []
        for rule in self._mapping.files:
            try:
                places.append(place_in(folder, rule.path))
            except Problem as problem:
                self.problems.append(problem.at(problem.field or f"{rule.place}.path"))
        return places

    def columns(self, tables: Sequence[Table]) -> None:
        """Check that every column that the mapping names is there, once."""
        for rule, table in zip(self._mapping.files, tables, strict=True):
            named = [(f"{rule.place}.{'id' if rule.into else 'record'}", column) for column in rule.key]
            named += [(f"{rule.place}.skip", column) for column in rule.skip]
            named += [(place, column) for place, each in rule.rules.items() for column in each.used]
            for place, column in dict.fromkeys(named):
                try:
                    table.place(column)
                except LookupError as error:
                    self._refuse(place, str(error))

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _refuse(self, place: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem("bad_mapping", message, hint=hint, field=place))

    def _schema(self, rule: FileRule) -> Schema | None:
        place = f"{rule.place}.{rule.kind.value}"
        try:
            schema = self._catalog[rule.entity]
        except BadDefinition as error:
            self._refuse(place, error.message, error.hint)
            return None
        if schema.kept:
            hint = "For history, write history_of." if schema.name == "stage_move" else schema.kept
            self._refuse(place, f"{schema.name} records are not written directly.", hint)
            return None
        if rule.kind is not FileKind.RECORDS and schema.name not in self._made:
            self._refuse(
                place,
                f"no file of this mapping makes records of {schema.name}.",
                f'Add one with into = "{schema.name}".',
            )
        if (rule.kind is FileKind.HISTORY or rule.entered) and not schema.staged:
            self._refuse(place, f"{schema.name} has no stages, so it has no history.")
            return None
        return schema

    def _history(self, rule: FileRule, schema: Schema) -> None:
        place = f"{rule.place}.fields"
        for name in rule.fields:
            if name not in _HISTORY:
                self._refuse(f"{place}.{name}", f"history has no field {name!r}.", near(name, _HISTORY))
        for name in ("stage", "at"):
            if name not in rule.fields:
                self._refuse(place, f"lacks {name}, which every move needs.")
        if "by" in rule.fields:
            by = rule.fields["by"]
            if by.link != "user":
                hint = 'Write { link = "user", column = "…", by = "name" }.'
                self._refuse(f"{place}.by", "must link to a user.", hint)
            self._link(f"{place}.by", by, self._catalog["user"])
        if "at" in rule.fields:
            self._zoned(f"{place}.at", rule.fields["at"])
        self._stages(rule, schema)

    def _field(self, rule: FileRule, schema: Schema, name: str, each: FieldRule) -> None:
        place = f"{rule.place}.fields.{name}"
        if name.startswith("extra."):
            self._added(place, schema, name.removeprefix("extra."))
            return
        field = schema.fields.get(name)
        if field is None:
            self._refuse(place, f"{schema.name} has no field {name!r}.", near(name, schema.fields))
            return
        if field.managed or field.closed:
            self._refuse(place, f"{name} is set by crmkit only.")
            return
        if rule.join and name in {"pipeline", "created_at"}:
            self._refuse(place, f"{name} must come from the file that makes the {schema.name}.")
        self._linked(place, name, each, field.link_target)
        if each.money and "currency" not in field.parts:
            self._refuse(place, f"{name} is not an amount of money.", "Write column instead of money.")
        elif "currency" in field.parts and not each.money:
            self._refuse(place, f"{name} is money.", 'Write { money = "Amount", currency = { const = "EUR" } }.')
        if field.zoned:
            self._zoned(place, each)
        self._words(place, each, field)

    def _added(self, place: str, schema: Schema, name: str) -> None:
        if name not in schema.extra:
            hint = near(name, schema.extra) or "Declare it in connect(..., extra={...})."
            self._refuse(place, f"{schema.name} has no added field {name!r}.", hint)

    def _linked(self, place: str, name: str, each: FieldRule, to: str) -> None:
        if each.link and not to:
            self._refuse(place, f"{name} is not a link.", "Leave link out.")
        elif to and not each.link:
            self._refuse(place, f"{name} links to a {to}.", f'Write link = "{to}".')
        elif each.link != to:
            self._refuse(f"{place}.link", f"{name} links to a {to}, not to a {each.link}.")
        elif to:
            self._link(place, each, self._catalog[to])

    def _words(self, place: str, each: FieldRule, field: Field) -> None:
        """Check that a map and a constant give words that the field accepts."""
        known = field.words
        if not known:
            return
        given = [*each.words, *each.numbers, *(each.currency.words if each.currency else ())]
        for word in dict.fromkeys(word for word in given if word):
            if key_of(word) not in {key_of(one) for one in known}:
                self._refuse(place, f"{word!r} is not a value of {field.name}.", near(word, known))

    def _link(self, place: str, each: FieldRule, target: Schema) -> None:
        if not each.by:
            return
        field = target.fields.get(each.by)
        if field is None:
            self._refuse(f"{place}.by", f"{target.name} has no field {each.by!r}.", near(each.by, target.fields))
        elif field.kind is not Kind.TEXT:
            self._refuse(f"{place}.by", f"{each.by} is not a text field.", "Link by a text field, or leave by out.")

    def _complete(self, rule: FileRule, schema: Schema) -> None:
        for each in attrs.fields(schema.cls):
            if each.default is attrs.NOTHING and each.name not in rule.fields:
                self._refuse(f"{rule.place}.fields", f"lacks {each.name}, which every {schema.name} needs.")

    def _stages(self, rule: FileRule, schema: Schema) -> None:
        if not schema.staged:
            return
        pipelines = self._kept.names(schema)
        made = next(
            (each for each in self._mapping.files if each.kind is FileKind.RECORDS and each.entity == rule.entity), rule
        )
        chosen = made.fields.get("pipeline")
        named = chosen.words if chosen else ()
        for name in named:
            if name not in pipelines and rule is made and chosen:
                hint = near(name, pipelines) if pipelines else "Name it in connect(..., pipelines=[...])."
                self._refuse(f"{rule.place}.fields.pipeline", f"{schema.name} has no pipeline {name!r}.", hint)
        # A row may choose its pipeline itself; then only the row shows which stages there are.
        if chosen and chosen.const is None:
            return
        if (named[0] in pipelines) if named else pipelines:
            self._known(rule, self._kept.named(schema, named[0] if named else "").pipeline)

    def _known(self, rule: FileRule, pipeline: Pipeline) -> None:
        stage = rule.fields.get("stage")
        words = [(f"{rule.place}.entered.{name}", name) for name in rule.entered]
        if stage:
            words += [(f"{rule.place}.fields.stage", name) for name in stage.words]
        for place, name in words:
            if name not in pipeline.places:
                self._refuse(place, f"pipeline {pipeline.name!r} has no stage {name!r}.", near(name, pipeline.places))
        for name, each in rule.entered.items():
            self._zoned(f"{rule.place}.entered.{name}", each)

    def _zoned(self, place: str, rule: FieldRule) -> None:
        if self._mapping.zone is None and not (rule.formats and all("%z" in each for each in rule.formats)):
            self._refuse(place, "is a time, and the mapping names no zone.", 'Write zone = "Europe/Berlin" at the top.')

    def _formats(self, place: str, rule: FieldRule) -> None:
        for one, other in permutations(rule.formats, 2):
            if _confused(one, other):
                message = f"{one!r} and {other!r} read one text as two dates."
                self._refuse(f"{place}.format", message, "Keep one of them.")
                return


def _confused(one: str, other: str) -> bool:
    for sample in _SAMPLES:
        try:
            if dt.datetime.strptime(sample.strftime(one), other) != dt.datetime.strptime(sample.strftime(one), one):  # noqa: DTZ007 - compared, never kept
                return True
        except ValueError:
            continue
    return False
