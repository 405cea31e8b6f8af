"""Values: what is accepted, what is refused, and that nothing is lost."""

from __future__ import annotations

import datetime as dt
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import Problem
from crmkit.values import (
    INT64_MAX,
    INT64_MIN,
    UTC,
    Money,
    clean_instant,
    clean_integer,
    clean_text,
    decimal_of,
    fold,
    scaled,
)

units = st.integers(INT64_MIN, INT64_MAX)


@given(units, st.integers(0, 9))
def test_a_scaled_number_comes_back_exactly(number: int, scale: int) -> None:
    assert scaled(decimal_of(number, scale), scale) == number


@given(units)
def test_money_comes_back_from_its_own_amount(number: int) -> None:
    money = Money(decimal_of(number, 4), "EUR")
    assert Money(money.amount, money.currency) == money
    assert money.units == number


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (1.5, "EUR", "float_number"),
        (True, "EUR", "wrong_type"),
        ("twelve", "EUR", "not_a_number"),
        ("NaN", "EUR", "not_finite"),
        ("1e400000", "EUR", "beyond_64_bit"),
        (Decimal("0.00001"), "EUR", "too_precise"),
        (10**30, "EUR", "beyond_64_bit"),
        (1, "EURO", "unknown_currency"),
        (1, "eur", "unknown_currency"),
        (1, None, "unknown_currency"),
    ],
)
def test_money_refuses(amount: object, currency: object, code: str) -> None:
    with pytest.raises(Problem) as caught:
        Money(amount, currency)  # type: ignore[arg-type]  # wrong on purpose
    assert caught.value.code == code


def test_a_tiny_exponent_is_refused_without_computing_it() -> None:
    with pytest.raises(Problem):
        scaled(Decimal("1e-400000"), 4)
    assert scaled(Decimal("0e400000"), 4) == 0


def test_money_shows_the_minor_digits_of_its_currency() -> None:
    assert [str(Money("1234.5", code)) for code in ("EUR", "JPY", "KWD")] == [
        "1,234.50 EUR",
        "1,234.5 JPY",
        "1,234.500 KWD",
    ]
    assert repr(Money(7, "JPY")) == "Money('7', 'JPY')"


def test_money_computes_within_one_currency_only() -> None:
    assert Money(1, "EUR") + Money("0.01", "EUR") - Money(1, "EUR") == Money("0.01", "EUR")
    assert -Money(1, "EUR") < Money(0, "EUR") <= Money(0, "EUR")
    with pytest.raises(ValueError, match="EUR and USD do not mix"):
        Money(1, "EUR") + Money(1, "USD")
    with pytest.raises(ValueError, match="do not mix"):
        assert Money(1, "EUR") < Money(1, "USD")
    assert Money(1, "EUR") != Money(1, "USD")


def test_a_sum_of_money_may_be_larger_than_a_field_takes() -> None:
    total = sum([Money(922_337_203_685_477, "EUR")] * 3)
    assert isinstance(total, Money)
    assert Money.from_dict(total.to_dict()) == total == Money("2767011611056431", "EUR")
    with pytest.raises(TypeError):
        sum([Money(1, "EUR")], 1)  # type: ignore[list-item]  # wrong on purpose


@pytest.mark.parametrize("text", ["1" * 5_000, f"0.{'1' * 5_000}", f"0.{'0' * 5_000}1", f"{'1' * 5_000}.5", "1e99999"])
def test_a_number_of_many_digits_is_refused_without_computing_it(text: str) -> None:
    for make in (lambda: Money(text, "EUR"), lambda: scaled(text, 4)):
        with pytest.raises(Problem, match="does not fit|decimal places"):
            make()


def test_a_currency_is_known_in_any_case() -> None:
    with pytest.raises(Problem, match="'eur' is not an ISO 4217 currency code. Did you mean 'EUR'?"):
        Money(1, "eur")


def test_money_is_a_value() -> None:
    money = Money("12.5", "EUR")
    assert pickle.loads(pickle.dumps(money)) == money  # noqa: S301 - our own bytes
    assert len({money, Money("12.50", "EUR")}) == 1
    with pytest.raises(AttributeError, match="immutable"):
        money.amount = Decimal(1)  # type: ignore[misc]  # wrong on purpose


@pytest.mark.parametrize(
    ("text", "code"),
    [(7, "wrong_type"), ("abcd", "too_long"), ("", "blank"), ("a\x00", "nul_character"), ("a\ud800", "lone_surrogate")],
)
def test_text_refuses(text: object, code: str) -> None:
    with pytest.raises(Problem) as caught:
        clean_text(text, at_most=3, at_least=1)
    assert caught.value.code == code


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize("pair", [("Straße", "STRASSE"), ("ﬁn", "FIN"), ("Ａcme", "acme"), ("É", "é")])
def test_folding_brings_variants_together(pair: tuple[str, str]) -> None:
    assert fold(pair[0]) == fold(pair[1])


@pytest.mark.parametrize(("number", "code"), [(1.0, "wrong_type"), (True, "wrong_type"), (2**63, "beyond_64_bit")])
def test_an_integer_is_whole_and_fits(number: object, code: str) -> None:
    with pytest.raises(Problem) as caught:
        clean_integer(number)
    assert caught.value.code == code


@given(st.datetimes(min_value=dt.datetime(2, 1, 1), max_value=dt.datetime(9998, 1, 1), timezones=st.timezones()))
def test_an_instant_is_utc_to_the_millisecond_and_stays_so(moment: dt.datetime) -> None:
    instant = clean_instant(moment)
    assert instant.tzinfo is UTC
    assert instant.microsecond % 1000 == 0
    assert dt.timedelta() <= moment - instant < dt.timedelta(milliseconds=1)
    assert clean_instant(instant) is instant


def test_a_naive_datetime_names_no_instant() -> None:
    with pytest.raises(Problem) as caught:
        clean_instant(dt.datetime(2026, 1, 1))
    assert caught.value.code == "naive_datetime"


def test_an_instant_outside_the_calendar_is_refused() -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    with pytest.raises(Problem) as caught:
        clean_instant(dt.datetime(1, 1, 1, tzinfo=east))
    assert caught.value.code == "out_of_range"
