"""TLS to viewers: the certificate of the host, reloaded under way; and TLS to origins, verified."""

import asyncio
import ssl
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errors import ConfigError, OriginError
from edgefaas.message import Request
from edgefaas.origin import OriginClient
from edgefaas.site import UrlOrigin
from edgefaas.wire import Certificate
from edgefaas.wire.tls import Certificates, choose
from tests.edgefaas.origin.scripted import body_of
from tests.edgefaas.wire import certificates
from tests.edgefaas.wire.serving import Serving, Viewer, serving

GET = b"GET /inline HTTP/1.1\r\nHost: a\r\n\r\n"


async def secure_viewer(served: Serving, name: str | None) -> tuple[Viewer, str]:
    """Connect with SNI ``name``; return the viewer and the common name of the certificate it was shown."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", served.port, ssl=context, server_hostname=name or ""
    )
    viewer = Viewer(reader, writer)
    served.viewers.append(viewer)
    connection = writer.get_extra_info("ssl_object")
    assert connection.selected_alpn_protocol() == "http/1.1"
    shown = connection.getpeercert(binary_form=True)
    from cryptography import x509

    subject = x509.load_der_x509_certificate(shown).subject
    return viewer, str(subject.rfc4514_string().removeprefix("CN="))


def test_each_host_is_shown_its_certificate_and_unknown_ones_the_first(tmp_path: Path) -> None:
    first = certificates.make(tmp_path, "first", "one.example")
    second = certificates.make(tmp_path, "second", "*.two.example")
    held = Certificates([first, second])

    async def main() -> None:
        async with serving(tls=held.context) as served:
            for name, shown in (
                ("one.example", "one.example"),
                ("a.two.example", "*.two.example"),
                ("a.b.two.example", "one.example"),
                ("other.example", "one.example"),
            ):
                viewer, subject = await secure_viewer(served, name)
                assert subject == shown
                await viewer.send(GET * 2)
                assert (await viewer.response())[2] == b"/inline"
                assert (await viewer.response())[2] == b"/inline"
            assert served.side.requests[0].scheme == "https"
            assert served.side.requests[0].viewer_ip == "127.0.0.1"

    uvloop.run(main())


def test_bodies_pass_through_tls_both_ways(tmp_path: Path) -> None:
    held = Certificates([certificates.make(tmp_path, "first", "one.example")])

    async def main() -> None:
        async with serving(tls=held.context) as served:
            viewer, _ = await secure_viewer(served, "one.example")
            body = bytes(range(256)) * 4096
            sending = asyncio.ensure_future(
                viewer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            )
            assert (await viewer.response())[2] == body
            await sending

    uvloop.run(main())


def test_a_reload_is_in_force_for_new_connections_and_keeps_the_old_ones(tmp_path: Path) -> None:
    held = Certificates([certificates.make(tmp_path, "first", "one.example", subject="old")])

    async def main() -> None:
        async with serving(tls=held.context) as served:
            before, subject = await secure_viewer(served, "one.example")
            assert subject == "old"
            certificates.make(tmp_path, "first", "one.example", subject="new")
            held.reload()
            assert (await secure_viewer(served, "one.example"))[1] == "new"
            await before.send(GET)
            assert (await before.response())[2] == b"/inline"
            (tmp_path / "first.pem").write_text("garbage")
            with pytest.raises(ConfigError):
                held.reload()
            assert (await secure_viewer(served, "one.example"))[1] == "new"

    uvloop.run(main())


def test_a_plain_request_to_a_tls_port_harms_nobody(tmp_path: Path) -> None:
    held = Certificates([certificates.make(tmp_path, "first", "one.example")])

    async def main() -> None:
        async with serving(tls=held.context) as served:
            assert b"HTTP/1.1 200" not in await served.exchange(GET)
            viewer, _ = await secure_viewer(served, "one.example")
            await viewer.send(GET)
            assert (await viewer.response())[0] == 200

    uvloop.run(main())


def test_unusable_files_are_config_errors(tmp_path: Path) -> None:
    good = certificates.make(tmp_path, "a", "a.example")
    other = certificates.make(tmp_path, "b", "b.example")
    for bad in (
        Certificate(hosts=("a.example",), chain=tmp_path / "none", key=good.key),
        Certificate(hosts=("a.example",), chain=good.chain, key=other.key),
    ):
        with pytest.raises(ConfigError):
            Certificates([bad])
    with pytest.raises(ConfigError):
        Certificates([])


labels = st.from_regex(r"\A[a-z]{1,3}(\.[a-z]{1,3}){0,3}\Z")


@pytest.mark.slow
@given(st.lists(st.one_of(labels, labels.map("*.{}".format))), labels)
def test_a_wildcard_stands_for_one_label_and_an_exact_name_wins(names: list[str], wanted: str) -> None:
    chosen = choose(names, wanted.upper() + ".")
    if wanted in names:
        assert chosen == wanted
    elif chosen is not None:
        assert chosen in names
        assert chosen == "*." + wanted.split(".", 1)[1]
    else:
        assert "." not in wanted or "*." + wanted.split(".", 1)[1] not in names


def test_an_https_origin_is_verified_by_name_and_issuer(tmp_path: Path) -> None:
    trusted = certificates.make(tmp_path, "a", "localhost")
    stranger = certificates.make(tmp_path, "b", "localhost")
    elsewhere = certificates.make(tmp_path, "c", "elsewhere.example")
    tls = ssl.create_default_context(cafile=str(trusted.chain))
    tls.load_verify_locations(str(elsewhere.chain))

    async def fetch(held: Certificates) -> bytes:
        async with serving(tls=held.context) as served:
            client = OriginClient(tls=tls)
            try:
                origin = UrlOrigin(name="o", url=f"https://localhost:{served.port}")
                return await body_of(await client.fetch(origin, Request(method="GET", path="/inline")))
            finally:
                await client.close()

    assert uvloop.run(fetch(Certificates([trusted]))) == b"/inline"
    for bad in (stranger, elsewhere):
        with pytest.raises(OriginError, match="cannot be connected to"):
            uvloop.run(fetch(Certificates([bad])))
