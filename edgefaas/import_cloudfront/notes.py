"""What an import leaves out, and how it reads JSON of unknown quality. Pure."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgefaas.errors import UsageError

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
NAME_MAX = 63


@dataclass
class Notes:
    """Collects sentences about what could not be carried over, each once, in order."""

    sentences: list[str] = field(default_factory=list)

    def add(self, what: str, instead: str) -> None:
        """Note what is left out and what to do instead."""
        sentence = f"{what}: {instead}"
        if sentence not in self.sentences:
            self.sentences.append(sentence)


@dataclass
class Names:
    """Gives ids names that ``edgefaas.toml`` takes: letters, digits, - and _, at most 63, no two alike."""

    by_id: dict[str, str] = field(default_factory=dict)

    def of(self, identifier: str) -> str:
        """Return the name of ``identifier``, always the same."""
        if identifier not in self.by_id:
            base = _NOT_IN_NAMES.sub("-", identifier).strip("-_")[: NAME_MAX - 4] or "unnamed"
            name, count = base, 1
            while name in self.by_id.values():
                count += 1
                name = f"{base}-{count}"
            self.by_id[identifier] = name
        return self.by_id[identifier]


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    """Return a JSON object; an absent one is empty. Raises UsageError."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UsageError(
            f"{where} is not an object", remedy="Give the output of aws cloudfront get-distribution-config."
        )
    return value


def items(value: Any, where: str) -> list[Any]:
    """Return the ``Items`` of one of the API's lists (``{"Quantity": 1, "Items": [...]}``)."""
    found = mapping(value, where).get("Items") or []
    if not isinstance(found, list):
        raise UsageError(
            f"{where}.Items is not a list",
            remedy="Give the output of aws cloudfront get-distribution-config.",
        )
    return found


def objects(value: Any, where: str) -> list[Mapping[str, Any]]:
    """Return ``Items`` that are objects."""
    return [mapping(item, f"{where}.Items[{at}]") for at, item in enumerate(items(value, where))]


def texts(value: Any, where: str) -> list[str]:
    """Return ``Items`` that are strings (or numbers, as text)."""
    return [str(item) for item in items(value, where)]


def text(value: Any) -> str:
    """Return a string member, "" when absent."""
    return "" if value is None else str(value)


def number(value: Any, default: float) -> float:
    """Return a number member; the API writes some as strings."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return found if math.isfinite(found) else default
