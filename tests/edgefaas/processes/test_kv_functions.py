"""Functions in a real POP that read and write pairs: every worker sees them, and a kill loses none."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.edgefaas.processes.real import begin, kill, running
from tests.edgefaas.processes.running import Answer, Up, ask

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kv")]

SITE = """
[kv.moved]
id = "aaaa-bbbb"
import = "moved.json"
[kv.visits]
writers = ["count", "flood"]
writes_per_second = 10000
[kv.slow]
writers = ["flood"]
writes_per_second = 1
[functions.redirect]
source = "redirect.js"
kv = "moved"
[functions.count]
source = "count.js"
kv = "visits"
[functions.flood]
source = "flood.js"
kv = ["slow", "visits"]
[functions.raw]
source = "raw"
[functions.early]
source = "early.mjs"
kv = "moved"
environment = { KIND = "of the version" }
[[behaviors]]
path = "/count"
viewer_request = "count"
[[behaviors]]
path = "/flood"
viewer_request = "flood"
[[behaviors]]
path = "/early"
viewer_request = "early"
[[behaviors]]
path = "/raw"
viewer_request = "raw"
[[behaviors]]
path = "*"
viewer_request = "redirect"
"""
REDIRECT = """
import cf from 'cloudfront';
const kvs = cf.kvs('aaaa-bbbb');
async function handler(event) {
  try {
    return { statusCode: 302, headers: { location: { value: await kvs.get(event.request.uri) } } };
  } catch (error) {
    return { statusCode: 404, body: error.name };
  }
}
"""
COUNT = """
import cf from 'cloudfront';
async function handler(event) {
  const kvs = cf.kvs();
  for (;;) {
    try {
      let number = 0, condition = { ifAbsent: true };
      if (await kvs.exists('n')) {
        const { value, etag } = await kvs.entry('n');
        number = Number(value);
        condition = { ifMatch: etag };
      }
      await kvs.put('n', String(number + 1), condition);
      return { statusCode: 200, body: String(number + 1) };
    } catch (error) {
      if (error.name !== 'ConflictError') return { statusCode: 503, body: String(error) };
    }
  }
}
"""
FLOOD = """
import cf from 'cloudfront';
async function handler(event) {
  const said = [];
  for (let i = 0; i < 4; i++) {
    try { await cf.kvs().put('k', 'v'); said.push('put') } catch (error) { said.push(error.name) }
  }
  try { await cf.kvs('moved').get('k') } catch (error) { said.push(error.name) }
  return { statusCode: 200, body: said.join() };
}
"""
# What its top level asks for, only a request has: it runs anew in each.
EARLY = """
import cf from 'cloudfront';
const kvs = cf.kvs();
const flag = (await kvs.exists('early')) ? await kvs.get('early') : 'none';
const kind = process.env.KIND;
export async function handler() { return { statusCode: 200, body: `${flag} ${kind}` } }
"""
# Answers with the value of the key "flag" of its own namespace, through the host function.
RAW = """
(module
  (import "edgefaas" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (import "edgefaas" "take" (func $take (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "kv.get\\00flag")
  (data (i32.const 64) "{\\"status\\":\\"200\\",\\"body\\":\\"")
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (local $size i32)
    (local.set $size (call $call (i32.const 0) (i32.const 6) (i32.const 6) (i32.const 5)))
    (if (i32.lt_s (local.get $size) (i32.const 0)) (then unreachable))
    (drop (call $take (i32.const 88) (local.get $size)))
    (i32.store16 (i32.add (i32.const 88) (local.get $size)) (i32.const 0x7d22))
    (i64.or (i64.const 0x4000000000) (i64.extend_i32_u (i32.add (i32.const 26) (local.get $size))))))
"""


def write_site(folder: Path) -> Path:
    (folder / "edgefaas.toml").write_text(SITE)
    (folder / "moved.json").write_text('{"data": [{"key": "/old", "value": "/new"}]}')
    for name, text in (("redirect", REDIRECT), ("count", COUNT), ("flood", FLOOD)):
        (folder / f"{name}.js").write_text(text)
    (folder / "early.mjs").write_text(EARLY)
    (folder / "raw").mkdir()
    (folder / "raw" / "index.wat").write_text(RAW)
    (folder / "raw" / "function.toml").write_text('kv = "moved"\n')
    return folder


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(write_site(tmp_path_factory.mktemp("site"))) as pop:
        yield pop


def put(up: Up, namespace: str, key: str, value: bytes, **headers: str) -> Answer:
    return up.admin("PUT", f"/v1/kv/{namespace}/keys/{quote(key, safe='')}", value, **headers)


def locations(up: Up, path: str, *, times: int = 12) -> set[str]:
    """Return where viewers are sent; so many new connections reach every worker."""
    return {ask(up.url, "GET", path).headers.get("Location", "") for _ in range(times)}


def test_a_function_reads_what_the_namespace_was_made_with(up: Up) -> None:
    assert locations(up, "/old") == {"/new"}
    assert ask(up.url, "GET", "/nowhere").body == b"KeyNotFoundError"


def test_every_worker_sees_a_put_as_soon_as_it_is_acknowledged(up: Up) -> None:
    for number in range(5):
        assert put(up, "moved", "/here", f"/there/{number}".encode()).status == 200
        assert locations(up, "/here") == {f"/there/{number}"}
    assert up.admin("DELETE", "/v1/kv/moved/keys/%2Fhere").status == 200
    assert locations(up, "/here") == {""}


def test_a_guest_in_webassembly_reads_through_the_host_function(up: Up) -> None:
    assert put(up, "moved", "flag", b"green").status == 200
    assert ask(up.url, "GET", "/raw").body == b"green"


def test_a_top_level_that_reads_pairs_and_secrets_sees_each_change(up: Up) -> None:
    def said() -> set[bytes]:
        return {ask(up.url, "GET", "/early").body for _ in range(6)}

    assert said() == {b"none of the version"}
    assert put(up, "moved", "early", b"first").status == 200
    assert said() == {b"first of the version"}
    assert up.admin("PUT", "/v1/functions/early/secrets/KIND", b"of the function").status == 200
    assert put(up, "moved", "early", b"second").status == 200
    assert said() == {b"second of the function"}


def test_no_count_of_many_at_once_is_lost(up: Up) -> None:
    with ThreadPoolExecutor(8) as viewers:
        answers = list(viewers.map(lambda _: ask(up.url, "GET", "/count"), range(40)))
    counted = [int(answer.body) for answer in answers if answer.status == 200]
    assert len(set(counted)) == len(counted) > 0
    assert up.admin("GET", "/v1/kv/visits/keys/n").body == str(max(counted)).encode()
    assert max(counted) == len(counted)


def test_a_function_that_writes_too_much_or_where_it_may_not_is_told(up: Up) -> None:
    assert ask(up.url, "GET", "/flood").body == b"put,put,ThrottledError,ThrottledError,AccessDeniedError"


def test_invoke_sees_the_pairs_too(up: Up) -> None:
    event = {"context": {}, "request": {"uri": "/old"}}
    told = up.admin("POST", "/v1/functions/redirect/invoke", event).json
    assert told["result"]["headers"]["location"]["value"] == "/new"


def test_acknowledged_pairs_are_there_after_a_kill_of_everything(tmp_path: Path) -> None:
    up = begin(write_site(tmp_path))
    try:
        for number in range(10):
            assert put(up, "moved", f"/{number}", b"/kept").status == 200
        counted = [int(ask(up.url, "GET", "/count").body) for _ in range(5)]
    finally:
        kill(up)
    (tmp_path / "moved.json").write_text('{"/old": "/changed in the file only"}')
    with running(tmp_path) as again:
        for number in range(10):
            assert locations(again, f"/{number}", times=2) == {"/kept"}
        assert locations(again, "/old", times=2) == {"/new"}
        assert int(ask(again.url, "GET", "/count").body) == counted[-1] + 1


def test_a_reload_makes_namespaces_and_changes_who_may_write(tmp_path: Path) -> None:
    with running(write_site(tmp_path), workers=1) as up:
        assert ask(up.url, "GET", "/count").body == b"1"
        assert put(up, "later", "k", b"v").status == 404
        changed = SITE.replace('["count", "flood"]', '["flood"]') + "[kv.later]\n"
        (tmp_path / "edgefaas.toml").write_text(changed)
        assert up.admin("POST", "/v1/site/reload").status == 200
        assert b"may not write to" in ask(up.url, "GET", "/count").body
        assert put(up, "later", "k", b"v").status == 200
        wrong = changed.replace('import = "moved.json"', "") + '[kv.more]\nimport = "more.json"\n'
        (tmp_path / "edgefaas.toml").write_text(wrong)
        (tmp_path / "more.json").write_text('{"data": [{"key": "a", "value": 1}]}')
        refused = up.admin("POST", "/v1/site/reload")
        assert refused.status == 422
        assert "more.json, pair 1" in refused.json["error"]
        assert "more" not in {item["name"] for item in up.admin("GET", "/v1/kv").json["namespaces"]}
        (tmp_path / "edgefaas.toml").write_text(changed.replace("[kv.later]\n", ""))
        assert up.admin("POST", "/v1/site/reload").status == 200
        left = next(item for item in up.admin("GET", "/v1/kv").json["namespaces"] if item["name"] == "later")
        assert (left["keys"], left["in_site"]) == (1, False)
        assert put(up, "later", "k", b"v").status == 422
        assert up.admin("DELETE", "/v1/kv/later").json == {"dropped": 1}
        assert json.loads(up.admin("GET", "/v1/audit").body)["audit"][0]["target"] == "later"
