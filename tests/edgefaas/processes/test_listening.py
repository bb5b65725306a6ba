"""How viewers reach a running POP: TLS, Unix sockets, proxies, limits, and how it ends."""

import asyncio
import contextlib
import http.client
import json
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgefaas.errors import UsageError
from edgefaas.listen import Address
from edgefaas.site import Site
from edgefaas.upoptions import UpOptions, refuse_http2, secure_address
from tests.edgefaas.processes.running import DEADLINE_S, Up, ask, refused_up, running_up, until, write_site
from tests.edgefaas.wire import certificates
from tests.edgefaas.wire.viewer2 import Viewer2

pytestmark = pytest.mark.slow

GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
TLS = '[listen]\ntls = ":0"\n'


def certificate(folder: Path, name: str, *hosts: str, subject: str = "") -> str:
    certificates.make(folder, name, *hosts, subject=subject)
    listed = ", ".join(f'"{host}"' for host in hosts)
    return f'[[certificates]]\nhosts = [{listed}]\ncertificate = "{name}.pem"\nkey = "{name}.key"\n'


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@contextlib.contextmanager
def secure(up: Up, host: str) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port_of(up.secure_url)), timeout=DEADLINE_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        yield wrapped


def subject(up: Up, host: str) -> bytes:
    """Return the certificate for a host, whose subject can be looked for in it."""
    with secure(up, host) as wrapped:
        return wrapped.getpeercert(binary_form=True) or b""


def viewed(sock: socket.socket, octets: bytes = GET) -> dict[str, Any]:
    """Send octets, and return what the POP says of the request in them."""
    sock.sendall(octets)
    response = http.client.HTTPResponse(sock)
    response.begin()
    assert response.status == 200
    said: dict[str, Any] = json.loads(response.read())
    return said


def test_viewers_come_with_tls_beside_those_without_and_get_the_certificate_of_the_host(
    tmp_path: Path,
) -> None:
    more = TLS + certificate(tmp_path, "a", "a.example") + certificate(tmp_path, "b", "*.b.example")
    with running_up(write_site(tmp_path, more=more)) as up:
        assert up.secure_url.startswith("https://127.0.0.1:")
        with secure(up, "a.example") as sock:
            assert viewed(sock)["scheme"] == "https"
        assert up.view()["scheme"] == "http"
        assert b"*.b.example" in subject(up, "x.b.example")
        assert b"a.example" in subject(up, "unknown.example")
        assert up.stop() == 0


def test_certificates_are_replaced_as_their_files_are_and_connections_stay(tmp_path: Path) -> None:
    more = TLS + certificate(tmp_path, "a", "a.example", subject="old")
    with running_up(write_site(tmp_path, more=more), workers=1) as up, secure(up, "a.example") as before:
        assert viewed(before)
        (tmp_path / "a.pem").write_text("half a file")
        certificates.make(tmp_path, "a", "a.example", subject="renewed")
        until(lambda: b"renewed" in subject(up, "a.example"))
        assert viewed(before)
        write_site(tmp_path, more=more + certificate(tmp_path, "b", "b.example"))
        up.process.send_signal(signal.SIGHUP)
        until(lambda: b"b.example" in subject(up, "b.example"))
        assert viewed(before)


def test_a_certificate_that_is_broken_at_a_reload_changes_nothing(tmp_path: Path) -> None:
    more = TLS + certificate(tmp_path, "a", "a.example")
    with running_up(write_site(tmp_path, more=more), workers=1) as up:
        (tmp_path / "a.key").write_text("garbage")
        answer = up.admin("POST", "/v1/site/reload")
        assert answer.status == 422
        assert "certificates[0].certificate is not usable" in answer.json["error"]
        assert b"a.example" in subject(up, "a.example")


def test_a_trusted_proxy_tells_the_viewers_address_and_must(tmp_path: Path) -> None:
    more = '[listen]\nproxy_protocol = ["127.0.0.0/8"]\n'
    with running_up(write_site(tmp_path, more=more), workers=1) as up:
        with socket.create_connection(("127.0.0.1", port_of(up.url)), timeout=DEADLINE_S) as sock:
            said = viewed(sock, b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 80\r\n" + GET)
        assert said["viewer"] == "192.0.2.7"
        with socket.create_connection(("127.0.0.1", port_of(up.url)), timeout=DEADLINE_S) as sock:
            sock.sendall(GET)
            with contextlib.suppress(ConnectionError):
                assert sock.recv(100) == b""


def test_a_unix_socket_serves_all_and_vanishes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "viewers.sock"
    for _ in range(2):
        with running_up(write_site(tmp_path), listen=f"unix:{path}") as up:
            assert up.url == f"unix:{path}"
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(path))
                assert viewed(sock)["site"] == "demo"
            assert "in use" in refused_up(tmp_path, listen=f"unix:{path}", data=tmp_path / "other")
            up.process.kill()  # leaves the socket behind, which the next one replaces
            up.process.wait()
            assert path.exists()
    with running_up(tmp_path, listen=f"unix:{path}") as up:
        assert up.stop() == 0
    assert not path.exists()


def test_the_sites_limits_are_those_of_the_wire_and_follow_a_reload(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path, more="[listen]\nbody_limit_mb = 1\n"), workers=1) as up:
        assert ask(up.url, "POST", "/", b"x" * (1 << 20)).status == 200
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % ((1 << 20) + 1)
        with socket.create_connection(("127.0.0.1", port_of(up.url)), timeout=DEADLINE_S) as sock:
            assert b"413" in _answer_to(sock, head)
        write_site(tmp_path, name="second", more="[listen]\nbody_limit_mb = 2\nconnections = 1\n")
        assert up.admin("POST", "/v1/site/reload").status == 200
        assert ask(up.url, "POST", "/", b"x" * ((1 << 20) + 1)).status == 200
        with _admitted(up) as first:
            refused = ask(up.url, "GET", "/")
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            assert viewed(first)["site"] == "second"


def _answer_to(sock: socket.socket, octets: bytes) -> bytes:
    sock.sendall(octets)
    return sock.recv(4096)


def _admitted(up: Up) -> socket.socket:
    """Return a connection that was answered: those of before may be counted for a moment longer."""
    found: list[socket.socket] = []

    def asked() -> bool:
        sock = socket.create_connection(("127.0.0.1", port_of(up.url)), timeout=DEADLINE_S)
        try:
            if b" 200 " in _answer_to(sock, GET):
                found.append(sock)
                return True
        except ConnectionError:
            pass
        sock.close()
        return False

    until(asked)
    return found[0]


def open_files(pid: int) -> int:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(int(line.split()[3]) for line in lines if line.startswith("Max open files"))


def test_a_worker_allows_itself_the_open_files_that_its_viewers_need(tmp_path: Path) -> None:
    more = "[listen]\nconnections = 1000\n"
    with running_up(write_site(tmp_path, more=more), workers=1, files=(256, 4096)) as up:
        (worker,) = up.pids()
        assert open_files(worker) == 1000 + 2048
        assert up.stop() == 0
        assert "open files" not in up.process.communicate()[1]


def test_where_the_system_allows_too_few_open_files_it_says_how_many_viewers_it_takes(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=1, files=(256, 1100)) as up:
        assert up.view()["site"] == "demo"
        assert up.stop() == 0
        assert "1100 open files, so it takes 550 connections, not 16384" in up.process.communicate()[1]


def test_a_pop_that_drains_says_so_while_it_serves_and_then_ends(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path, more="[listen]\ndrain_grace = 2\n")) as up:
        assert not up.view()["draining"]
        up.process.send_signal(signal.SIGTERM)
        until(lambda: up.view()["draining"])
        assert up.process.wait(DEADLINE_S) == 0


def test_no_viewer_notices_a_reload(tmp_path: Path) -> None:
    """One connection is kept, others come and go, while the site is read again and again."""
    with running_up(write_site(tmp_path)) as up:
        stop, answers = threading.Event(), [0]

        def view() -> None:
            with socket.create_connection(("127.0.0.1", port_of(up.url)), timeout=DEADLINE_S) as kept:
                while not stop.is_set():
                    assert viewed(kept)
                    assert up.view()
                    answers[0] += 2

        failures: list[BaseException] = []

        def watched() -> None:
            try:
                view()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=watched)
        thread.start()
        try:
            for number in range(5):
                write_site(
                    tmp_path, name=f"number-{number}", more=f"[listen]\nconnections = {100 + number}\n"
                )
                before = answers[0]
                up.process.send_signal(signal.SIGHUP)
                until(lambda name=f"number-{number}": failures or up.view()["site"] == name)  # type: ignore[misc]
                until(lambda seen=before: failures or answers[0] > seen)  # type: ignore[misc]
        finally:
            stop.set()
            thread.join()
        assert not failures


def test_viewers_who_choose_http_2_get_it(tmp_path: Path) -> None:
    more = TLS + certificate(tmp_path, "a", "a.example")
    with running_up(write_site(tmp_path, more=more), workers=1, http2=True) as up:

        async def ask_twice() -> None:
            viewer = await Viewer2.connect(port_of(up.secure_url))
            for _ in range(2):
                stream = await viewer.ask("/")
                assert (stream.status, json.loads(stream.body)["scheme"]) == (200, "https")
            viewer.writer.transport.abort()
            with contextlib.suppress(OSError):
                await viewer.writer.wait_closed()

        asyncio.run(ask_twice())
        with secure(up, "a.example") as sock:
            assert viewed(sock)["scheme"] == "https"
        assert up.stop() == 0
        assert up.process.communicate() == ("", "")


def test_http_2_without_tls_or_without_its_library_is_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = refused_up(write_site(tmp_path), http2=True)
    assert words.startswith("error: --http2 needs a listener with TLS")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    options = UpOptions(
        config=Path("edgefaas.toml"),
        listen=Address("127.0.0.1", 0),
        admin=Address("127.0.0.1", 0),
        data=tmp_path,
        workers=1,
    )
    with pytest.raises(UsageError, match="needs hypercorn, which is not installed") as refused:
        refuse_http2(options, Site(name="demo"))
    assert refused.value.remedy == "pip install 'edgefaas[http2]'"


def test_tls_without_a_certificate_is_refused(tmp_path: Path) -> None:
    options = UpOptions(
        config=Path("edgefaas.toml"),
        listen=Address("127.0.0.1", 0),
        listen_tls=Address("127.0.0.1", 0),
        admin=Address("127.0.0.1", 0),
        data=tmp_path,
        workers=1,
    )
    with pytest.raises(UsageError, match="--listen-tls needs a certificate"):
        secure_address(options, Site(name="demo"))
