"""Imports as a caller meets them: plan first, then apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import BadMapping, Problem, near
from crmkit.importers.binding import bind
from crmkit.importers.import_report import ImportReport
from crmkit.importers.mapping import read_mapping
from crmkit.importers.rule import FileRule, MappingRule
from crmkit.importers.run import Run

if TYPE_CHECKING:
    from crmkit.importers.run import Progress
    from crmkit.repository import Doors

__all__ = ["AsyncImports", "AsyncPlan"]


class AsyncPlan(ImportReport):
    """What an import would do: `counts`, `problems`, `rejects`, and `summary()` for people. Nothing was written."""

    def __init__(self, report: ImportReport, doors: Doors, mapping: MappingRule, folder: Path) -> None:
        self.__dict__ |= report.__dict__
        self._doors = doors
        self._mapping = mapping
        self._folder = folder

    async def apply(self, *, progress: Progress | None = None) -> ImportReport:
        """Read the files again and write what they say, in batches of 5,000 rows, each in a transaction of its own.

        An import that was cut off is simply run again: what was written is recognised by its external ids, and nothing
        is written twice.

        Args:
            progress: is called after each batch with the number of rows read and the number of rows there are.

        Raises:
            BadMapping: the files have changed and no longer fit the mapping.
            BadFile: a file has changed and cannot be read any more.
            NotAllowed: the policy does not let the actor write these records.
            Duplicate: somebody else wrote a record with the same unique value in the meantime.
            Busy: another import from the same source is running; run this one again when it has ended.
        """
        doors = self._doors.apart()
        sections = await bind(self._mapping, doors, self._folder)
        return await Run(doors, self._mapping, sections, write=True, progress=progress, total=self.rows).report()


class AsyncImports:
    """Imports for one actor. `crm.imports(actor)` makes it."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def plan(
        self,
        mapping: str | Path | Mapping[str, Any],
        *,
        folder: str | Path | None = None,
        file: str | Path | None = None,
        progress: Progress | None = None,
    ) -> AsyncPlan:
        """Read files through a mapping and return what importing them would do; nothing is written.

        Files are read with ordinary blocking calls, also by the awaited face.

        Args:
            mapping: the path of a TOML file, or what such a file holds as a dict.
            folder: where the files are; where the mapping is, if left out.
            file: import this one file only, with those that belong to its records, such as their history.
            progress: is called after each batch with the number of rows read and with 0.

        Raises:
            BadMapping: the mapping does not fit the models or the files; every problem is listed.
            BadFile: a file cannot be read the way the mapping says.
        """
        rule, home = _found(mapping, folder, file)
        doors = self._doors.apart()
        sections = await bind(rule, doors, home)
        report = await Run(doors, rule, sections, write=False, progress=progress).report()
        return AsyncPlan(report, doors, rule, home)

    async def check(
        self,
        mapping: str | Path | Mapping[str, Any],
        *,
        folder: str | Path | None = None,
        file: str | Path | None = None,
    ) -> None:
        """Check a mapping against the models and against the headers of the files, without reading their rows.

        Args:
            mapping: as for `plan`.
            folder: as for `plan`.
            file: as for `plan`.

        Raises:
            BadMapping: the mapping does not fit the models or the files; every problem is listed.
            BadFile: a file cannot be opened or has no header.
        """
        rule, home = _found(mapping, folder, file)
        doors = self._doors.apart()
        try:
            await bind(rule, doors, home)
        finally:
            await doors.unit.rollback()


def _found(
    mapping: str | Path | Mapping[str, Any], folder: str | Path | None, file: str | Path | None
) -> tuple[MappingRule, Path]:
    """Return what a mapping says of what is to be imported, and the folder where that lies."""
    rule = read_mapping(mapping)
    if file is not None:
        return _only(rule, Path(file).name), Path(file).parent
    return rule, Path(folder) if folder is not None else rule.folder or Path()


def _only(mapping: MappingRule, name: str) -> MappingRule:
    """Return the part of a mapping that one file needs."""
    files: Sequence[FileRule] = mapping.files
    paths = {each.path for each in files}
    if len(paths) == 1:
        return attrs.evolve(mapping, files=tuple(attrs.evolve(each, path=name) for each in files))
    entities = {each.entity for each in files if each.path == name}
    if not entities:
        raise BadMapping([Problem("bad_mapping", f"names no file {name!r}.", hint=near(name, paths), field="file")])
    return attrs.evolve(mapping, files=tuple(each for each in files if each.entity in entities))
