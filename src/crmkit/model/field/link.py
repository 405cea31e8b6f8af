"""Links: the ids of other records."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import attrs

from crmkit.errors import Problem
from crmkit.model.field.declaration import REQUIRED, Missing, declare
from crmkit.model.field.key import KeyField

__all__ = ["LinkField", "ReferenceField", "link"]


@attrs.frozen(kw_only=True)
class ReferenceField(KeyField):
    """The id of another record of the same tenant.

    Attributes:
        to: what it may lead to.
        back: the name of the relation that leads back from there; blank for none.
    """

    repeats = True

    to: str
    back: str = ""

    def accept(self, value: Any) -> Any:
        """Return the id of a record that was added."""
        id: UUID = value if type(value) is UUID else super().accept(value)
        if id.int == 0:
            raise Problem(
                "link_not_added", f"links to a new {self.to} that has not been added yet.",
                hint="Add that one first; it gets its id then.",
            )  # fmt: skip
        return id

    def sure_source(self, value: str) -> str:
        """Hold of the ids of records that were added."""
        return f"type({value}) is UUID and {value}.int != 0"

    def literal(self, value: Any) -> tuple[UUID]:
        """Return any id."""
        return (super().accept(value),)

    @property
    def indexes(self) -> tuple[tuple[str, ...], ...]:
        """Its own index: relations are followed both ways."""
        return ((self.name,),)

    def leads_to(self, record: Any) -> str:
        """Return the name of the model that the link of this record leads to."""
        raise NotImplementedError


@attrs.frozen(kw_only=True)
class LinkField(ReferenceField):
    """A link to a record of one model, `to`.

    Attributes:
        tree: whether records of one model that it links form trees, so that it never leads back to where it started.
    """

    closed = False
    word = "link"

    tree: bool = True

    @property
    def _expected(self) -> str:
        return f"the id of the {self.to}"

    @property
    def link_target(self) -> str:
        """The model that it links to."""
        return self.to

    def leads_to(self, record: Any) -> str:
        """Return the model that it links to."""
        return self.to

    def mistakes(self) -> list[str]:
        """Return what is wrong with its name, if anything."""
        return [] if self.name.endswith("_id") else ["a link's name must end in _id."]


def link(
    to: str, *, back: str = "", tree: bool = True, default: UUID | Missing = REQUIRED, doc: str = "", replaces: str = ""
) -> UUID | Missing:
    """Declare a link to another record of the same tenant.

    The attribute's name must end in `_id`; without that ending it names the relation in expressions, so that
    `customer_id` can be read as `f.customer.country`.

    Args:
        to: the target model's name.
        back: what the relation from there to here is called, such as `"contacts"`; blank for none.
        tree: whether a link to the model itself makes a tree, such as superiors do: no record then stands above itself.
            Give `False` for one that may lead back, such as a spouse's.
        default: `None` makes the link optional.
        doc: one sentence for the reference.
        replaces: the inherited field of this name whose place it takes.
    """
    return declare(LinkField(to=to, back=back, tree=tree, doc=doc), default=default, replaces=replaces)
