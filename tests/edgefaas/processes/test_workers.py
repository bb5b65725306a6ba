"""Workers die, hang and are replaced; nothing that was acknowledged is lost, nothing half done stays."""

import http.client
import os
import random
import signal
import threading
from pathlib import Path

import pytest

from edgefaas.cache.purge import Purge
from edgefaas.control.purges import PurgeTable
from edgefaas.control.store import Store
from tests.edgefaas.control.making import bundle
from tests.edgefaas.processes.running import Up, begin_up, end, running_up, until, write_site

pytestmark = pytest.mark.slow


def kill_worker(up: Up, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: len(up.pids()) == 2 and pid not in up.pids())


def test_a_killed_worker_is_replaced_by_one_that_runs_what_is_live(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path)) as up:
        assert up.deploy("newer").status == 200
        for pid in up.pids():
            kill_worker(up, pid)
        assert up.texts() == {"newer"}
        assert up.admin("GET", "/v1/stats").json["supervisor"]["worker_restarts_total"] == 2


def test_viewers_who_come_while_a_worker_is_replaced_are_answered(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=1) as up:
        (pid,) = up.pids()
        os.kill(pid, signal.SIGKILL)
        # Whoever connects from now on waits in the socket's queue. A connection that the dying worker took
        # in its last instant may be lost with it.
        answers = 0
        while answers < 5:
            try:
                said = up.view()
            except (OSError, http.client.HTTPException):
                continue
            assert said["live"] == {"hello": "from the file"}
            answers += 1


def test_a_version_that_workers_refuse_leaves_the_old_one_live_everywhere(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path)) as up:
        answer = up.deploy("refuse")
        assert (answer.status, answer.json["error"]) == (422, 'Function "hello" is refused')
        assert up.texts() == {"from the file"}


def test_a_version_that_only_the_last_worker_refuses_is_taken_back_from_the_first(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=3) as up:
        for pid in up.pids()[1:]:
            (tmp_path / "data" / "pop" / f"refuse-other-{pid}").touch()
        assert up.deploy("never live", name="other").status == 422
        seen: dict[int, dict[str, str]] = {}

        def all_seen() -> bool:
            said = up.view()
            seen[said["pid"]] = said["live"]
            return len(seen) == 3

        until(all_seen)
        assert all(live == {"hello": "from the file"} for live in seen.values())
        assert up.admin("GET", "/v1/functions/other/versions").json["live"] is None


def test_a_version_that_kills_workers_kills_one_and_the_old_one_stays_live(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path)) as up:
        before = set(up.pids())
        answer = up.deploy("crash")
        assert answer.status == 422
        assert "the old one is live in every worker" in answer.json["error"]
        until(lambda: len(pids := set(up.pids())) == 2 and len(before & pids) == 1)
        assert up.texts() == {"from the file"}


def test_two_deploys_at_once_both_end_and_every_worker_runs_the_same(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path)) as up:
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda n=number: statuses.append(up.deploy(f"text {n}").status))
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 8
        listed = up.admin("GET", "/v1/functions/hello/versions").json
        assert len(listed["versions"]) == 9
        (text,) = up.texts()
        assert bundle("hello", text).version == listed["live"]


def test_of_two_who_expect_the_same_version_one_is_refused(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=1) as up:
        live = up.admin("GET", "/v1/functions").json["functions"][0]["version"]
        assert up.deploy("mine", **{"If-Match": f'"{live}"'}).status == 200
        answer = up.deploy("theirs", **{"If-Match": f'"{live}"'})
        assert answer.status == 412
        assert up.texts(workers=1) == {"mine"}


def test_a_purge_waits_for_the_replacement_of_a_worker_that_dies_of_it(tmp_path: Path) -> None:
    """The only worker dies: its replacement is asked, and dies too; that is said, not hidden."""
    with running_up(write_site(tmp_path), workers=1) as up:
        answer = up.admin("POST", "/v1/purge", {"kind": "url", "value": "/crash"})
        assert (answer.status, "No worker confirmed" in answer.json["error"]) == (503, True)
        answer = up.admin("POST", "/v1/purge", {"kind": "url", "value": "/good"})
        assert answer.status == 200
        purges = up.admin("GET", "/v1/purges").json["purges"]
        assert [(item["purge"]["value"], item["removed"] is None) for item in purges] == [
            ("/good", False),
            ("/crash", True),
        ]


def test_a_purge_that_answered_holds_in_every_worker(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path)) as up:
        up.texts()
        answer = up.admin("POST", "/v1/purge", {"kind": "everything"})
        assert answer.json["removed"] >= 1
        assert answer.json["complete"]
        workers = up.admin("GET", "/v1/stats").json["workers"]
        assert [(item["cached"], item["purges"]) for item in workers] == [(0, [""])] * 2
        answer = up.admin("POST", "/v1/purge", {"kind": "url", "value": "/shared"})
        assert answer.json == {"removed": 7, "complete": False}


def test_a_start_repeats_purges_that_nobody_confirmed_and_after_a_reboot_all_of_the_last_day(
    tmp_path: Path,
) -> None:
    with running_up(write_site(tmp_path), workers=1) as up:
        assert up.admin("POST", "/v1/purge", {"kind": "tag", "value": "news"}).status == 200
        up.process.kill()
    store = Store(tmp_path / "data" / "control.sqlite3")
    now_s = PurgeTable(store).last()[0].at_s
    PurgeTable(store).begin(Purge(kind="tag", value="open"), actor="me", at_s=now_s)
    store.close()
    with running_up(tmp_path, workers=1) as up:
        assert up.admin("GET", "/v1/stats").json["workers"][0]["purges"] == ["open"]
        up.process.kill()
    store = Store(tmp_path / "data" / "control.sqlite3")
    PurgeTable(store).note_boot("another run of the machine")
    store.close()
    with running_up(tmp_path, workers=1) as up:
        assert up.admin("GET", "/v1/stats").json["workers"][0]["purges"] == ["news", "open"]


def test_deploys_survive_kills_of_the_supervisor_at_any_instant(tmp_path: Path) -> None:
    """What the API acknowledged is live after a restart, or something newer is."""
    chance = random.Random(3)
    write_site(tmp_path)
    acknowledged = 0
    for turn in range(6):
        up = begin_up(tmp_path, workers=1)
        (said,) = up.texts(workers=1)
        live = int(said) if said.isdigit() else 0
        assert live >= acknowledged
        first, fatal = live + 1, threading.Event()
        delay_s = chance.uniform(0.0, 0.06)

        def kill(up: Up = up, delay_s: float = delay_s, fatal: threading.Event = fatal) -> None:
            fatal.wait()
            threading.Event().wait(delay_s)  # the instant of the kill is what varies
            up.process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        for number in range(first, first + 200):
            if number == first + turn:
                fatal.set()
            try:
                answer = up.deploy(str(number))
            except (OSError, http.client.HTTPException):  # killed before, or in the middle of, the answer
                break
            assert answer.status == 200
            acknowledged = number
        fatal.set()
        killer.join()
        end(up.process)
    store = Store(tmp_path / "data" / "control.sqlite3")
    assert {item.version for item in store.versions.of("hello")} >= {
        bundle("hello", str(acknowledged)).version
    }
    store.close()


def test_an_asker_who_leaves_does_not_leave_a_deploy_half_done(tmp_path: Path) -> None:
    import socket
    from urllib.parse import urlsplit

    import orjson

    from edgefaas.control.bundle_json import to_json

    with running_up(write_site(tmp_path)) as up:
        parts = urlsplit(up.announced["admin"])
        body = orjson.dumps(to_json(bundle("hello", "left behind")))
        head = (
            f"POST /v1/functions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {up.token}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection((parts.hostname, parts.port)) as asker:
            asker.sendall(head.encode() + body)
        until(lambda: up.texts() == {"left behind"})
        listed = up.admin("GET", "/v1/functions/hello/versions").json
        assert listed["live"] == bundle("hello", "left behind").version
