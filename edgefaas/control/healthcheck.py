"""The event that a new version must handle before any viewer gets it, and whether it did. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgefaas.errors import DeployError


class HealthCheckError(DeployError):
    """A new version did not handle its test event; no viewer got it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An event that a new version must handle before any viewer gets it.

    It must finish, with no status of 500 and more; where ``expect`` is not None the result must hold all of it.
    """

    event: Any
    expect: Any = None


NO_CHECKS: Mapping[str, Check] = {}
"""By the function that each is of."""


def failed_check(told: Mapping[str, Any], check: Check) -> str:
    """Return why a run of the test event is no success, "" where it is one."""
    if told.get("outcome") != "finished":
        return str(told.get("error") or f"it ended as {told.get('outcome')}")
    result = told.get("result")
    status = _status(result)
    if status >= 500:  # noqa: PLR2004  # RFC 9110, 15.6
        return f"it answered {status}"
    if check.expect is not None and (where := missing(check.expect, result)) is not None:
        return f"its result is not what is expected at {where or 'the top'}"
    return ""


def _status(result: Any) -> int:
    if not isinstance(result, dict):
        return 0
    said = str(result.get("status", result.get("statusCode", "")))
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 4 else 0  # noqa: PLR2004  # no status is longer


def missing(expected: Any, found: Any, path: str = "") -> str | None:
    """Return where ``found`` lacks something of ``expected``; None where it holds all of it.

    Objects may have more keys than expected; everything else must be equal.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            inner = f"{path}.{key}" if path else str(key)
            if key not in found:
                return inner
            if (where := missing(value, found[key], inner)) is not None:
                return where
        return None
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            if (where := missing(one, other, f"{path}[{index}]")) is not None:
                return where
        return None
    return None if expected == found and type(expected) is type(found) else path
