"""Canaries, health checks and their ends, through the admin API of a real POP, killed at any instant."""

import http.client
import json
import os
import random
import resource
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgefaas.control.blobs import Blobs
from edgefaas.control.bundle import Bundle, digest
from edgefaas.control.bundle_json import to_json
from edgefaas.control.store import Store
from sandbox.contract import Kind, Source
from tests.edgefaas.control.making import bundle
from tests.edgefaas.processes.running import Up, ask, begin_up, end, running_up, until, write_site

pytestmark = pytest.mark.slow
KILLS = 6


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running_up(write_site(tmp_path_factory.mktemp("pop"))) as running:
        yield running


def go_out(up: Up, text: str, **terms: Any) -> Any:
    health = terms.pop("health", None)
    function = to_json(bundle("hello", text)) | ({"health": health} if health else {})
    return up.admin("POST", "/v1/functions", {"functions": [function], **terms})


def served(up: Up, side: str) -> str:
    answer = ask(up.url, "GET", "/", headers={"Edge-Version": side})
    return str(answer.json["served"]["hello"])


def both(up: Up) -> tuple[str, str]:
    return served(up, "live"), served(up, "canary")


def test_a_canary_is_in_every_worker_until_it_is_promoted(up: Up) -> None:
    go_out(up, "old")
    answer = go_out(up, "new", canary={"percent": 10, "affinity": "header:x-user"})
    (row,) = answer.json["deployed"]
    assert (row["percent"], row["changed"], row["watched"]) == (10.0, True, True)
    for _ in range(8):
        assert both(up) == ("old", "new")
    (rollout,) = up.admin("GET", "/v1/rollouts").json["rollouts"]
    assert rollout["counts"][row["version"]]["runs"] >= 8
    assert (
        up.admin("POST", "/v1/functions/hello/promote", {"percent": 50}).json["promoted"][0]["percent"] == 50
    )
    listed = up.admin("GET", "/v1/functions/hello/versions").json
    assert (listed["rollout"]["percent"], listed["rollout"]["affinity"]) == (50.0, "header:x-user")
    assert up.admin("POST", "/v1/functions/hello/promote", {}).status == 200
    assert {both(up) for _ in range(8)} == {("new", "new")}
    assert up.admin("POST", "/v1/functions/hello/promote", {}).status == 409


def test_a_worker_that_comes_later_has_the_canary_too(up: Up) -> None:
    go_out(up, "old")
    go_out(up, "new", canary={"percent": 10})
    before = up.pids()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(set(up.pids()) - set(before)) == 1 and len(up.pids()) == 2)
    assert {both(up) for _ in range(12)} == {("old", "new")}
    assert up.admin("POST", "/v1/functions/hello/rollback", {}).json["ended"] == ["hello"]


def test_a_version_that_fails_its_test_event_is_never_live(up: Up) -> None:
    go_out(up, "old")
    for terms in ({}, {"canary": {"percent": 10}}):
        answer = go_out(up, "throws", health={"event": {}}, **terms)
        assert (answer.status, "health check: it threw" in answer.json["error"]) == (422, True)
        assert both(up) == ("old", "old")
    wrong = go_out(up, "new", health={"event": {"a": 1}, "expect": {"a": 2}})
    assert "not what is expected at a" in wrong.json["error"]
    assert go_out(up, "new", health={"event": {"a": 1}, "expect": {"a": 1}}).json["deployed"][0]["checked"]


@pytest.mark.parametrize("canary", [{}, {"canary": {"percent": 10}}])
def test_a_version_with_too_many_errors_is_taken_back_by_itself_and_told_why(up: Up, canary: Any) -> None:
    go_out(up, "old")
    watch = {"window_s": 60, "max_errors": 0.1, "min_runs": 5}
    assert go_out(up, "throws", watch=watch, **canary).json["deployed"][0]["watched"]
    until(lambda: served(up, "canary") == "old")  # by one of the workers, the others follow
    until(lambda: up.admin("GET", "/v1/audit").json["audit"][0]["actor"] == "health check")  # the last step
    assert {both(up) for _ in range(8)} == {("old", "old")}
    change = up.admin("GET", "/v1/functions/hello/versions").json["history"][0]
    assert (change["actor"], change["action"]) == ("health check", "rollback")
    assert "were errors" in change["reason"]


def test_a_version_without_errors_stays_and_is_watched_no_longer(up: Up) -> None:
    go_out(up, "old")
    go_out(up, "new", watch={"window_s": 1})

    def over() -> bool:
        return not up.admin("GET", "/v1/rollouts").json["rollouts"]

    until(over)
    assert both(up) == ("new", "new")


def test_a_plan_changes_nothing_and_is_in_no_audit(up: Up) -> None:
    go_out(up, "old")
    before = up.admin("GET", "/v1/audit").json
    outline: dict[str, Any] = {"name": "hello", "kind": "js", "entry": "index.js", "handler": ""}
    outline |= {"files": {"index.js": "0" * 64}, "settings": bundle().settings}
    (step,) = up.admin("POST", "/v1/plan", {"functions": [outline]}).json["plan"]
    assert (step["change"], step["files"], step["settings"]) == ("changed", ["~ index.js"], [])
    assert step["used_by"] == ['behaviour "*" (viewer-request)']
    assert up.admin("GET", "/v1/audit").json == before
    assert up.admin("POST", "/v1/plan", {"functions": [{}]}).status == 422


def test_old_versions_are_pruned_by_themselves_and_on_demand(tmp_path: Path) -> None:
    write_site(tmp_path)
    site = (tmp_path / "edgefaas.toml").read_text().replace("[functions", "keep_versions = 3\n[functions", 1)
    (tmp_path / "edgefaas.toml").write_text(site)
    with running_up(tmp_path, workers=1) as up:
        for number in range(6):
            go_out(up, f"text {number}")

        def numbers() -> list[int]:
            versions = up.admin("GET", "/v1/functions/hello/versions").json["versions"]
            return [row["number"] for row in versions]

        until(lambda: numbers() == [7, 6, 5])
        dry = up.admin("POST", "/v1/prune?keep=2&dry_run=1").json
        assert ([row["number"] for row in dry["versions"]], dry["done"]) == ([5], False)
        done = up.admin("POST", "/v1/prune?keep=2").json
        assert (done["files"], done["artifacts"], numbers()) == (1, 1, [7, 6])
        assert up.admin("POST", "/v1/prune?keep=0").status == 400
        assert len(list((tmp_path / "data" / "artifacts").iterdir())) == 2
        assert up.admin("POST", "/v1/functions/hello/rollback", {}).json["number"] == 6


def test_a_full_disk_refuses_changes_and_nothing_else(up: Up) -> None:
    go_out(up, "old")
    go_out(up, "new", canary={"percent": 10})
    large = b"x" * 200_000
    before = resource.prlimit(up.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(up.process.pid, resource.RLIMIT_FSIZE, (64, before[1]))  # no file may grow any more
    try:
        for refused in (
            go_out(up, "newer" * 100, canary={"percent": 20}),
            up.admin("POST", "/v1/functions/hello/promote", {}),
            up.admin("POST", "/v1/functions/hello/rollback", {}),
            up.admin("PUT", f"/v1/files/{digest(large)}", large),
        ):
            assert refused.status == 500
            assert "room" in refused.json["remedy"]
        assert {both(up) for _ in range(8)} == {("old", "new")}
    finally:
        resource.prlimit(up.process.pid, resource.RLIMIT_FSIZE, before)
    assert up.admin("POST", "/v1/functions/hello/promote", {}).status == 200
    assert both(up) == ("new", "new")


@pytest.mark.parametrize("ways", ["canary", "rollback", "refused", "taken back"])
def test_a_restart_does_not_let_out_a_source_that_was_handled_by_hand(tmp_path: Path, ways: str) -> None:
    """The site's file names the very source that was deployed as a canary, rolled back, or refused."""
    write_site(tmp_path, text="old")
    text = "throws" if ways in ("refused", "taken back") else "new"
    with running_up(tmp_path, workers=1) as up:
        (tmp_path / "hello.js").write_text(text)
        source = Source(kind=Kind.JS, files={"hello.js": text.encode()}, entry="hello.js")
        function = to_json(Bundle(name="hello", source=source)) | {"health": {"event": {}}}
        if ways == "refused":
            assert up.admin("POST", "/v1/functions", {"functions": [function]}).status == 422
        else:
            function.pop("health")
            terms: dict[str, Any] = {"canary": {"percent": 10}} if ways == "canary" else {}
            if ways == "taken back":
                terms = {"watch": {"window_s": 60, "min_runs": 2}}
            assert up.admin("POST", "/v1/functions", {"functions": [function], **terms}).status == 200
            if ways == "rollback":
                up.admin("POST", "/v1/functions/hello/rollback", {})
            until(lambda: ways != "taken back" or served(up, "live") == "old")
        up.admin("POST", "/v1/site/reload")
        assert served(up, "live") == "old"
        end(up.process)
    with running_up(tmp_path, workers=1) as again:
        assert both(again) == ("old", "new" if ways == "canary" else "old")
        write_site(tmp_path, text="newest")
        assert again.admin("POST", "/v1/site/reload").status == 200
        assert both(again) == ("newest", "newest")


def change_until_killed(up: Up, acknowledged: list[tuple[str, str]], seed: int) -> None:
    """Let canaries begin, grow, be promoted, end, one after the other, until nobody answers."""
    live, number = served(up, "live"), 0
    while True:
        number += 1
        text = f"text {seed} {number}"
        try:
            assert go_out(up, text, canary={"percent": 10}).status == 200
            acknowledged.append((live, text))
            assert up.admin("POST", "/v1/functions/hello/promote", {"percent": 60}).status == 200
            if number % 3:
                assert up.admin("POST", "/v1/functions/hello/promote", {}).status == 200
                live = text
            else:
                assert up.admin("POST", "/v1/functions/hello/rollback", {}).status == 200
            acknowledged.append((live, live))
            assert up.admin("POST", "/v1/prune?keep=1").status == 200
        except (OSError, http.client.HTTPException, json.JSONDecodeError, AssertionError):
            return  # killed before the answer, in the middle of it, or behind it


@pytest.mark.timeout(600)  # a dozen starts, each slow where the machine is busy
def test_kills_at_any_instant_leave_the_old_state_or_the_new(tmp_path: Path) -> None:
    chance = random.Random(11)
    write_site(tmp_path)
    for seed in range(KILLS):
        up = begin_up(tmp_path, workers=1)
        try:
            acknowledged = [both(up)]
            changing = threading.Thread(target=change_until_killed, args=(up, acknowledged, seed))
            changing.start()
            count = chance.randrange(1, 12)
            until(lambda: len(acknowledged) > count)  # noqa: B023  # called in this turn of the loop
            time.sleep(chance.random() / 50)  # anywhere in the change that follows
            end(up.process)
            changing.join()
        finally:
            end(up.process)
        last, before = acknowledged[-1], acknowledged[-2]
        with running_up(tmp_path, workers=1) as again:
            live, canary = both(again)
            # The change that was under way has happened wholly or not at all.
            assert live in (last[0], last[1]), (before, last)
            assert canary in (last[1], live) or canary.startswith(f"text {seed} ")
            assert (canary == live) == (again.admin("GET", "/v1/rollouts").json["rollouts"] == [])
            again.stop()
        store = Store(tmp_path / "data" / "control.sqlite3")
        assert store.live()["hello"].version == bundle("hello", live).version
        for version in store.versions.of("hello"):  # what pruning left is whole
            assert Blobs(tmp_path / "data" / "blobs").get(version.files["index.js"])
        rollout = store.rollouts().get("hello")
        assert (rollout is None) == (canary == live)
        store.close()
