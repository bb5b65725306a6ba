"""The evaluation runs from the shipping code, reads worlds from files, and says so when it has none."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from benchmarks.routing import trace
from benchmarks.routing.__main__ import main
from benchmarks.routing.balancers import BALANCERS
from benchmarks.routing.crowd import SCENARIOS
from benchmarks.routing.world import World, WorldError, read_world, synthetic_world


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


def test_a_path_that_was_not_measured_goes_over_a_third_city(tmp_path: Path) -> None:
    (tmp_path / "cities.csv").write_text(
        "id,city,country,latitude,longitude\n" + "".join(f"{i},c{i},XX,{i},{i}\n" for i in range(4))
    )
    (tmp_path / "rtt.csv").write_text(
        "source,destination,min_ms\n0,1,10\n1,0,12\n1,2,20\n0,3,50\n3,2,70\n0,1,11\n2,0,nan\n3,9,1\n1,3,\n"
    )
    found = read_world(tmp_path / "rtt.csv", tmp_path / "cities.csv")
    assert (found.rtt_ms[0][1], found.rtt_ms[1][0]) == (10, 12)  # the least each way
    assert trace.path_ms(found, 0, 2) == 30
    assert trace.path_ms(found, 3, 1) == 60


def test_a_world_with_gaps_is_played_and_one_without_paths_refused(world: World) -> None:
    chance = Random(1)
    gaps = tuple(tuple(None if chance.random() < 0.5 else ms for ms in row) for row in world.rtt_ms)
    setting = trace.draw(replace(world, rtt_ms=gaps), 24, 1, 2)
    assert len(setting.groups) == len(world.cities) - 24
    assert trace.play(setting, trace.oracle).best_share == 1
    empty = replace(world, rtt_ms=tuple((None,) * len(row) for row in world.rtt_ms))
    with pytest.raises(WorldError, match="0 of 60 cities have measured paths"):
        trace.draw(empty, 2, 1, 2)
    trace.draw(world, 59, 1, 2)
    with pytest.raises(WorldError, match="no city has paths to all of 60 POPs"):
        trace.draw(world, 60, 1, 2)


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
    (tmp_path / "cities.csv").write_text("id,city,country,latitude,longitude\n1,a,XX,91,0\n")
    assert main(files) == 2
    assert "no point of the globe" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--matrix", "x.csv"], ["--pops", "6,0"], ["--seeds", "none"]])
def test_a_wrong_option_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "--pops" in capsys.readouterr().err


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
