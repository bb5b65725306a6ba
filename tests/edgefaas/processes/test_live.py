"""What the admin API says of just now, asked of real POPs."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.edgefaas.processes.running import Up, ask, running_up, until, write_site

pytestmark = pytest.mark.slow


def live(up: Up, query: str = "") -> Any:
    answer = up.admin("GET", f"/v1/live{query}")
    assert answer.status == 200
    return answer.json


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running_up(write_site(tmp_path_factory.mktemp("pop")), workers=2) as running:
        yield running


def test_requests_are_seen_within_moments_from_all_workers(up: Up) -> None:
    for _ in range(30):
        up.view()
    until(lambda: live(up)["totals"]["requests_per_s"] > 0)
    said = live(up, "?history=1")
    assert (said["site"], said["process"]["running"]) == ("demo", 2)
    assert said["totals"]["p99_ms"] is not None
    assert said["totals"]["answers_per_s"]["other"] > 0
    assert len({len(column) for column in said["history"].values()}) == 1
    assert max(said["history"]["requests_per_s"]) > 0
    assert "history" not in live(up)


def test_a_pop_of_no_mesh_is_the_only_one_and_has_no_place(up: Up) -> None:
    (pop,) = live(up)["pops"]
    assert (pop["state"], pop["latitude"]) == ("here", None)


def test_a_worker_that_is_killed_takes_only_its_own_moments_with_it(up: Up) -> None:
    before = up.pids()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(up.pids()) == 2 and before[0] not in up.pids())
    for _ in range(30):
        up.view()
    until(lambda: live(up)["totals"]["requests_per_s"] > 0)
    assert live(up)["process"]["running"] == 2


def test_a_reader_may_look_on_and_a_stranger_may_not(up: Up) -> None:
    made = up.admin("POST", "/v1/tokens", {"name": "onlooker", "scopes": ["read"]}).json["token"]
    assert up.admin("GET", "/v1/live", token=made).status == 200
    assert up.admin("GET", "/v1/live", token="no").status == 401


MESH = """
[site]
name = "mesh"
[origins.assets]
directory = "."
[[behaviors]]
path = "*"
origin = "assets"
[pops.fra]
latitude = 50.1
longitude = 8.7
city = "Frankfurt"
url = "{fra}"
[pops.iad]
latitude = 39.0
longitude = -77.5
url = "{iad}"
[pops.far]
latitude = 0
longitude = 0
[router]
pop = "{here}"
mesh_secret = "0123456789abcdef0123456789abcdef"
"""


def test_a_pop_that_steers_nobody_still_sees_how_the_others_are(tmp_path: Path) -> None:
    """Told in signed answers to probes that run while somebody looks on."""

    def begin(here: str, **urls: str) -> Up:
        (tmp_path / here).mkdir()
        nowhere = {"fra": "http://127.0.0.1:9", "iad": "http://127.0.0.1:9"}
        (tmp_path / here / "edgefaas.toml").write_text(MESH.format(here=here, **(nowhere | urls)))
        return stack.enter_context(running_up(tmp_path / here, workers=1, app="edgefaas.app:PopApp"))

    with ExitStack() as stack:
        iad = begin("iad")
        fra = begin("fra", iad=iad.url)

        def row(name: str) -> Any:
            return next(pop for pop in live(fra)["pops"] if pop["name"] == name)

        assert [pop["name"] for pop in live(fra)["pops"]] == ["fra", "iad", "far"]
        assert (row("fra")["state"], row("fra")["city"]) == ("here", "Frankfurt")
        assert row("far")["state"] == "no address"
        until(lambda: row("iad")["state"] == "up" and row("iad")["live"] is not None)

        def told() -> bool:
            ask(iad.url, "GET", "/edgefaas.toml")
            figures = row("iad")["live"]
            return figures is not None and figures["requests_per_s"] > 0

        until(told)
        until(lambda: row("iad")["ms"] is not None)  # a probe that took over a second has none
        iad.process.kill()
        until(lambda: row("iad")["state"] == "down")
        assert row("iad")["problem"]
        until(lambda: row("iad")["live"] is None)
        assert json.dumps(live(fra))
