"""Segments: named expressions that pick records of one model."""

from __future__ import annotations

from crmkit.segment.membership import Changes, changes
from crmkit.segment.segment import Segment

__all__ = ["Changes", "Segment", "changes"]
