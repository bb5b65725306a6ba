"""What an answer of the admin API leaves out: values that may be secret. Pure."""

from collections.abc import Mapping
from typing import Any

SECRET = "(set)"  # noqa: S105  # in the place of a value that is not shown
_SECRET_KEYS = frozenset({"mesh_secret"})
_SECRET_MAPS = frozenset({"environment", "headers"})  # of functions, and towards origins


def without_secrets(plain: Any) -> Any:
    """Return plain values with everything replaced that may be a secret."""
    if isinstance(plain, list):
        return [without_secrets(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    shown: dict[str, Any] = {}
    for key, value in plain.items():
        if key in _SECRET_KEYS and value:
            shown[key] = SECRET
        elif key in _SECRET_MAPS and isinstance(value, dict):
            shown[key] = dict.fromkeys(value, SECRET)
        else:
            shown[key] = without_secrets(value)
    return shown


def without_values(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a version's settings with the names of its environment only."""
    if "environment" not in settings:
        return dict(settings)
    return {**settings, "environment": dict.fromkeys(settings["environment"], SECRET)}
