"""Refusals: what a handler or a rule of a host returns to say no."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from crmkit.errors import BadDefinition

__all__ = ["Refusal"]


def _fields(given: Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


@attrs.frozen
class Refusal:
    """Why something may not happen, as people read it and as programs know it.

    Args:
        message: the reason, as a sentence.
        code: a stable word for programs.
        fields: the fields that it is about.
        hint: the way out, as a sentence.

    Raises:
        BadDefinition: it gives no reason.

    >>> Refusal("Big deals need a sponsor.", fields=["sponsor_id"]).fields
    ('sponsor_id',)
    """

    message: str
    code: str = attrs.field(default="refused", kw_only=True)
    fields: tuple[str, ...] = attrs.field(default=(), converter=_fields, kw_only=True)
    hint: str = attrs.field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.message, str) or not self.message.strip():
            raise BadDefinition("a refusal gives its reason.", hint='Write Refusal("The credit is used up.").')
