"""Time zones by name."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crmkit.errors import BadDefinition

__all__ = ["zone_of"]


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        BadDefinition: there is no zone of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        hint = 'Write an IANA name such as "Europe/Berlin".'
        raise BadDefinition(f"{name!r} is not a time zone.", hint=hint) from None
