"""The load generator against a server that says exactly what a test wants it to hear."""

import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import generator
from benchmarks.generator import GeneratorError, Load, Measurement
from tests.benchmarks.scripted_server import Script, answer, serving

BODY = bytes(range(256)) * 5
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"3;name=face\r\n"
    + BODY[:3]
    + b"\r\n4fD\r\n"
    + BODY[3:]
    + b"\r\n0\r\nX-Trailer: 1\r\n\r\n"
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("load")]


@pytest.fixture(scope="session")
def binary() -> Path:
    return generator.build()


def load(binary: Path, folder: Path, script: Script, requests: str | bytes, **options: object) -> Measurement:
    path = folder / "requests"
    path.write_bytes(requests if isinstance(requests, bytes) else requests.encode())
    settings: dict[str, object] = {"count": 6, "duration_s": 20.0, "warmup_s": 0.0, **options}
    return generator.run(Load(port=script.port, requests=path, **settings), binary)  # type: ignore[arg-type]


def refusal(binary: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


def test_requests_are_sent_in_turn_with_their_fields_body_and_host(binary: Path, tmp_path: Path) -> None:
    requests = (
        "# a comment\nGET /a\nX-Forwarded-For: 192.0.2.7\n\nPOST /b\ncontent-length: 2\nHost: site\n\nhi\n"
    )
    with serving(Script({"/a": answer(), "/b": answer()})) as script:
        run = load(binary, tmp_path, script, requests)
    assert run.requests == 6
    assert run.errors == 0
    assert run.by_status == {200: 6}
    first = f"GET /a HTTP/1.1\r\nX-Forwarded-For: 192.0.2.7\r\nHost: 127.0.0.1:{script.port}\r\n\r\n"
    assert script.heads[:2] == [
        first.encode(),
        b"POST /b HTTP/1.1\r\ncontent-length: 2\r\nHost: site\r\n\r\n",
    ]
    assert script.connections == 1, "the connection is kept"


@pytest.mark.parametrize("pieces", [0, 1, 7])
def test_bodies_are_counted_and_checked_however_they_are_framed_and_cut(
    binary: Path, tmp_path: Path, pieces: int
) -> None:
    expected = f":length {len(BODY)}\n:crc32 {zlib.crc32(BODY):x}\n\n"
    answers = {
        "/counted": answer(BODY),
        "/chunked": CHUNKED,
        "/interim": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(BODY),
        "/closed": b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
        "/old": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    }
    requests = "".join(f"GET {path}\n{expected}" for path in answers)
    script = Script(answers, hang_up_after=frozenset({"/closed", "/old"}), pieces=pieces)
    with serving(script):
        run = load(binary, tmp_path, script, requests, count=10)
    assert (run.requests, run.errors, run.body_bytes) == (10, 0, 10 * len(BODY)), run.wrongs()


def test_answers_without_a_body_end_with_their_head(binary: Path, tmp_path: Path) -> None:
    answers = {
        "/head": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
        "/304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
        "/204": b"HTTP/1.1 204 No Content\r\n\r\n",
    }
    requests = "HEAD /head\n:length 0\n\nGET /304\n:status 304\n\nGET /204\n:status 204\n"
    with serving(Script(answers)) as script:
        run = load(binary, tmp_path, script, requests)
    assert run.by_status == {200: 2, 304: 2, 204: 2}
    assert run.errors == 0


@pytest.mark.parametrize(
    ("expectation", "kind"),
    [
        (":status 201", "status"),
        (":length 1281", "length"),
        (":length 1279", "length"),
        (":crc32 1", "digest"),
    ],
)
def test_an_answer_that_is_not_as_expected_is_an_error_of_its_kind(
    binary: Path, tmp_path: Path, expectation: str, kind: str
) -> None:
    with serving(Script({"/": answer(BODY)})) as script:
        run = load(binary, tmp_path, script, f"GET /\n{expectation}\n")
    assert run.errors_by_kind[kind] == run.errors == 6
    assert kind in run.wrongs()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "closed"),
        (b"SMTP ready\r\n\r\n", "parse"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "parse"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nexcess", "parse"),
    ],
)
def test_a_broken_answer_is_an_error_and_the_run_goes_on(
    binary: Path, tmp_path: Path, said: bytes, kind: str
) -> None:
    script = Script({"/": said}, hang_up_after=frozenset({"/"}))
    with serving(script):
        run = load(binary, tmp_path, script, "GET /\n", duration_s=0.2, count=None)
    assert run.errors_by_kind[kind] > 1
    assert run.requests == 0


def test_a_request_without_an_answer_times_out_and_counts_as_unanswered_time(
    binary: Path, tmp_path: Path
) -> None:
    with serving(Script({"/": None})) as script:
        run = load(binary, tmp_path, script, "GET /\n", duration_s=0.5, timeout_s=0.2, count=None)
    assert run.errors_by_kind["timeout"] >= 1
    assert run.requests == 0


def test_an_idle_connection_that_the_server_closes_is_opened_again_without_an_error(
    binary: Path, tmp_path: Path
) -> None:
    script = Script({"/": answer(b"x")}, hang_up_after=frozenset({"/"}))
    with serving(script):
        run = load(binary, tmp_path, script, "GET /\n")
    assert (run.requests, run.errors) == (6, 0)
    assert script.connections >= 6


def test_an_open_loop_sends_what_is_due_and_no_more(binary: Path, tmp_path: Path) -> None:
    with serving(Script({"/": answer(b"x")})) as script:
        run = load(binary, tmp_path, script, "GET /\n", rate=100.0, duration_s=0.5, connections=4, count=None)
    assert run.requests + run.unfinished == 50
    assert sum(count for _, count in run.buckets) == 50


def test_a_server_that_stalls_cannot_hide_the_requests_it_kept_waiting(binary: Path, tmp_path: Path) -> None:
    """Closed, the one stuck request would be the only slow one; open, all that were due waited with it."""
    with serving(Script({"/": None})) as script:
        run = load(binary, tmp_path, script, "GET /\n", rate=200.0, duration_s=0.5, timeout_s=1.0, count=None)
    recorded = sum(count for _, count in run.buckets)
    assert recorded >= 99  # the hundredth may be the one that timed out
    assert run.latency_us["p50"] > 200_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "192.0.2.1:80"], "not a loopback address"),
        (["--target", "example.org:80"], "not a loopback address"),
        (["--target", "127.0.0.1"], "not HOST:PORT"),
        (["--target", "127.0.0.1:80", "--duration", "601"], "0.001 to 600"),
        (["--target", "127.0.0.1:80", "--connections", "4097"], "1 to 4096"),
        (["--target", "127.0.0.1:80", "--rate", "0"], "--rate is 0"),
        (["--target", "127.0.0.1:80", "--nonsense", "1"], "--nonsense is unknown"),
        ([], "usage"),
    ],
)
def test_what_is_not_allowed_is_refused_with_the_reason(
    binary: Path, tmp_path: Path, arguments: Sequence[str], said: str
) -> None:
    path = tmp_path / "requests"
    path.write_text("GET /\n")
    code, text = refusal(binary, *arguments, "--requests", str(path)) if arguments else refusal(binary)
    assert code == 2
    assert said in text


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ("", "holds no request"),
        ("GET\n", "line 1: expected METHOD /target"),
        ("GET /a b\n", "line 1: expected METHOD /target"),
        ("GET /\nnonsense\n", "line 2: expected Name: value"),
        ("GET /\n:weather fine\n", "line 2: only :status N"),
        ("POST /\nContent-Length: 3\n\nab", "more than what follows"),
    ],
)
def test_a_wrong_requests_file_is_refused_with_the_line(
    binary: Path, tmp_path: Path, requests: str, said: str
) -> None:
    path = tmp_path / "requests"
    path.write_text(requests)
    code, text = refusal(binary, "--target", "127.0.0.1:9", "--requests", str(path))
    assert code == 2
    assert said in text


def test_a_target_that_refuses_connections_is_an_error_and_not_a_figure(binary: Path, tmp_path: Path) -> None:
    with serving(Script({})) as script:
        pass
    with pytest.raises(GeneratorError, match="refused"):
        load(binary, tmp_path, script, "GET /\n")


def test_the_build_is_kept_and_found_again(binary: Path) -> None:
    before = binary.stat().st_mtime_ns
    assert generator.build() == binary
    assert binary.stat().st_mtime_ns == before
