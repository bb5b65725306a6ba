"""Secrets in a real POP: functions have them at once in every worker, and they are nowhere to be read."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgefaas.control.bundle_json import to_json
from edgefaas.control.keyring import KEY_FILE
from edgefaas.functions import read_function
from tests.edgefaas.processes.real import begin, kill, running
from tests.edgefaas.processes.running import Up, ask, until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("secrets")]

SITE = """
[functions.top]
source = "top.js"
environment = { GREETING = "hello", API_KEY = "of the version" }
[functions.raw]
source = "raw.wat"
[[behaviors]]
path = "/raw"
viewer_request = "raw"
[[behaviors]]
path = "*"
viewer_request = "top"
"""
# The top level reads the environment, so that each worker freezes an image of its own for each environment.
TOP = """
'use strict';
const key = process.env.API_KEY;
const parts = key.split('-');
exports.handler = async (event) => {
  console.log('the key is', key, JSON.stringify({ key }));
  if (event.Records[0].cf.request.uri === '/throw') throw new Error(`bad key ${key}`);
  return { status: '200', body: `${process.env.GREETING} ${parts.length} ${key === process.env.API_KEY} ${parts[0]}` };
};
"""
RAW = """
(module
  (import "edgefaas" "env" (func $env (param i32 i32) (result i32)))
  (import "edgefaas" "take" (func $take (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "API_KEY")
  (data (i32.const 64) "{\\"status\\":\\"200\\",\\"body\\":\\"")
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (local $size i32)
    (local.set $size (call $env (i32.const 0) (i32.const 7)))
    (if (i32.lt_s (local.get $size) (i32.const 0)) (then unreachable))
    (drop (call $take (i32.const 88) (local.get $size)))
    (i32.store16 (i32.add (i32.const 88) (local.get $size)) (i32.const 0x7d22))
    (i64.or (i64.const 0x4000000000) (i64.extend_i32_u (i32.add (i32.const 26) (local.get $size))))))
"""


def write_site(folder: Path) -> Path:
    (folder / "edgefaas.toml").write_text(SITE)
    (folder / "top.js").write_text(TOP)
    (folder / "raw.wat").write_text(RAW)
    return folder


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(write_site(tmp_path_factory.mktemp("site"))) as pop:
        yield pop


def put(up: Up, value: str, *, function: str = "top", name: str = "API_KEY") -> None:
    answer = up.admin("PUT", f"/v1/functions/{function}/secrets/{name}", value.encode())
    assert answer.status == 200, answer.body
    assert value.encode() not in answer.body


def said(up: Up, path: str = "/", *, times: int = 12) -> set[str]:
    """Return what viewers get; so many new connections reach every worker."""
    return {ask(up.url, "GET", path).body.decode() for _ in range(times)}


def files_with(folder: Path, text: str) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_a_secret_goes_over_the_versions_variable_at_once_in_every_worker(up: Up) -> None:
    assert said(up) == {"hello 1 true of the version"}
    for number in range(3):
        put(up, f"swordfish{number}-open-sesame")
        assert said(up) == {f"hello 3 true swordfish{number}"}
    assert up.admin("DELETE", "/v1/functions/top/secrets/API_KEY").status == 200
    assert said(up) == {"hello 1 true of the version"}


def test_a_webassembly_guest_has_it_as_a_variable(up: Up) -> None:
    assert {ask(up.url, "GET", "/raw").status for _ in range(4)} == {503}
    put(up, "for raw only", function="raw")
    assert said(up, "/raw") == {"for raw only"}
    assert said(up, "/") == {"hello 1 true of the version"}


def test_a_secret_is_on_no_disk_in_no_log_and_in_no_answer_of_the_api(up: Up) -> None:
    value = "tulip-hyacinth-daffodil"
    put(up, value)
    assert said(up) == {"hello 3 true tulip"}
    assert ask(up.url, "GET", "/throw").status == 503
    told = up.admin("POST", "/v1/functions/top/invoke", {"Records": [{"cf": {"request": {"uri": "/throw"}}}]})
    assert told.json["error"].endswith("threw: Error: bad key ***")
    assert [line["text"] for line in told.json["logs"]] == ['the key is *** {"key":"***"}']
    until(lambda: b"bad key ***" in up.admin("GET", "/v1/logs?function=top&level=error").body)
    for path in (
        "/v1/logs?limit=1000",
        "/v1/audit",
        "/v1/secrets",
        "/v1/functions/top/secrets",
        "/v1/functions/top/versions/v1?files=1",
        "/v1/functions",
        "/v1/site",
        "/v1/stats",
        "/v1/metrics",
    ):
        answer = up.admin("GET", path)
        assert answer.status == 200
        assert value.encode() not in answer.body, path
    assert files_with(up.folder, value) == []
    assert up.admin("GET", "/v1/audit").json["audit"][1]["target"] == "top API_KEY"


def test_secrets_survive_a_rollback_a_rotation_and_a_kill_of_everything(tmp_path: Path) -> None:
    up = begin(write_site(tmp_path), workers=1)
    try:
        put(up, "kept-for-good")
        (tmp_path / "top.js").write_text(TOP.replace("${parts[0]}", "${parts[1]} v2"))
        deployed = up.admin("POST", "/v1/functions", to_json(read_function(tmp_path / "top.js")))
        assert deployed.status == 200
        assert said(up, times=3) == {"undefined 3 true for v2"}
        old = (tmp_path / "data" / KEY_FILE).read_text()
        assert up.admin("POST", "/v1/secrets/rotate").json == {"sealed": 1}
        assert (tmp_path / "data" / KEY_FILE).read_text() != old
        assert up.admin("POST", "/v1/functions/top/rollback", {}).status == 200
        assert said(up, times=3) == {"hello 3 true kept"}
    finally:
        kill(up)
    with running(write_site(tmp_path), workers=1) as again:
        assert said(again, times=3) == {"hello 3 true kept"}
        assert files_with(tmp_path / "data", "kept-for-good") == []
        (row,) = again.admin("GET", "/v1/secrets").json["secrets"]
        assert set(row) == {"function", "name", "digest", "key_id", "created_at_s", "changed_at_s"}
        assert "kept" not in json.dumps(row)
