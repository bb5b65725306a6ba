"""A whole site goes out at once: functions and folders, by command, on a real POP."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Shell
from tests.edgefaas.processes.running import Answer, Up, ask, running_up, until

pytestmark = pytest.mark.slow
SITE = """
[origins.assets]
directory = "public"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "edgefaas.toml").write_text(SITE)
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "index.html").write_text("on disk")
    return tmp_path


@pytest.fixture
def up(folder: Path) -> Iterator[Up]:
    with running_up(folder, app="edgefaas.app:PopApp") as running:
        yield running


@pytest.fixture
def shell(up: Up, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(up.folder)
    return Shell(capsys, ("--data", str(up.folder / "data")))


def get(up: Up, path: str, side: str = "live") -> Answer:
    return ask(up.url, "GET", path, headers={"Edge-Version": side})


def publish(folder: Path, text: str, name: str) -> None:
    for path in (folder / "public").iterdir():
        path.unlink()
    (folder / "public" / "index.html").write_text(text)
    (folder / "public" / name).write_text(text)


def test_files_of_every_version_in_a_split_are_reachable_and_hashed_ones_after_it(
    shell: Shell, up: Up, folder: Path
) -> None:
    publish(folder, "one", "app.0123abcd.js")
    assert "origins.assets  v1" in shell("deploy", "--site").out
    publish(folder, "two", "app.4567cdef.js")
    assert get(up, "/").body == b"one"  # what is on disk is not deployed
    ended = shell("deploy", "origins.assets", "--canary", "10%")
    assert "+ app.4567cdef.js" in ended.err
    for side, text in (("live", b"one"), ("canary", b"two")):
        for _ in range(4):  # in every worker, from the origin and from the cache
            assert get(up, "/", side).body == text
            assert get(up, "/app.0123abcd.js", side).body == b"one"
            assert get(up, "/app.4567cdef.js", side).body == b"two"
    assert shell("promote").code == 0
    until(lambda: get(up, "/").body == b"two")
    assert get(up, "/app.0123abcd.js").body == b"one"
    assert "app.0123abcd.js: removed" in shell("diff", "origins.assets").out
    assert "v1" in shell("rollback", "origins.assets").out
    until(lambda: get(up, "/").body == b"one")
    assert shell("rm", "origins.assets").code == 0
    until(lambda: get(up, "/").body == b"two")  # the folder as it is


def test_only_what_the_pop_lacks_is_sent_and_a_wrong_file_is_refused(
    shell: Shell, up: Up, folder: Path
) -> None:
    publish(folder, "one", "a.js")
    assert shell("deploy", "--site").code == 0
    digest = next(iter(up.admin("GET", "/v1/functions/origins.assets/versions/v1").json["files"].values()))
    other = "0" * 64
    assert up.admin("POST", "/v1/files/missing", {"files": [digest, other]}).json["missing"] == [other]
    assert up.admin("PUT", f"/v1/files/{other}", b"not that").status == 422
    assert up.admin("PUT", "/v1/files/..%2f..%2fx", b"not that").status in (404, 422)
    assert up.admin("POST", "/v1/files/missing", {"files": ["../x"]}).status == 400
    release = {"origin": "assets", "files": {"a.js": other}}
    refused = up.admin("POST", "/v1/functions", {"functions": [], "releases": [release]})
    assert (refused.status, "was not sent" in refused.json["error"]) == (422, True)
    assert up.admin("POST", "/v1/functions", {"functions": [], "releases": []}).status == 422


def test_what_was_deployed_survives_a_kill_and_a_folder_that_is_gone_is_told(
    shell: Shell, up: Up, folder: Path
) -> None:
    publish(folder, "one", "a.js")
    assert shell("deploy", "--site").code == 0
    up.process.kill()
    up.process.wait()
    publish(folder, "two", "b.js")
    with running_up(folder, app="edgefaas.app:PopApp") as again:
        assert get(again, "/").body == b"one"
        assert get(again, "/a.js").body == b"one"
    assert "is no directory origin" in shell("deploy", "origins.none").err


def test_a_folder_that_lost_what_viewers_ask_for_is_taken_back(shell: Shell, up: Up, folder: Path) -> None:
    publish(folder, "one", "about.html")
    assert shell("deploy", "--site").code == 0
    assert get(up, "/about.html").status == 200
    publish(folder, "two", "other.html")
    ended = shell("deploy", "--site", "--watch", "600", "--min-runs", "3", "--no-wait")
    assert (ended.code, get(up, "/other.html").status) == (0, 200)
    until(lambda: get(up, f"/about.html?{time.monotonic()}").status == 200)

    def told() -> list[str]:  # what viewers get is changed first, then that is written down
        audit = up.admin("GET", "/v1/audit").json["audit"]
        return [row["detail"] for row in audit if row["actor"] == "health check"]

    until(told)
    (detail,) = told()
    assert "were errors" in detail
