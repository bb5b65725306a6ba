"""The admin API from outside: tokens, refusals, limits, logs."""

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from edgefaas.control.access import FAILURES_MAX
from edgefaas.control.bundle_json import to_json
from tests.edgefaas.control.making import bundle
from tests.edgefaas.processes.running import DEADLINE_S, Up, ask, running_up, until, write_site

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running_up(write_site(tmp_path_factory.mktemp("pop")), workers=1) as running:
        yield running


def test_health_and_the_description_need_no_token(up: Up) -> None:
    url = up.announced["admin"]
    assert ask(url, "GET", "/v1/health").json["status"] == "ok"
    description = ask(url, "GET", "/v1/openapi.json").json
    assert description["openapi"] == "3.1.0"
    assert set(description["paths"]["/v1/functions"]) == {"get", "post"}


def test_everything_else_needs_one(up: Up) -> None:
    description = ask(up.announced["admin"], "GET", "/v1/openapi.json").json
    asked = 0
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if operation["security"]:
                answer = ask(up.announced["admin"], method.upper(), path.replace("{name}", "hello"))
                assert answer.status in (401, 429)
                assert answer.json["remedy"]
                asked += 1
    assert asked >= 18


def test_wrong_tokens_are_slowed_and_the_right_one_is_not(up: Up) -> None:
    statuses = [up.admin("GET", "/v1/functions", token="wrong").status for _ in range(FAILURES_MAX + 5)]
    assert statuses[-1] == 429
    assert up.admin("GET", "/v1/functions").status == 200


def test_an_error_has_words_a_remedy_and_a_request_id_and_no_traceback(up: Up) -> None:
    answer = up.admin("GET", "/v1/functions/unknown/versions")
    assert answer.status == 404
    assert set(answer.json) == {"error", "remedy", "request_id"}
    assert answer.headers["X-Request-Id"] == answer.json["request_id"]
    for path in ("/", "/v2/functions", "/v1/functions/../../etc/passwd"):
        assert set(up.admin("GET", path).json) == {"error", "remedy", "request_id"}
    assert up.admin("PATCH", "/v1/functions").status == 405


def test_a_function_that_does_not_compile_says_where(up: Up) -> None:
    answer = up.deploy("syntax error")
    assert answer.status == 422
    assert "index.js, line 3" in answer.json["error"]


def test_a_body_over_the_limit_is_refused_before_it_is_read(up: Up) -> None:
    parts = urlsplit(up.announced["admin"])
    with socket.create_connection((parts.hostname, parts.port), timeout=DEADLINE_S) as asker:
        head = f"POST /v1/purge HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {up.token}\r\n"
        asker.sendall(f"{head}Content-Length: 99999999999\r\n\r\n".encode())
        assert asker.recv(4096).startswith(b"HTTP/1.1 413")
    assert up.admin("POST", "/v1/purge", b" " * (64 * 1024 + 1)).status == 413
    assert up.admin("POST", "/v1/purge", b" " * (64 * 1024)).status == 400


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_on_the_admin_port_harms_nobody(up: Up, garbage: bytes) -> None:
    parts = urlsplit(up.announced["admin"])
    with socket.create_connection((parts.hostname, parts.port), timeout=DEADLINE_S) as asker:
        asker.sendall(garbage)
        asker.shutdown(socket.SHUT_WR)
        while asker.recv(4096):
            pass
    assert up.admin("GET", "/v1/health").status == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
bodies = json_values | st.fixed_dictionaries({"kind": json_values, "value": json_values, "soft": json_values})


@given(
    body=bodies,
    path=st.sampled_from(["/v1/functions", "/v1/purge", "/v1/tokens", "/v1/functions/hello/rollback"]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_done_or_refused_and_never_an_error_of_ours(up: Up, body: Any, path: str) -> None:
    answer = up.admin("POST", path, json.dumps(body).encode())
    assert answer.status < 500, answer.body


def test_a_token_does_what_its_scopes_allow_and_no_more(up: Up) -> None:
    made = up.admin("POST", "/v1/tokens", {"name": "reader", "scopes": ["read"]}).json["token"]
    assert up.admin("GET", "/v1/functions", token=made).status == 200
    for method, path in [("POST", "/v1/functions"), ("POST", "/v1/purge"), ("GET", "/v1/tokens")]:
        refused = up.admin(method, path, {}, token=made)
        assert (refused.status, "reader" in refused.json["error"]) == (403, True)
    assert made not in json.dumps(up.admin("GET", "/v1/tokens").json)
    assert up.admin("DELETE", "/v1/tokens/reader").status == 200
    assert up.admin("GET", "/v1/functions", token=made).status in (401, 429)
    assert up.admin("DELETE", "/v1/tokens/admin").status == 422


def test_only_who_may_deploy_sees_what_is_deployed_and_the_values_of_its_environment(up: Up) -> None:
    answer = up.admin("POST", "/v1/tokens", {"name": "bystander", "scopes": ["read"]})
    assert answer.status == 200, answer.body
    made = answer.json["token"]
    body = to_json(bundle("secretive", "s", environment={"KEY": "hidden value"}))
    assert up.admin("POST", "/v1/functions", body).status == 200
    path = "/v1/functions/secretive/versions/v1"
    assert up.admin("GET", path).json["settings"]["environment"] == {"KEY": "hidden value"}
    seen = up.admin("GET", path, token=made)
    assert seen.json["settings"]["environment"] == {"KEY": "(set)"}
    assert up.admin("GET", f"{path}?files=1", token=made).status == 403
    for other in ("/v1/functions", "/v1/functions/secretive", "/v1/site", "/v1/stats", "/v1/logs"):
        assert b"hidden value" not in up.admin("GET", other, token=made).body
    assert up.admin("DELETE", "/v1/functions/secretive").status == 200


def test_a_dry_run_builds_and_changes_nothing(up: Up) -> None:
    before = up.admin("GET", "/v1/functions").json
    answer = up.admin("POST", "/v1/functions?dry_run=1", to_json(bundle("hello", "warn me")))
    (row,) = answer.json["deployed"]
    assert (row["changed"], row["warnings"], answer.json["live"]) == (True, ["it is fake"], False)
    assert up.admin("GET", "/v1/functions").json == before


def test_several_functions_go_live_together_or_not_at_all(up: Up) -> None:
    both = {"functions": [to_json(bundle("left", "l")), to_json(bundle("right", "refuse"))]}
    assert up.admin("POST", "/v1/functions", both).status == 422
    assert set(up.view()["live"]) == {"hello"}
    both["functions"][1] = to_json(bundle("right", "r"))
    assert up.admin("POST", "/v1/functions", both).status == 200
    assert set(up.view()["live"]) == {"hello", "left", "right"}
    for name in ("left", "right"):
        assert up.admin("DELETE", f"/v1/functions/{name}").status == 200
    assert set(up.view()["live"]) == {"hello"}


def test_a_function_that_the_site_uses_is_removed_only_by_force(up: Up) -> None:
    answer = up.admin("DELETE", "/v1/functions/hello")
    assert answer.status == 409
    assert 'behaviour "*" (viewer-request)' in answer.json["error"]


def test_rollback_goes_to_the_one_before_and_to_any_by_name(up: Up) -> None:
    first = up.deploy("first of three").json["deployed"][0]
    for text in ("second of three", "third of three"):
        up.deploy(text)
    rolled = up.admin("POST", "/v1/functions/hello/rollback").json
    assert up.texts(workers=1) == {"second of three"}
    assert up.admin("POST", "/v1/functions/hello/rollback", {"version": f"v{first['number']}"}).json[
        "changed"
    ]
    assert up.texts(workers=1) == {"first of three"}
    again = up.admin("POST", "/v1/functions/hello/rollback", {"version": rolled["version"][:10]}).json
    assert again["version"] == rolled["version"]
    assert up.admin("POST", "/v1/functions/hello/rollback", {"version": "v999"}).status == 404


def test_logs_are_kept_filtered_and_followed(up: Up) -> None:
    parts = urlsplit(up.announced["admin"])
    follower = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE_S)
    headers = {"Authorization": f"Bearer {up.token}"}
    follower.request("GET", "/v1/logs?follow=1&function=hello&text=invoked", headers=headers)
    stream = follower.getresponse()
    stream.readline()  # the stream has begun
    assert up.admin("POST", "/v1/functions/hello/invoke", {"a": 1}).json["result"] == {"a": 1}
    line = b""
    while not line.strip():
        line = stream.readline()
    assert json.loads(line)["text"] == "invoked hello"
    follower.close()
    until(lambda: b"invoked hello" in up.admin("GET", "/v1/logs?function=hello").body)
    assert up.admin("GET", "/v1/logs?function=other").body == b""
    assert up.admin("GET", "/v1/logs?level=error").body == b""
    assert up.admin("GET", "/v1/logs?level=loud").status == 400
    until(lambda: b"invoked hello" in (up.folder / "data" / "logs" / "pop.jsonl").read_bytes())
    events = up.admin("GET", "/v1/logs", **{"Accept": "text/event-stream"})
    assert events.body.startswith(b"data: {")


def test_every_change_is_in_the_audit_log_with_its_end(up: Up) -> None:
    up.deploy("syntax error")
    up.deploy("good again")
    entries = up.admin("GET", "/v1/audit?limit=2").json["audit"]
    assert [(item["actor"], item["action"], item["target"], item["status"]) for item in entries] == [
        ("admin", "POST /v1/functions", "hello", 200),
        ("admin", "POST /v1/functions", "hello", 422),
    ]
    assert "does not compile" in entries[1]["detail"]


def test_what_a_token_may_not_do_is_in_the_audit_log_too(up: Up) -> None:
    answer = up.admin("POST", "/v1/tokens", {"name": "trespasser", "scopes": ["read"]})
    assert answer.status == 200, answer.body
    made = answer.json["token"]
    assert up.admin("POST", "/v1/purge", {"kind": "everything"}, token=made).status == 403
    (entry,) = up.admin("GET", "/v1/audit?limit=1").json["audit"]
    assert (entry["actor"], entry["action"], entry["status"]) == ("trespasser", "POST /v1/purge", 403)


def test_a_reload_by_signal_is_in_the_audit_log(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=1) as up:
        for text, status in ((write_site(tmp_path, name="anew"), 200), (None, 422)):
            if text is None:
                (tmp_path / "edgefaas.toml").write_text("[site")
            up.process.send_signal(signal.SIGHUP)
            until(lambda: [(row["actor"], row["status"]) for row in audit(up)][:1] == [("SIGHUP", status)])  # noqa: B023  # waited for at once


def audit(up: Up) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = up.admin("GET", "/v1/audit?limit=2").json["audit"]
    return entries


def test_a_version_is_the_etag_of_its_function(up: Up) -> None:
    first = up.deploy("one").json["deployed"][0]["version"]
    answer = up.admin("GET", "/v1/functions/hello")
    tag = answer.headers["ETag"]
    assert tag == f'"{first}"' == up.admin("GET", "/v1/functions/hello/versions").headers["ETag"]
    assert up.deploy("two", **{"If-Match": tag}).status == 200
    assert up.deploy("three", **{"If-Match": tag}).status == 412
    assert up.deploy("three", **{"If-Match": "*"}).status == 200
    assert up.deploy("x", name="other", **{"If-Match": "*"}).status == 412
    for wrong in ('""', '"a", "b"'):
        assert up.deploy("four", **{"If-Match": wrong}).status == 400


def test_an_address_says_which_methods_it_takes(up: Up) -> None:
    answer = up.admin("PATCH", "/v1/functions")
    assert answer.status == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert up.admin("HEAD", "/v1/functions").status == 200


def test_no_token_at_all_is_no_guess_and_who_guesses_is_told_when_to_come_back(up: Up) -> None:
    url = up.announced["admin"]
    assert {ask(url, "GET", "/v1/functions").status for _ in range(FAILURES_MAX + 2)} == {401}
    answers = [up.admin("GET", "/v1/functions", token="wrong") for _ in range(FAILURES_MAX + 1)]
    assert answers[-1].status == 429
    assert answers[-1].headers["Retry-After"] == "60"


def test_a_flag_that_is_neither_yes_nor_no_is_refused(up: Up) -> None:
    assert up.admin("GET", "/v1/logs?follow=maybe").status == 400
    assert up.admin("GET", "/v1/logs?follow=0").status == 200


@pytest.mark.parametrize("limit", ["0", "10001", "9" * 5_000, "-1", "\u0661", "1e3", ""])
def test_a_count_that_is_none_is_refused_however_long(up: Up, limit: str) -> None:
    answer = up.admin("GET", f"/v1/logs?limit={quote(limit)}")
    assert (answer.status, "Use a whole number" in answer.json["remedy"]) == (400, True)


def test_a_token_that_ends_lives_a_hundred_years_at_most(up: Up) -> None:
    for bad in (0, -1, True, 1e300, "1"):
        assert (
            up.admin("POST", "/v1/tokens", {"name": "t", "scopes": ["read"], "expires_in_s": bad}).status
            == 400
        )
    assert up.admin("DELETE", "/v1/tokens/unknown").status == 404


def test_metrics_are_in_the_format_of_prometheus(up: Up) -> None:
    text = up.admin("GET", "/v1/metrics").body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["edgefaas_functions"].samples[0].value == 1
    assert families["process_open_fds"].samples[0].labels == {"worker": "0"}
    assert families["process_resident_memory_bytes"].samples[0].value > 1e6


def test_the_token_made_at_the_first_start_is_the_same_after_a_restart(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=1) as up:
        first = up.token
        made = up.admin("POST", "/v1/tokens", {"name": "ci", "scopes": ["deploy"]}).json["token"]
        assert up.stop() == 0
    with running_up(tmp_path, workers=1) as up:
        assert up.token == first
        assert up.deploy("by ci", Authorization=f"Bearer {made}").status == 200
