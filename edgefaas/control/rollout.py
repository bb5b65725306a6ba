"""What is being tried out, and whether it may stay: rollouts, their rules and the verdict. Pure.

A rollout is a version that went out and can still be taken back: a canary, or a version that everybody has and that
is watched for a while. What was deployed together has one salt, and is promoted or taken back together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from edgefaas.errors import DeployError
from edgefaas.split import WHOLE, Affinity, Split

WINDOW_S = 30.0
WINDOW_MAX_S = 3_600.0
MAX_ERRORS = 0.05
MIN_RUNS = 20
MIN_RUNS_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a version is taken back by itself.

    Over the last ``window_s`` seconds (1 to 3600), with at least ``min_runs`` runs, the share of its runs that were
    errors may exceed that of the version beside it by ``max_errors`` (0 to 1) at most.
    """

    window_s: float = WINDOW_S
    max_errors: float = MAX_ERRORS
    min_runs: int = MIN_RUNS

    def __post_init__(self) -> None:
        """Refuse what can be no rule. Raises DeployError."""
        for name, low, high in (
            ("window_s", 1, WINDOW_MAX_S),
            ("max_errors", 0, 1),
            ("min_runs", 1, MIN_RUNS_MAX),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise DeployError(
                    f"A health check cannot have {name} = {value!r}", remedy=f"Use {low:g} to {high:g}."
                )
        if not isinstance(self.min_runs, int):
            raise DeployError("min_runs is not a whole number", remedy="Count runs in whole numbers.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A version of a function on its way, and the one to go back to.

    ``share`` is in hundredths of a percent; 10,000 is everybody. ``rule`` is None where nobody watches by himself;
    ``until_s`` when watching ends (Unix seconds), None for as long as it lasts.
    """

    function: str
    version: str
    previous: str
    share: int
    affinity: Affinity
    salt: str
    since_s: float
    rule: Rule | None = None
    until_s: float | None = None

    @property
    def is_canary(self) -> bool:
        """Say whether only some viewers have it."""
        return self.share < WHOLE

    @property
    def split(self) -> Split:
        """Return which viewers get it."""
        return Split(
            live=self.previous,
            canary=self.version,
            share=self.share,
            affinity=self.affinity,
            salt=self.salt,
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """Runs of one version within a window, and how many of them were errors."""

    runs: int = 0
    errors: int = 0

    @property
    def share(self) -> float:
        """Return the share of errors, 0 where nothing ran."""
        return self.errors / self.runs if self.runs else 0.0


def judge(new: Counted, beside: Counted, rule: Rule, *, final: bool) -> str:
    """Return why a version must be taken back, "" where it may stay.

    ``beside`` is what the other version did meanwhile: what fails everywhere is no canary's fault. ``final``: the
    window is over, and fewer runs than ``min_runs`` have to do.
    """
    if not new.runs or (new.runs < rule.min_runs and not final):
        return ""
    allowed = rule.max_errors + beside.share
    if new.share <= allowed:
        return ""
    reason = f"{new.errors} of {new.runs} runs in {rule.window_s:g} s were errors, {new.share:.1%}"
    if beside.errors:
        return f"{reason}; the version beside it had {beside.share:.1%}, and {rule.max_errors:.1%} more are allowed"
    return f"{reason}; {rule.max_errors:.1%} are allowed"


def counted(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Counted]:
    """Return what one worker has counted so far, by function and version."""
    found: dict[tuple[str, str], Counted] = {}
    for row in rows:
        throttled = int(row["throttled"])  # who found no room says nothing about the version
        errors = int(row["errors"]) - throttled + int(row["server_errors"])
        found[str(row["name"]), str(row["version"])] = Counted(int(row["runs"]) - throttled, errors)
    return found


def grown(before: Counted, after: Counted) -> Counted:
    """Return what was counted since; a counter that went back was begun anew by a new worker."""
    if after.runs < before.runs or after.errors < before.errors:
        return after
    return Counted(after.runs - before.runs, after.errors - before.errors)


def rule_from_json(plain: Any) -> Rule | None:
    """Return the rule of a JSON object, None for none. Raises DeployError."""
    if plain is None:
        return None
    known = {item.name for item in fields(Rule)}
    if not isinstance(plain, dict) or not plain.keys() <= known:
        raise DeployError("watch is not an object of rules", remedy=f"Send {', '.join(sorted(known))}.")
    return Rule(**plain)


def rule_to_json(rule: Rule | None) -> dict[str, Any] | None:
    """Return the rule as a JSON object."""
    return None if rule is None else asdict(rule)
