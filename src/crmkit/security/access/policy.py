"""Policies: which rows an actor may touch. Every path to a store asks one; this module only says what it is asked."""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, Final, Protocol

from crmkit.expr.build import everything
from crmkit.expr.node import Always, Expr, Not

if TYPE_CHECKING:
    from crmkit.model.schema import Schema
    from crmkit.security.access.actor import Actor

__all__ = ["Action", "Open", "Policy", "unrestricted"]

unrestricted: Final[Expr] = Not(Always(False))
"""What a policy answers to open rows about records even where these are hidden; `everything` does not open them."""


@unique
class Action(Enum):
    """What is done to rows."""

    __hash__ = object.__hash__  # looked up for each call of a session; Enum's own hash is a function in Python

    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Policy(Protocol):
    """Decides which rows an actor may touch."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        """Return what a row must satisfy so that the actor may do this to it.

        Asked for every model that a call touches, those behind relations included. For `UPDATE`, both the row as it is
        and the row as it will be must satisfy the answer; for `CREATE`, the row as it will be. What may not be read
        can neither be changed nor deleted.

        `everything` means that the policy has nothing to say. Rows about a record, such as its history, its tasks and
        its lines, are then as visible as that record. Any other answer takes the place of this; `unrestricted` lets all
        of them be read.
        """
        ...


class Open:
    """The policy that allows everything within the actor's own tenant."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:  # noqa: ARG002 - the protocol's signature
        """Return an expression that every row satisfies."""
        return everything
