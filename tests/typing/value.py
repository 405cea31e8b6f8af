"""What a type checker must accept of the values: this file is checked, never run."""

from decimal import Decimal
from typing import assert_type

from crmkit.values import Money

price = Money("12000.50", "EUR")
assert_type(price.amount, Decimal)
assert_type(price.currency, str)
assert_type(price + price, Money)
