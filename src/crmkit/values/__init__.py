"""The few kinds of value that every store holds without loss.

Text, 64-bit integers, fixed-scale decimals, money, dates, UTC instants in milliseconds, UUIDs, booleans and tuples of
text. Everything else is refused when a record is made, not when it is written.
"""

from crmkit.values.instant import IN_TEXT, NOT_YET, UTC, Clock, clean_instant, system_clock
from crmkit.values.money import MONEY_SCALE, Money, money_of
from crmkit.values.number import INT64_MAX, INT64_MIN, clamped, clean_integer, decimal_of, plain_number, scaled
from crmkit.values.text import clean_name, clean_text, fold, key_of

__all__ = [
    "INT64_MAX",
    "INT64_MIN",
    "IN_TEXT",
    "MONEY_SCALE",
    "NOT_YET",
    "UTC",
    "Clock",
    "Money",
    "clamped",
    "clean_instant",
    "clean_integer",
    "clean_name",
    "clean_text",
    "decimal_of",
    "fold",
    "key_of",
    "money_of",
    "plain_number",
    "scaled",
    "system_clock",
]
