"""Imports, blocking: thin wrappers around the awaited ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.crm.step import run
from crmkit.importers import AsyncImports, AsyncPlan, Report, Run
from crmkit.repository import Doors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crmkit.importers.importer import Progress
    from crmkit.repository import Setup
    from crmkit.security.access import Actor

__all__ = ["Imports", "Plan"]


class Plan(Report):
    """What an import would do: `counts`, `problems`, `rejects`, and `summary()` for people. Nothing was written."""

    def __init__(self, inner: AsyncPlan) -> None:
        self.__dict__ |= inner.__dict__
        self._inner = inner

    def apply(self, *, progress: Progress | None = None) -> Run:
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
        return run(self._inner.apply(progress=progress))


class Imports:
    """Imports for one actor. `crm.imports(actor)` makes it."""

    def __init__(self, setup: Setup, actor: Actor) -> None:
        self._inner = AsyncImports(Doors(setup, actor))

    def plan(
        self,
        mapping: str | Path | Mapping[str, Any],
        *,
        folder: str | Path | None = None,
        file: str | Path | None = None,
        progress: Progress | None = None,
    ) -> Plan:
        """Read files through a mapping and return what importing them would do; nothing is written.

        Args:
            mapping: the path of a TOML file, or what such a file holds as a dict.
            folder: where the files are; where the mapping is, if left out.
            file: import this one file only, with those that belong to its records, such as their history.
            progress: is called after each batch with the number of rows read and with 0.

        Raises:
            BadMapping: the mapping does not fit the models or the files; every problem is listed.
            BadFile: a file cannot be read the way the mapping says.
        """
        return Plan(run(self._inner.plan(mapping, folder=folder, file=file, progress=progress)))
