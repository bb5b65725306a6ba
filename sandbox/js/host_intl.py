"""What ``Intl`` asks of the host: where a time zone's clocks stand at an instant. Reads the machine's zone files."""

import json
import math
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.contract import HostCallError

_SECONDS_MIN, _SECONDS_MAX = (
    -62_135_596_800 + 172_800,
    253_402_300_799 - 172_800,
)  # what datetime holds, less two days


def perform(name: str, payload: bytes) -> bytes:
    """Answer ``intl.zone``: ``[zone, ms]`` → ``{"offset": ms, "name", "summer"}``. Raises HostCallError."""
    if name != "intl.zone":
        raise HostCallError(f"{name} is not known")
    zone, time_ms = json.loads(payload)
    if not isinstance(zone, str) or not isinstance(time_ms, int | float) or not math.isfinite(time_ms):
        raise HostCallError("ERR_INVALID_ARG_VALUE: a zone and a time are needed")
    seconds = min(max(time_ms / 1000, _SECONDS_MIN), _SECONDS_MAX)
    at = datetime.fromtimestamp(seconds, UTC).astimezone(_zone(zone))
    offset, summer = at.utcoffset(), at.dst()
    assert offset is not None
    return json.dumps(
        {"offset": round(offset.total_seconds() * 1000), "name": at.tzname() or "", "summer": bool(summer)}
    ).encode()


@lru_cache(maxsize=128)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise HostCallError(f"ERR_INVALID_ARG_VALUE: there is no time zone {name[:64]!r}") from error
