import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmbench.report.numbers import (
    data_size,
    duration,
    fraction,
    number,
    quantity,
    value_only,
    with_interval,
)
from rmbench.result import Estimate


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.62286, ".623"),
        (0.0, ".000"),
        (1.0, "1.000"),
        (-0.0001, ".000"),
        (-0.25, "−.250"),
        (10.5, "10.500"),
    ],
)
def test_fraction(value: float, expected: str) -> None:
    assert fraction(value) == expected


def test_signed_numbers_show_their_plus_but_zero_has_none() -> None:
    assert fraction(0.25, signed=True) == "+.250"
    assert fraction(0.0, signed=True) == ".000"
    assert number(2.0, signed=True) == "+2.00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0.000"),
        (0.6931, "0.693"),
        (2.4142, "2.41"),
        (14.24, "14.2"),
        (960.4, "960"),
        (48211.7, "48,212"),
        (0.00024, "0.0002"),
        (-31.9, "−31.9"),
        (2.5e12, "2.50e+12"),
    ],
)
def test_number(value: float, expected: str) -> None:
    assert number(value) == expected


@given(st.floats(min_value=1e-3, max_value=1e8))
def test_number_is_right_to_three_digits(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.006, abs=6e-4)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0123, "12.3 ms"), (3.2, "3.20 s"), (600, "10.0 min")]
)
def test_duration(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("n_bytes", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1.3e9, "1.2 GiB"), (5e15, "4547.5 TiB")],
)
def test_data_size(n_bytes: float, expected: str) -> None:
    assert data_size(n_bytes) == expected


def test_units() -> None:
    assert quantity(0.5, "fraction") == ".500"
    assert quantity(3.1e13, "FLOP/s") == "31.0 TFLOP/s"
    assert quantity(1236.0, "pairs/s") == "1,236"


def test_interval_follows_the_value() -> None:
    e = Estimate(
        metric="accuracy", value=0.62286, ci_low=0.571, ci_high=0.672, n=350, unit="fraction"
    )
    assert with_interval(e) == ".623 [.571, .672]"
    assert value_only(e) == ".623"


def test_interval_ends_have_the_decimals_of_the_value() -> None:
    e = Estimate(metric="x", value=0.9, ci_low=0.7, ci_high=1.1, n=350, unit="reward")
    assert with_interval(e, signed=True) == "+0.900 [+0.700, +1.100]"


def test_undefined_is_a_dash() -> None:
    e = Estimate(metric="nll", value=None, reason="not logits", n=0, unit="nat")
    assert with_interval(e) == value_only(e) == with_interval(None) == "–"
