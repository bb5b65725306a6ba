"""``edgefaas kv`` and its endpoints against a running POP (whose workers run no sandbox)."""

import http.client
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from edgefaas.control.kv_endpoints import BATCH_BODY_BYTES, KEYS_MAX, VALUE_BODY_BYTES
from tests.cli.running import Shell
from tests.edgefaas.processes.running import DEADLINE_S, Up, running_up, write_site

pytestmark = pytest.mark.slow

MORE = """
[kv.facts]
max_value_kb = 1
max_mb = 1
[kv.other]
id = "1234"
[kv.large]
max_value_kb = 8192
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running_up(write_site(tmp_path_factory.mktemp("pop"), more=MORE), workers=1) as running:
        yield running


@pytest.fixture
def shell(up: Up, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    for name in ("EDGEFAAS_ADMIN", "EDGEFAAS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    made = Shell(capsys, ("--data", str(up.folder / "data")))
    yield made
    made("kv", "drop", "facts", "--yes")


def test_put_get_list_and_rm(shell: Shell) -> None:
    assert shell("kv", "put", "facts", "/a b?é", "hello").code == 0
    ended = shell("kv", "put", "facts", "/c", "--file", os.devnull)
    assert (ended.code, ended.out.split()[:2]) == (0, ["/c", "0"])
    got = shell("kv", "get", "facts", "/a b?é", "--json").json
    assert (got["key"], got["value"]) == ("/a b?é", "hello")
    listed = shell("kv", "list", "facts", "--values").out
    assert "/a b?é  5 B" in listed
    assert "hello" in listed
    (row,) = [row for row in shell("kv", "ls", "--json").json["namespaces"] if row["name"] == "facts"]
    assert (row["keys"], row["bytes"], row["max_bytes"]) == (2, 14, 1 << 20)
    assert shell("kv", "rm", "facts", "/c").code == 0
    missing = shell("kv", "rm", "facts", "/c")
    assert (missing.code, missing.out) == (1, "")
    assert 'The key "/c" was not found' in missing.err
    assert shell("kv", "rm", "facts", "/c", "/a b?é", "--json").json["keys"] == 0
    assert "There is no such key" in shell("kv", "list", "facts").out


def test_a_value_of_any_octets_comes_back_octet_for_octet(shell: Shell, up: Up, tmp_path: Path) -> None:
    octets = bytes(range(256))
    (tmp_path / "v").write_bytes(octets)
    assert shell("kv", "put", "facts", "raw", "--file", tmp_path / "v").code == 0
    answer = up.admin("GET", "/v1/kv/facts/keys/raw")
    assert (answer.body, answer.headers["ETag"][:2]) == (octets, '"k')
    assert shell("kv", "export", "facts", "-o", tmp_path / "out", "--format", "ndjson").code == 0
    assert shell("kv", "drop", "facts", "--yes").code == 0
    assert shell("kv", "import", "facts", tmp_path / "out").code == 0
    assert up.admin("GET", "/v1/kv/facts/keys/raw").body == octets


def test_lists_come_in_pages_with_a_prefix(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(
        json.dumps({f"k{number:04}": "v" for number in range(2_050)} | {"x": ""})
    )
    assert "2,051 pairs put" in shell("kv", "import", "facts", tmp_path / "in.json").out
    first = shell("kv", "list", "facts", "--prefix", "k", "--limit", 3, "--json").json
    assert [row["key"] for row in first["keys"]] == ["k0000", "k0001", "k0002"]
    rest = shell("kv", "list", "facts", "--prefix", "k", "--limit", 1, "--cursor", first["cursor"])
    assert "k0003" in rest.out
    assert "There are more: --cursor" in rest.err
    assert len(shell("kv", "list", "facts", "--all", "--json").json["keys"]) == 2_051
    assert shell("kv", "list", "facts", "--prefix", "k", "--limit", 5000, "--json").json["cursor"] is None


def test_import_and_export_speak_cloudfronts_json(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"data":[{"key":"a","value":"1"},{"key":"b","value":"2"}]}')
    assert shell("kv", "put", "facts", "old", "v").code == 0
    assert shell("kv", "import", "facts", tmp_path / "in.json", "--json").json["keys"] == 3
    assert shell("kv", "import", "facts", tmp_path / "in.json", "--replace", "--json").json["keys"] == 2
    assert shell("kv", "export", "facts", "-o", tmp_path / "out.json").code == 0
    assert json.loads((tmp_path / "out.json").read_text()) == json.loads((tmp_path / "in.json").read_text())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.json", "out.json"]
    (tmp_path / "bad.json").write_text('{"data":[{"key":"c","value":3}]}')
    refused = shell("kv", "import", "facts", tmp_path / "bad.json")
    assert refused.code == 1
    assert "bad.json, pair 1 ('c') has a int where a string belongs" in refused.err


def test_an_import_that_is_refused_in_the_middle_leaves_nothing(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps({"good": "1", "bad": "x" * 1025}))
    refused = shell("kv", "import", "facts", tmp_path / "in.json")
    assert "1025 bytes" in refused.err
    assert "There is no such key" in shell("kv", "list", "facts").out


def test_who_comes_too_late_is_refused(shell: Shell, up: Up) -> None:
    assert shell("kv", "put", "facts", "k", "1", "--if-absent").code == 0
    assert "exists already" in shell("kv", "put", "facts", "k", "2", "--if-absent").err
    etag = shell("kv", "get", "facts", "k", "--json").json["etag"]
    assert shell("kv", "put", "facts", "k", "2", "--if-match", etag).code == 0
    late = shell("kv", "put", "facts", "k", "3", "--if-match", etag)
    assert (late.code, "was written since" in late.err) == (1, True)
    assert shell("kv", "rm", "facts", "k", "--if-match", etag).code == 1
    answer = up.admin("PUT", "/v1/kv/facts/keys/k", b"3", **{"If-Match": f'"{etag}"'})
    assert answer.status == 412
    whole = up.admin("GET", "/v1/kv/facts").headers["ETag"]
    assert up.admin("PUT", "/v1/kv/facts/keys/new", b"", **{"If-Match": whole}).status == 200
    assert up.admin("POST", "/v1/kv/facts/keys", {"deletes": ["k"]}, **{"If-Match": whole}).status == 412
    assert up.admin("PUT", "/v1/kv/facts/keys/k", b"", **{"If-Match": "W/nonsense"}).status == 422


def test_limits_hold_on_both_sides(up: Up, shell: Shell) -> None:
    assert up.admin("PUT", "/v1/kv/facts/keys/k", b"x" * 1024).status == 200
    assert up.admin("PUT", "/v1/kv/facts/keys/k", b"x" * 1025).status == 413
    assert up.admin("PUT", "/v1/kv/large/keys/k", b"x" * VALUE_BODY_BYTES).status == 200
    assert up.admin("PUT", "/v1/kv/large/keys/k", b"x" * (VALUE_BODY_BYTES + 1)).status == 413
    assert up.admin("PUT", f"/v1/kv/facts/keys/{'k' * 1024}", b"").status == 200
    assert up.admin("PUT", f"/v1/kv/facts/keys/{'k' * 1025}", b"").status == 413
    assert up.admin("GET", f"/v1/kv/facts/keys?limit={KEYS_MAX}").status == 200
    assert up.admin("GET", f"/v1/kv/facts/keys?limit={KEYS_MAX + 1}").status == 400
    assert up.admin("GET", "/v1/kv/facts/keys?cursor=%21").status == 422
    assert up.admin("PUT", "/v1/kv/facts/keys/", b"").status == 422
    pairs = [{"key": f"{number}", "value": "x" * 1000} for number in range(1_100)]
    full = up.admin("POST", "/v1/kv/facts/keys", {"puts": pairs})
    assert (full.status, "it has at most 1048576" in full.json["error"]) == (413, True)
    assert up.admin("GET", "/v1/kv/facts").json["keys"] == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"puts": {}}',
        b'{"puts": [{}]}',
        b'{"deletes": [1]}',
        b'{"put": []}',
        b'{"replace": 1}',
    ],
)
def test_a_malformed_batch_is_refused(up: Up, body: bytes) -> None:
    answer = up.admin("POST", "/v1/kv/facts/keys", body)
    assert answer.status == (200 if body == b"" else 400 if b"{}]" not in body else 422)


def test_what_is_not_there_is_404_with_a_remedy(up: Up, shell: Shell) -> None:
    for path in ("nowhere", "nowhere/keys", "nowhere/keys/k", "nowhere/export", "facts/keys/k"):
        answer = up.admin("GET", f"/v1/kv/{path}")
        assert (answer.status, set(answer.json)) == (404, {"error", "remedy", "request_id"})
    assert up.admin("DELETE", "/v1/kv/nowhere").status == 404
    assert "There is no key-value namespace" in shell("kv", "put", "nowhere", "k", "v").err


def test_a_token_for_pairs_can_do_that_and_nothing_else(up: Up) -> None:
    made = up.admin("POST", "/v1/tokens", {"name": "editor", "scopes": ["kv"]}).json["token"]
    reader = up.admin("POST", "/v1/tokens", {"name": "reader", "scopes": ["read"]}).json["token"]
    assert up.admin("PUT", "/v1/kv/facts/keys/k", b"v", token=made).status == 200
    assert up.admin("GET", "/v1/kv/facts/export", token=made).status == 200
    assert up.admin("POST", "/v1/functions", {}, token=made).status == 403
    assert up.admin("GET", "/v1/kv", token=reader).status == 200
    for method, path in (
        ("GET", "keys"),
        ("GET", "keys/k"),
        ("PUT", "keys/k"),
        ("DELETE", "keys/k"),
        ("POST", "keys"),
        ("GET", "export"),
        ("DELETE", ""),
    ):
        assert up.admin(method, f"/v1/kv/facts/{path}".rstrip("/"), token=reader).status == 403


def test_the_audit_log_names_the_key_and_never_the_value(up: Up) -> None:
    assert up.admin("PUT", "/v1/kv/facts/keys/name", b"a value that nobody logs").status == 200
    audit = up.admin("GET", "/v1/audit")
    assert audit.json["audit"][0]["target"] == "facts name"
    assert audit.json["audit"][0]["action"] == "PUT /v1/kv/{name}/keys/{key}"
    assert b"nobody logs" not in audit.body


def test_an_export_that_nobody_reads_to_the_end_harms_nobody(up: Up, tmp_path: Path) -> None:
    pairs = [{"key": f"{number}", "value": "x" * 900} for number in range(1_000)]
    assert up.admin("POST", "/v1/kv/facts/keys", {"puts": pairs}).status == 200
    parts = urlsplit(up.announced["admin"])
    for _ in range(60):
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE_S)
        connection.request("GET", "/v1/kv/facts/export", headers={"Authorization": f"Bearer {up.token}"})
        assert connection.getresponse().status in (200, 429)
        connection.close()
    assert up.admin("DELETE", "/v1/kv/facts").json["dropped"] >= 1_000


def test_what_was_typed_wrongly_ends_with_2(shell: Shell, tmp_path: Path) -> None:
    for arguments in [
        ("put", "facts", "k"),
        ("put", "facts", "k", "v", "--file", os.devnull),
        ("put", "facts", "k", "v", "--if-absent", "--if-match", "k1"),
        ("get", "facts", ""),
        ("import", "facts", tmp_path / "none.json"),
        ("rm", "facts"),
        ("list", "facts", "--limit", "0"),
    ]:
        assert shell("kv", *arguments).code == 2


def test_drop_asks_first(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert shell("kv", "put", "facts", "k", "v").code == 0
    assert shell("kv", "drop", "facts").code == 130  # nobody is there to answer
    assert shell("kv", "list", "facts", "--json").json["keys"]


def test_the_batch_limit_is_said_before_the_body_is_read(up: Up) -> None:
    parts = urlsplit(up.announced["admin"])
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE_S)
    connection.putrequest("POST", "/v1/kv/facts/keys")
    connection.putheader("Authorization", f"Bearer {up.token}")
    connection.putheader("Content-Length", str(BATCH_BODY_BYTES + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
