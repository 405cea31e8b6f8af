"""Links that may lead to a record of any model."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from crmkit.model.field.declaration import declare
from crmkit.model.field.link import ReferenceField

__all__ = ["AttachedField", "attached"]


class AttachedField(ReferenceField):
    """The id of a record of any model, whose name stands beside it: `to` is `"*"`, or `"staged"` for some of them."""

    repeats = False
    word = "link"

    def leads_to(self, record: Any) -> str:
        """Return the model whose name the record holds."""
        name: str = record.entity
        return name

    @property
    def described(self) -> str:
        """Where it leads."""
        return "link to any record" if self.to == "*" else "link to any record with a pipeline"


def attached(*, to: str = "*", back: str = "", doc: str = "", replaces: str = "") -> UUID:
    """Declare the id of a record of any model; the model's name stands in a text field called `entity` beside it.

    Args:
        to: `"*"` for any model, `"staged"` for those with a pipeline.
        back: what the relation from each such model to here is called.
        doc: one sentence for the reference.
        replaces: the inherited field of this name whose place it takes.
    """
    return declare(AttachedField(to=to, back=back, doc=doc), replaces=replaces)
