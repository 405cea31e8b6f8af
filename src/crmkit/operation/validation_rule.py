"""Rules of a host: what a record must not be, or must not become, however it is written."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

import attrs

from crmkit.errors import BadDefinition
from crmkit.expr.node import Expr
from crmkit.operation.refusal import Refusal

__all__ = ["Check", "ValidationRule", "rule"]

Check: TypeAlias = Callable[[Any, Any, Any, Any], Refusal | Awaitable[Refusal | None] | None]
"""Judges a record before and after a write, for an actor, with a session that only reads."""
_TAKES = "(before, after, actor, s)"


@attrs.frozen
class ValidationRule:
    """A rule that records of a model are held to; made by `rule`.

    Attributes:
        message: the reason, as people read it.
        code: a stable word for programs.
        fields: the fields that it is about.
        hint: the way out.
        refuse: what must not be true of a record as it will be.
        was: what must have been true of it before, for the rule to be asked.
        check: the function that judges, in place of `refuse`.
    """

    message: str
    code: str
    fields: tuple[str, ...] = ()
    hint: str = ""
    refuse: Expr | None = None
    was: Expr | None = None
    check: Check | None = None

    @property
    def awaited(self) -> bool:
        """Whether its function is awaited."""
        called = getattr(self.check, "__call__", None)  # noqa: B004 - its own method is asked for, not whether it has one
        return inspect.iscoroutinefunction(self.check) or inspect.iscoroutinefunction(called)


def rule(
    message: str,
    /,
    *,
    refuse: Expr | None = None,
    was: Expr | None = None,
    check: Check | None = None,
    on: Iterable[str] = (),
    code: str = "",
    hint: str = "",
) -> ValidationRule:
    """Make a rule for `connect(rules={Model: [...]})` or `connect(protect={Model: [...]})`.

    Args:
        message: the reason why a record is refused.
        refuse: what must not be true of a record as it will be.
        was: what was true of it before; the rule is then about changes alone, and only of such records.
        check: a function of the record before (`None` if it is new) and after, of the actor and of a session that only
            reads. It returns a `Refusal`, or `None`. With an awaited CRM it is an `async` function.
        on: the fields that the rule is about.
        code: a stable word for programs; made of the message if left out.
        hint: the way out.

    Raises:
        BadDefinition: it says nothing, or does not say how to judge.

    >>> from crmkit import f
    >>> rule("A customer has a name of its own.", refuse=f.name == "Acme", on=["name"]).code
    'a_customer_has_a_name_of_its_own'
    """
    if not isinstance(message, str) or not message.strip():
        raise BadDefinition("a rule gives its reason.", hint='Write rule("Big deals need a sponsor.", refuse=...).')
    where = f"the rule {message!r}"
    if (refuse is None) == (check is None):
        raise BadDefinition(f"{where} is an expression or a function.", hint="Give either refuse= or check=.")
    for name, given in (("refuse", refuse), ("was", was)):
        if given is not None and not isinstance(given, Expr):
            raise BadDefinition(
                f"{where} takes an expression for {name}=, not {type(given).__name__}.", hint="Write one with f."
            )
    if check is not None:
        if was is not None:
            raise BadDefinition(f"{where} takes no was=.", hint="Let its function look at the record before.")
        _refuse_signature(where, check)
    fields = (on,) if isinstance(on, str) else tuple(on)
    return ValidationRule(message.strip(), code or _code(message), fields, hint, refuse, was, check)


def _refuse_signature(where: str, check: object) -> None:
    if not callable(check):
        raise BadDefinition(f"{where} takes a function for check=.", hint=f"Write def judge{_TAKES}.")
    try:
        inspect.signature(check).bind(None, None, None, None)
    except TypeError:
        raise BadDefinition(
            f"{where} has a function that does not take {_TAKES}.", hint=f"Write def judge{_TAKES}."
        ) from None
    except ValueError:  # some callables written in C do not tell
        return


def _code(message: str) -> str:
    return re.sub(r"\W+", "_", message.lower()).strip("_") or "rule_broken"
