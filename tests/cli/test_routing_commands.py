"""``edgefaas route`` asks the running POP; ``edgefaas geo`` installs databases for it."""

from pathlib import Path

import pytest

from cli.route import passed_over
from router.geo import DEFAULT_CITY
from tests.cli.running import Shell
from tests.edgefaas.fleet import Fleet, free_ports

GERMANY = "84.128.0.1"
SITE = """
[pops.fra]
latitude = 50.1
longitude = 8.7
[pops.sin]
latitude = 1.35
longitude = 103.8
"""


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


def test_route_explains_every_pop_from_the_site_s_file(shell: Shell) -> None:
    Path("edgefaas.toml").write_text(SITE)
    ended = shell("route", GERMANY, "--explain")
    assert ended.code == 0
    assert "→ fra" in ended.out
    for word in ("Germany", "84.128.0.0/24", "PRIOR", "MEASURED", "HEALTH", "offline", "sin"):
        assert word in ended.out
    told = shell("route", GERMANY, "--json").json
    assert [row["pop"] for row in told["pops"]] == ["fra", "sin"]
    assert told["pop"] == "fra"


def test_route_refuses_what_is_no_address(shell: Shell) -> None:
    Path("edgefaas.toml").write_text(SITE)
    assert shell("route", "nonsense").code == 2


@pytest.mark.slow
def test_route_asks_the_pop_that_runs(shell: Shell, tmp_path: Path) -> None:
    made = Fleet(tmp_path, dict(zip(["fra", "iad", "sin"], free_ports(3), strict=True)))
    made.start("fra")
    try:
        where = ("-c", "fra.toml", "--data", "data/fra")
        ended = shell("route", GERMANY, "--explain", *where)
        assert ended.code == 0
        assert "by the POP at http://127.0.0.1:" in ended.out
        assert shell("route", GERMANY, "--json", *where).json["pop"] == "fra"
        assert "offline" in shell("route", GERMANY, "--explain", "--offline", *where).out
    finally:
        made.kill("fra")


def test_geo_update_installs_a_good_file_and_refuses_a_bad_one(shell: Shell) -> None:
    Path("edgefaas.toml").write_text(SITE)
    assert shell("geo", "update", DEFAULT_CITY).code == 0
    good = Path(".edgefaas/geo/city.mmdb").resolve()
    Path("bad.mmdb").write_bytes(DEFAULT_CITY.read_bytes()[:5000])
    ended = shell("geo", "update", "bad.mmdb")
    assert (ended.code, "bad.mmdb" in ended.err) == (1, True)
    assert Path(".edgefaas/geo/city.mmdb").resolve() == good
    assert shell("geo", "update", "none.mmdb").code == 2
    assert shell("route", GERMANY).code == 0


def test_bench_routing_reads_the_files_that_are_named(shell: Shell) -> None:
    pytest.importorskip("benchmarks.routing")
    ended = shell("bench", "routing", "--matrix", "none.csv", "--cities", "none.csv")
    assert (ended.code, "none.csv" in ended.err) == (2, True)


def seen(pop: str, expected_ms: float, **fields: object) -> dict[str, object]:
    return {"pop": pop, "expected_ms": expected_ms, "share": 1.0, "wait_ms": 0.0, "state": "up", **fields}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"share": 0.0, "state": "down"}, "fra, which is down"),
        (
            {"share": 0.25, "state": "warming"},
            "warming: 25% of its viewers are sent there, not yet this prefix",
        ),
        ({"wait_ms": 60.0, "total_ms": 123.0}, "busy: with its queue counted twice it takes 123.0 ms"),
        ({}, "not nearer by enough"),
    ],
)
def test_route_says_why_a_nearer_pop_is_passed_over(fields: dict[str, object], words: str) -> None:
    rows = [seen("fra", 3.0, **fields), seen("iad", 90.0), seen("sin", 170.0)]
    (line,) = passed_over(rows, rows[1])
    assert words in line
    assert passed_over(rows, rows[0]) == []
