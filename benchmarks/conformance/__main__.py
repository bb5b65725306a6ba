"""``python -m benchmarks.conformance``: run the suite, print the score, compare it with the baseline.

Exit codes: 0 as good as the baseline and complete, or not runnable on this machine (the reason is shown);
3 a test of the baseline does not pass; 4 fewer than all uncontested tests pass. ``--suite`` runs a newer edition: a
copy of the suite's repository, where ``npm install`` was run.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from benchmarks.conformance.contested import CONTESTED, STILL_CONTESTED
from benchmarks.conformance.score import Kind, Score, score
from benchmarks.conformance.suite import PACKAGE, UnavailableError, install, is_newer, run

BASELINE = Path(__file__).parent / "baseline.json"
REGRESSION, INCOMPLETE = 3, 4
EXPECTED = {Kind.REQUIRED: 139, Kind.OPTIMAL: 79}
EXPECTED_NEWER = {Kind.REQUIRED: 159, Kind.OPTIMAL: 98}


def judge(
    found: Score, baseline: list[str], expected: Mapping[Kind, int] = EXPECTED
) -> tuple[int, list[str]]:
    """Return the exit code and the tests of the baseline that do not pass. Pure."""
    passing = set(found.passing)
    lost = [id_ for id_ in baseline if id_ not in passing]
    complete = all(found.uncontested[kind].passed >= wanted for kind, wanted in expected.items())
    return (REGRESSION if lost else 0 if complete else INCOMPLETE), lost


def told(found: Score) -> str:
    """Return the score as lines of text, failing tests with their reasons."""
    lines = [
        f"  {kind:<9} {found.uncontested[kind]!s:>8}  with contested tests {found.all[kind]!s:>8}"
        for kind in Kind
    ]
    for id_, why in sorted(found.failing.items()):
        contested = f"  [contested: {CONTESTED[id_]}]" if id_ in CONTESTED else ""
        lines.append(f"  fails {id_}: {why}{contested}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conformance", description=__doc__)
    parser.add_argument("--workers", type=int, action="append", help="workers of the POP; default: 1 and 2")
    parser.add_argument("--write-baseline", action="store_true", help="keep what passes in every run")
    parser.add_argument(
        "--suite", type=Path, help="a folder with a newer edition; default: the package of npm"
    )
    chosen = parser.parse_args(arguments)
    try:
        suite = chosen.suite or install()
    except UnavailableError as reason:
        print(f"conformance: skipped: {reason}")
        return 0
    newer = is_newer(suite)
    contested, expected = (STILL_CONTESTED, EXPECTED_NEWER) if newer else (CONTESTED, EXPECTED)
    baseline: list[str] = json.loads(BASELINE.read_text()) if BASELINE.is_file() and not newer else []
    worst, common = 0, set[str]()
    for number, workers in enumerate(chosen.workers or (1, 2)):
        done = run(suite, workers, baseline)
        found = score(done.tests, done.outcomes, contested)
        code, lost = judge(found, [] if chosen.write_baseline else baseline, expected)
        print(f"{suite if newer else PACKAGE}, {workers} worker{'s' * (workers > 1)}, ", end="")
        print(f"{done.repeated} passed only when repeated:")
        print(told(found))
        for id_ in lost:
            print(f"  REGRESSION {id_}")
        common = set(found.passing) if number == 0 else common & set(found.passing)
        worst = code if worst == 0 else min(worst, code or worst)
    if chosen.write_baseline and not newer:
        BASELINE.write_text(json.dumps(sorted(common), indent=1) + "\n")
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
