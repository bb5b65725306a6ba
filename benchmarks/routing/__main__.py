"""``python -m benchmarks.routing``: how near is "nearest", in one table.

Seeds 0 to 9 by default; the constants of the router were set on seeds 100 to 105.
"""

import argparse
import csv
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.routing import trace
from benchmarks.routing.balancers import BALANCERS, EXACT
from benchmarks.routing.crowd import SCENARIOS
from benchmarks.routing.report import Row, decision_costs, percentile, row_of
from benchmarks.routing.world import World, WorldError, read_world, synthetic_world

POLICIES: dict[str, tuple[trace.Policy, float]] = {
    "random": (trace.RandomPop, 1.0),
    "country centroid": (trace.country_centroid, 1.0),
    "geoip nearest": (trace.geoip_nearest, 1.0),
    "ours, no side probes": (trace.shipping(side_probes=False), 1.0),
    "ours, half can probe": (trace.shipping(side_probes=True), 0.5),
    "ours": (trace.shipping(side_probes=True), 1.0),
    "oracle": (trace.oracle, 1.0),
}
TWELVE = 12  # POPs, for what is played with one number of them
CROWD_POPS = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return its exit code (2: usage)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.matrix is None) != (options.cities is None):
        parser.error("--matrix and --cities go together")
    try:
        world = _world(options.matrix, options.cities)
    except (OSError, ValueError, KeyError, EOFError, csv.Error) as error:
        print(f"cannot read the world: {error}", file=sys.stderr)
        return 2
    try:
        document = _run(world, options)
    except WorldError as error:
        print(f"cannot play in this world: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(document))
    return 0


def _run(world: World, options: argparse.Namespace) -> dict[str, object]:
    """Play everything in one world; return it as plain JSON values."""
    say: Callable[[str], None] = (lambda _line: None) if options.json else _print
    say(
        f"{world.name}: {len(world.cities)} cities; {options.requests} requests per group of viewers; "
        f"seeds 0-{options.seeds - 1}"
    )
    rows = _evaluate(world, options, say)
    extra: dict[str, object] = {}
    if not options.only_table:
        few = min(TWELVE, len(world.cities) // 2)
        told = {
            "route change of +40 ms": _route_change(world, few, options),
            "a new group of a known network": _newcomers(world, few, options.seeds),
            "decision cost": decision_costs(),
        }
        for title, values in told.items():
            say(f"{title}: " + "; ".join(f"{name} {value}" for name, value in values.items()))
        say("under load, mean / p99:")
        extra = {**told, "load": _crowds(world, min(CROWD_POPS, few), options.seeds, say)}
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    return {"world": world.name, "machine": machine, "rows": [row.as_json() for row in rows], **extra}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing", description=__doc__)
    parser.add_argument(
        "--matrix", type=Path, help="round trips: source,destination,min_ms (CSV, may be gzipped)"
    )
    parser.add_argument("--cities", type=Path, help="cities: id,city,country,latitude,longitude (CSV)")
    parser.add_argument("--pops", type=_numbers, default="6,12,24", help="how many POPs, several with commas")
    parser.add_argument("--seeds", type=_number, default=10)
    parser.add_argument("--requests", type=_number, default=100, help="per group of viewers, on average")
    parser.add_argument("--noise", type=float, default=1.0, help="times the access noise of a usual home")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only-table", action="store_true", help="without route change, crowd and costs")
    return parser


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _numbers(text: str) -> list[int]:
    return [_number(part) for part in text.split(",")]


def _world(matrix: Path | None, cities: Path | None) -> World:
    if matrix is None or cities is None:  # both, as main has seen to
        print("no --matrix and --cities: a synthetic world by a published model", file=sys.stderr)
        return synthetic_world()
    return read_world(matrix, cities)


def _evaluate(world: World, options: argparse.Namespace, say: Callable[[str], None]) -> list[Row]:
    rows = []
    requests, noise = options.requests, options.noise
    say(Row.heading())
    for count in options.pops:
        for name, (policy, can_probe) in POLICIES.items():
            started_s = time.process_time()
            outcomes = [
                trace.play(
                    replace(trace.draw(world, count, seed, requests), noise=noise),
                    policy,
                    can_probe=can_probe,
                )
                for seed in range(options.seeds)
            ]
            rows.append(row_of(count, name, outcomes, time.process_time() - started_s))
            say(rows[-1].as_text())
    return rows


def _route_change(world: World, pops: int, options: argparse.Namespace) -> dict[str, float]:
    found: list[float] = []
    for seed in range(options.seeds):
        setting = trace.draw(world, pops, seed, options.requests)
        change = trace.RouteChange(at=setting.requests // 2)
        found += trace.play(setting, trace.shipping(side_probes=True), shift=change).found_after
    within = sum(count <= 10 for count in found) / max(1, len(found))
    return {
        "p50 requests": percentile(found, 0.5),
        "p95": percentile(found, 0.95),
        "within 10": round(within, 4),
        "cases": len(found),
    }


def _newcomers(world: World, pops: int, seeds: int) -> dict[str, float]:
    first: list[float] = []
    geo: list[float] = []
    for seed in range(seeds):
        setting = trace.draw_networks(world, pops, seed)
        first += trace.play(setting, trace.shipping(side_probes=True)).first_with_peers
        geo += trace.play(setting, trace.geoip_nearest).first_with_peers
    return {
        "mean excess ms of its first request": round(sum(first) / max(1, len(first)), 2),
        "p99": round(percentile(first, 0.99), 1),
        "geoip nearest mean": round(sum(geo) / max(1, len(geo)), 2),
        "geoip nearest p99": round(percentile(geo, 0.99), 1),
    }


def _crowds(
    world: World, pops: int, seeds: int, say: Callable[[str], None]
) -> dict[str, dict[str, dict[str, float]]]:
    """Return, per scenario and balancer, the mean and p99 of all seeds, and p99 over greedy's seed by seed."""
    told: dict[str, dict[str, dict[str, float]]] = {}
    for title, scenario in SCENARIOS.items():
        settings = [trace.draw(world, pops, seed, 1) for seed in range(seeds)]
        runs = {
            name: [make(s, scenario).run() for s in settings]
            for name, make in BALANCERS.items()
            if not told or name in ("ours", EXACT)
        }
        exact = [percentile(run, 0.99) for run in runs[EXACT]]
        rows = told[title] = {}
        for name, of_seeds in runs.items():
            together = [ms for run in of_seeds for ms in run]
            ratios = [percentile(run, 0.99) / least for run, least in zip(of_seeds, exact, strict=True)]
            rows[name] = {
                "mean ms": round(sum(together) / len(together), 1),
                "p99 ms": round(percentile(together, 0.99), 1),
                "p99 ratio, median": round(median(ratios), 3),
                "p99 ratio, worst": round(max(ratios), 3),
            }
        ours = rows["ours"]
        say(
            f"{title:36} "
            + "; ".join(f"{name} {row['mean ms']:.0f} / {row['p99 ms']:.0f} ms" for name, row in rows.items())
            + f"; ours over greedy at p99 {ours['p99 ratio, median']:.2f}, at worst {ours['p99 ratio, worst']:.2f}"
        )
    return told


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
