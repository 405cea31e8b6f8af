"""How long the texts of a segment may be, in code points."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_DESCRIPTION", "MAX_NAME"]

MAX_NAME: Final = 80
MAX_DESCRIPTION: Final = 2_000
