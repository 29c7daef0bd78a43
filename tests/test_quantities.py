"""Sizes as text: what is read, what is refused and how, and that writing and reading agree."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_scaling.errors import BayesScalingError
from bayes_scaling.quantities import format_quantity, parse_quantity

SIZES = st.floats(min_value=1e-300, max_value=1e300)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("100k", 1e5),
        ("100K", 1e5),
        ("1.5B", 1.5e9),
        ("1.5b", 1.5e9),
        ("7G", 7e9),
        ("20M", 20e6),
        ("2T", 2e12),
        ("1e6", 1e6),
        ("2.5E+3", 2500.0),
        ("1e-3", 0.001),
        ("1_000", 1000.0),
        ("1_000.5k", 1_000_500.0),
        (".5M", 5e5),
        ("5.", 5.0),
        ("3 k", 3000.0),
        ("  64 ", 64.0),
        (8, 8.0),
        (2.5, 2.5),
        (np.int64(3), 3.0),
        (np.float32(0.5), 0.5),
    ],
)
def test_sizes_are_read(text, size):
    assert parse_quantity(text) == size


def test_a_suffix_costs_no_precision():
    assert parse_quantity("14.78B") == 14.78e9
    assert parse_quantity("0.956B") == parse_quantity("956M") == 956e6


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1,000", "leave the comma out and write 1000 or 1k"),
        ("1,5B", "leave the comma out"),
        ("1m", "write 1M for a million"),
        ("2.5 m", "write 2.5M for a million"),
        ("3t", "such as 100000, 1e5, 100k"),
        ("3 kk", "such as 100000"),
        ("1e3k", "such as 100000"),
        ("1__0", "such as 100000"),
        ("k", "such as 100000"),
        ("", "such as 100000"),
        ("big", "such as 100000"),
        ("nan", "such as 100000"),
        ("-5k", "write a positive number"),
        ("١٢", "such as 100000"),
    ],
)
def test_other_text_is_refused_with_advice(text, reason):
    with pytest.raises(BayesScalingError) as caught:
        parse_quantity(text)
    assert f"size {text.strip()!r} is not understood" in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize("size", [0, -1, 0.0, math.nan, math.inf, -math.inf, "0", "0k", "1e999"])
def test_sizes_are_positive_and_finite(size):
    with pytest.raises(BayesScalingError) as caught:
        parse_quantity(size)
    assert f"size {size!r} is not positive and finite: give a number above zero" in str(caught.value)


@pytest.mark.parametrize(("size", "kind"), [(True, "bool"), (None, "NoneType"), ([1], "list"), (1j, "complex")])
def test_other_types_are_refused(size, kind):
    with pytest.raises(BayesScalingError, match=f"is a {kind}: give a number, or text such as '100k'"):
        parse_quantity(size)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1.5e9, "1.5B"),
        (100_000, "100k"),
        (956e6, "956M"),
        (14.78e9, "14.8B"),
        (2e12, "2T"),
        (999_600, "1M"),
        (999.6, "1k"),
        (1000, "1k"),
        (999, "999"),
        (8, "8"),
        (12.5, "12.5"),
        (0.5, "0.5"),
        (0.00012345, "0.000123"),
        (5e17, "500000T"),
        (1e18, "1e+18"),
        (1e-5, "1e-05"),
    ],
)
def test_sizes_are_written_with_three_digits(size, text):
    assert format_quantity(size) == text


def test_all_digits_are_written_on_request():
    assert format_quantity(14.78e9, digits=None) == "14.78B"
    assert format_quantity(124_439_808, digits=None) == "124.439808M"


@pytest.mark.parametrize("size", [0, -3.0, math.nan, math.inf])
def test_only_sizes_are_written(size):
    with pytest.raises(BayesScalingError, match="is not positive and finite"):
        format_quantity(size)


@given(SIZES)
def test_writing_all_digits_and_reading_gives_the_size_back(size):
    assert parse_quantity(format_quantity(size, digits=None)) == size


@given(SIZES)
def test_writing_three_digits_and_reading_stays_within_them(size):
    assert parse_quantity(format_quantity(size)) == pytest.approx(size, rel=0.00501)


@given(st.floats(min_value=1, max_value=1e15))
def test_writing_is_idempotent(size):
    text = format_quantity(size)
    assert format_quantity(parse_quantity(text)) == text


@given(st.text())
def test_any_text_is_a_size_or_one_clear_error(text):
    try:
        assert parse_quantity(text) > 0
    except BayesScalingError as error:
        assert str(error).startswith("size ")
