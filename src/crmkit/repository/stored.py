"""Stored definitions: what a row of the database defines, or an error that names the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crmkit.errors import BadDefinition, BadExpression, CrmError
from crmkit.lifecycle import Pipeline
from crmkit.segment import Segment

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.model.catalog import Catalog

__all__ = ["StoredPipeline", "stored_segment"]


class StoredPipeline(NamedTuple):
    """A row of the pipelines that a tenant keeps, its columns as the database has them."""

    id: UUID
    entity: str
    name: str
    number: int
    definition: str

    def read(self) -> Pipeline:
        """Return the pipeline.

        Raises:
            BadDefinition: the row is damaged; the error names it, and `problems` holds what is wrong with it.
        """
        try:
            pipeline = Pipeline.from_json(self.definition)
        except BadDefinition as error:
            raise self._damaged(error) from None
        if (pipeline.name, pipeline.entity) != (self.name, self.entity):
            raise self._damaged(BadDefinition(f"it defines the pipeline {pipeline.name!r} of {pipeline.entity}."))
        return pipeline

    def _damaged(self, error: BadDefinition) -> CrmError:
        what = f"definition {self.number} of the pipeline {self.name!r} of {self.entity}"
        return _damaged(error, what, "pipeline_definitions", self.id)


def stored_segment(row: Any, catalog: Catalog) -> Segment:
    """Return the segment that a record of the definitions holds.

    Raises:
        BadExpression: the row is damaged, or no longer fits the models; the error names it.
    """
    from crmkit.expr.form.document import from_json

    try:
        segment = Segment(row.name, row.entity, from_json(row.expression), description=row.description or "")
        segment.check(catalog)
    except (BadDefinition, BadExpression) as error:
        raise _damaged(error, f"segment {row.name!r} of {row.entity}", "segment_definitions", row.id) from None
    return segment


def _damaged(error: CrmError, what: str, table: str, id: UUID) -> CrmError:
    made = type(error)(
        f"the stored {what} cannot be used: {error.message}", hint=f"Mend the row {id} of {table}, or restore it."
    )
    made.problems = error.problems
    return made
