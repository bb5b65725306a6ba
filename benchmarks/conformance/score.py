"""Score a run of the suite. Pure.

A test passes when it did and every test that it depends on passes too, as on the suite's public result pages.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a test is about: conformance, efficiency, or only a question."""

    REQUIRED = "required"
    OPTIMAL = "optimal"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Case:
    """A test of the suite, as the suite describes it."""

    id: str
    kind: Kind
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended; ``why`` is empty for one that passed."""

    passed: bool
    why: str = ""


@dataclass(slots=True)
class Count:
    """Tests passed out of those run."""

    passed: int = 0
    run: int = 0

    def __str__(self) -> str:
        return f"{self.passed}/{self.run}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Totals per kind: of all tests, and without the contested ones. ``failing`` says why, by id."""

    all: Mapping[Kind, Count]
    uncontested: Mapping[Kind, Count]
    passing: Sequence[str]
    failing: Mapping[str, str] = field(default_factory=dict)


def outcome_of(result: object) -> Outcome:
    """Read one result of the suite: true, or a pair of a kind of failure and a message."""
    if result is True:
        return Outcome(passed=True)
    if isinstance(result, list):
        return Outcome(passed=False, why=": ".join(map(str, result)))
    return Outcome(passed=False, why="not run")


def score(tests: Sequence[Case], outcomes: Mapping[str, Outcome], contested: Container[str]) -> Score:
    """Count ``tests``. One without an outcome has not passed; a dependency that is no test is taken as met."""
    known = {test.id: test for test in tests}
    verdicts: dict[str, Outcome] = {}

    def verdict(test: Case, above: frozenset[str]) -> Outcome:
        if test.id in verdicts:
            return verdicts[test.id]
        found = outcomes.get(test.id, outcome_of(None))
        within = above | {test.id}
        for needed in test.depends_on:
            if needed in known and needed not in within and not verdict(known[needed], within).passed:
                found = Outcome(passed=False, why=f"depends on {needed}, which does not pass")
                break
        if not above:
            verdicts[test.id] = found
        return found

    all_ = {kind: Count() for kind in Kind}
    uncontested = {kind: Count() for kind in Kind}
    for test in tests:
        passed = verdict(test, frozenset()).passed
        for counts in (all_, uncontested) if test.id not in contested else (all_,):
            counts[test.kind].run += 1
            counts[test.kind].passed += passed
    return Score(
        all=all_,
        uncontested=uncontested,
        passing=sorted(id_ for id_, found in verdicts.items() if found.passed),
        failing={id_: found.why for id_, found in verdicts.items() if not found.passed},
    )
