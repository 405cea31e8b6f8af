"""The kinds of value a column holds, and what a model's field may be made of."""

from __future__ import annotations

from enum import Enum, unique

__all__ = ["Kind"]


@unique
class Kind(Enum):
    """What a column holds. A store maps each of these ten to a type of its own, and needs no other knowledge.

    The canonical Python value of each kind is named beside it; `None` stands for a missing value of any kind.
    """

    __hash__ = object.__hash__  # looked up at each value written; Enum's own hash is a function in Python

    BOOL = "bool"
    """bool"""
    INT = "int"
    """int, within 64 bits"""
    DECIMAL = "decimal"
    """int, within 64 bits: the number in units of 10**-scale"""
    TEXT = "text"
    """str, without NUL and lone surrogates; ordered by code point"""
    DATE = "date"
    """datetime.date"""
    INSTANT = "instant"
    """datetime.datetime in UTC, whole milliseconds"""
    UUID = "uuid"
    """uuid.UUID"""
    TAGS = "tags"
    """tuple of distinct str, in the order given; never missing"""
    EXTRA = "extra"
    """dict of str to bool, int or str; never missing"""
    JSON = "json"
    """str: a JSON document that no expression looks into"""
