"""The rows of the control store as values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgefaas.cache.purge import Purge

HASH_SHORT = 12  # digits of a version that people see


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One immutable version of a function. ``number`` counts from 1 within the function."""

    function: str
    version: str
    kind: str
    entry: str
    handler: str
    files: Mapping[str, str]
    settings: Mapping[str, Any]
    size_bytes: int
    created_at_s: float
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """What this machine made of a version."""

    artifact: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of what viewers get; ``version`` None: the function was removed.

    A canary's begin has the live version as ``previous``, its end None. ``reason`` is a health check's.
    """

    at_s: float
    actor: str
    action: str
    function: str
    version: str | None
    previous: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What the history is told of a change: which, by whom, when (Unix seconds), and why."""

    action: str
    actor: str
    at_s: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRecord:
    """A purge that was asked for; ``removed`` is None until every worker confirmed it."""

    id: int
    at_s: float
    actor: str
    purge: Purge
    removed: int | None
