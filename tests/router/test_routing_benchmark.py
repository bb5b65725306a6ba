"""The evaluation runs from the shipping code, reads worlds from files, and says so when it has none."""

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.routing import trace
from benchmarks.routing.__main__ import main
from benchmarks.routing.balancers import BALANCERS
from benchmarks.routing.crowd import SCENARIOS
from benchmarks.routing.world import World, read_world, synthetic_world


@pytest.fixture(scope="module")
def world() -> World:
    return synthetic_world(count=60)


def written(world: World, folder: Path) -> tuple[Path, Path]:
    cities, matrix = folder / "cities.csv", folder / "rtt.csv.gz"
    rows = [f"{i},{c.name},{c.country},{c.latitude},{c.longitude}" for i, c in enumerate(world.cities)]
    cities.write_text("\n".join(["id,city,country,latitude,longitude", *rows]))
    lines = ["source,destination,min_ms,avg_ms,max_ms,mdev_ms"]
    for one, row in enumerate(world.rtt_ms):
        lines += [f"{one},{other},{ms},{ms},{ms},0" for other, ms in enumerate(row) if other >= one and ms]
    with gzip.open(matrix, "wt") as file:
        file.write("\n".join(lines))
    return matrix, cities


def test_a_world_read_from_files_is_the_one_that_was_written(world: World, tmp_path: Path) -> None:
    found = read_world(*written(world, tmp_path))
    assert found.cities == world.cities
    assert found.rtt_ms == world.rtt_ms


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.slow
def test_the_shipping_router_comes_closer_to_the_oracle_than_geoip_does(world: World) -> None:
    setting = trace.draw(world, 8, 1, 60)
    nearest = trace.play(setting, trace.geoip_nearest)
    ours = trace.play(setting, trace.shipping(side_probes=True))
    without = trace.play(setting, trace.shipping(side_probes=False))
    oracle = trace.play(setting, trace.oracle)
    assert mean(oracle.excess) == 0
    assert mean(ours.excess) < 0.25 * mean(nearest.excess)
    assert mean(ours.excess) <= mean(without.excess) < mean(nearest.excess)
    assert ours.probes_per_request <= 0.12 + 0.15  # the burst is large against so few requests
    assert without.probes_per_request == 0


def run(world: World, balancer: str, scenario: str) -> list[float]:
    return sorted(BALANCERS[balancer](trace.draw(world, 6, 1, 1), SCENARIOS[scenario]).run())


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["flash crowd, crash, slow POP", "gossip each second"])
def test_under_load_the_shipping_router_stays_near_the_greedy_one(world: World, scenario: str) -> None:
    ours, greedy = run(world, "ours", scenario), run(world, "greedy on exact state", scenario)
    assert len(ours) == len(greedy)  # the same requests for all, and all of them answered
    assert ours[int(0.99 * len(ours))] < 1.1 * greedy[int(0.99 * len(greedy))]
    assert mean(ours) < 1.1 * mean(greedy)


def test_the_same_seed_gives_the_same_run(world: World) -> None:
    setting = trace.draw(world, 4, 3, 5)
    first = trace.play(setting, trace.shipping(side_probes=True))
    assert first.excess == trace.play(setting, trace.shipping(side_probes=True)).excess


def test_a_file_that_is_no_world_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cities.csv").write_text("a,b\n1,2\n")
    (tmp_path / "rtt.csv").write_text("")
    files = ["--matrix", str(tmp_path / "rtt.csv"), "--cities", str(tmp_path / "cities.csv")]
    assert main(files) == 2
    assert "the columns must be" in capsys.readouterr().err
    assert main(["--matrix", str(tmp_path / "none"), "--cities", str(tmp_path / "none")]) == 2


@pytest.mark.slow
def test_without_data_it_says_so_and_prints_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--pops", "4", "--seeds", "1", "--requests", "4", "--json", "--only-table"]) == 0
    printed = capsys.readouterr()
    assert "synthetic" in printed.err
    document = json.loads(printed.out)
    assert document["world"] == "synthetic"
    policies = {row["policy"]: row for row in document["rows"]}
    assert policies["oracle"]["mean"] == 0
    assert policies["ours"]["pops"] == 4
