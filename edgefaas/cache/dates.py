"""HTTP dates: the three forms of RFC 9110, 5.6.7, and nothing else.

Pure. ``email.utils`` accepts malformed dates, which a cache must treat as stale (RFC 9111, 5.3); hence a
parser of our own. Day names, month names and ``GMT`` are compared without regard to case, as caches are
encouraged to (RFC 9111, 4.2); a day name that contradicts the date is not checked, as in every deployed
cache.
"""

import calendar
import re
import time
from functools import lru_cache

_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if name}
_MONTHS_LOWER = {name.lower(): number for name, number in _MONTHS.items()}
_MONTH = "(?P<month>" + "|".join(_MONTHS) + ")"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_IMF_FIXDATE = rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"
_RFC850 = (
    r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday), "
    rf"(?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"
)
_ASCTIME = rf"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"
_FORMS = tuple(re.compile(form, re.IGNORECASE | re.ASCII) for form in (_IMF_FIXDATE, _RFC850, _ASCTIME))
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LEAP_SECOND = 60
_LAST_HOUR = 23
_LAST_MINUTE = 59
_RFC850_FUTURE_YEARS = 50  # RFC 9110, 5.6.7


@lru_cache(maxsize=1024)
def parse_http_date(text: str, this_year: int = 2026) -> int | None:
    """Return Unix seconds, or None when ``text`` is not an HTTP date.

    ``this_year`` places the two-digit year of the RFC 850 form: what seems to be more than 50 years in the
    future is the most recent past year with these digits.
    """
    for form in _FORMS:
        match = form.fullmatch(text)
        if match is None:
            continue
        year, month, day = int(match["year"]), _MONTHS_LOWER[match["month"].lower()], int(match["day"])
        hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
        if len(match["year"]) == len("99"):
            year += this_year - this_year % 100
            if year > this_year + _RFC850_FUTURE_YEARS:
                year -= 100
        if year < 1 or not 1 <= day <= calendar.monthrange(year, month)[1]:
            return None
        if hour > _LAST_HOUR or minute > _LAST_MINUTE or second > _LEAP_SECOND:
            return None
        return calendar.timegm((year, month, day, hour, minute, second))
    return None


@lru_cache(maxsize=64)
def format_http_date(unix_s: int) -> str:
    """Return ``unix_s`` (whole Unix seconds) as an IMF-fixdate, the only form that may be sent."""
    moment = time.gmtime(unix_s)
    return (
        f"{_DAYS[moment.tm_wday]}, {moment.tm_mday:02d} {calendar.month_abbr[moment.tm_mon]} "
        f"{moment.tm_year:04d} {moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} GMT"
    )
