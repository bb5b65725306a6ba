import calendar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache.dates import format_http_date, parse_http_date

MOMENT = calendar.timegm((1994, 11, 6, 8, 49, 37))


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "sUN, 06 nOV 1994 08:49:37 gmt",
    ],
)
def test_the_three_forms_of_a_date_mean_the_same_instant(text: str) -> None:
    assert parse_http_date(text) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov  1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:00:61 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
    ],
)
def test_anything_else_is_not_a_date(text: str) -> None:
    assert parse_http_date(text) is None


def test_a_leap_second_is_a_second() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == calendar.timegm((2017, 1, 1, 0, 0, 0))


def test_a_two_digit_year_is_at_most_fifty_years_ahead() -> None:
    assert parse_http_date("Thursday, 18-Aug-76 02:01:18 GMT") == calendar.timegm((2076, 8, 18, 2, 1, 18))
    assert parse_http_date("Thursday, 18-Aug-77 02:01:18 GMT") == calendar.timegm((1977, 8, 18, 2, 1, 18))


@given(st.integers(min_value=-62_135_596_800, max_value=253_402_300_799))
def test_what_is_formatted_is_parsed_back(unix_s: int) -> None:
    assert parse_http_date(format_http_date(unix_s)) == unix_s


@given(st.text(max_size=40))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    assert parse_http_date(text) is None or isinstance(parse_http_date(text), int)
