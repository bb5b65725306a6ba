"""``fetch`` of functions: where it may go, and what it brings back."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.contract import LiveFunction
from edgefaas.message import Headers, Request, Response
from edgefaas.outbound import PIECE_BYTES, REQUEST_BYTES_MAX, Outbound, read_request, redirected, written
from edgefaas.tracing.spans import Span, Trace
from sandbox import Kind
from sandbox.contract import HostCallError
from tests.edgefaas.live import FakeOrigin, Seen, origin, reply


def function(*allow: str) -> LiveFunction:
    return LiveFunction(name="f", version="v", kind=Kind.JS, artifact="a", allow=allow)


def fetch(
    replying: Callable[[Seen], bytes], allow: tuple[str, ...], **asked: Any
) -> tuple[dict[str, Any], FakeOrigin]:
    """Fetch through a server on loopback; ``{port}`` in rules and URL is its port."""

    async def main() -> tuple[dict[str, Any], FakeOrigin]:
        outbound = Outbound()
        async with origin(replying) as fake:
            rules = tuple(rule.format(port=fake.port) for rule in allow)
            asked["url"] = asked["url"].format(port=fake.port)
            try:
                answer = await outbound.fetch(function(*rules), orjson.dumps(asked))
            finally:
                await outbound.close()
            return orjson.loads(answer), fake

    return asyncio.run(main())


def test_a_host_that_is_allowed_answers() -> None:
    answer, fake = fetch(
        lambda _: reply("pong", X_Kind="test"),
        ("http://127.0.0.1:{port}",),
        url="http://127.0.0.1:{port}/ping?a=b",
        method="POST",
        headers=[["X-Mine", "1"], ["Host", "forged"]],
        body=base64.b64encode(b"ball").decode(),
    )
    assert (answer["status"], base64.b64decode(answer["body"])) == (200, b"pong")
    assert ["X-Kind", "test"] in answer["headers"]
    assert (fake.seen[0].method, fake.seen[0].target, fake.seen[0].body) == ("POST", "/ping?a=b", b"ball")
    assert fake.seen[0].headers["x-mine"] == "1"
    assert fake.seen[0].headers["host"] == f"127.0.0.1:{fake.port}"


@pytest.mark.parametrize("allow", [(), ("https://api.example.com",), ("http://127.0.0.1:1",)])
def test_a_host_that_is_not_allowed_is_never_asked(allow: tuple[str, ...]) -> None:
    with pytest.raises(HostCallError, match="not among the hosts"):
        fetch(lambda _: reply("no"), allow, url="http://127.0.0.1:{port}/")


def test_a_name_that_leads_inside_is_refused_though_the_name_is_allowed() -> None:
    """``localhost.localdomain``-like names resolve to loopback; only the address itself opens it."""

    async def main() -> None:
        outbound = Outbound()
        try:
            resolver = outbound._client._resolver
            resolver._known["inside.example"] = (
                asyncio.get_running_loop().time() + 1e6,
                ("127.0.0.1", "10.1.2.3"),
            )
            asked = orjson.dumps({"url": "https://inside.example/"})
            with pytest.raises(HostCallError, match="inside this network"):
                await outbound.fetch(function("https://inside.example"), asked)
        finally:
            await outbound.close()

    asyncio.run(main())


def test_a_redirect_is_asked_for_anew() -> None:
    with pytest.raises(HostCallError, match="not among the hosts"):
        fetch(
            lambda _: reply(status="302 Found", Location="http://169.254.169.254/latest"),
            ("http://127.0.0.1:{port}",),
            url="http://127.0.0.1:{port}/",
        )


def test_redirects_are_followed_up_to_a_limit() -> None:
    def twice(seen: Seen) -> bytes:
        if seen.target == "/2":
            return reply("there")
        return reply(status="302 Found", Location=f"/{int(seen.target[1:]) + 1}")

    allow = ("http://127.0.0.1:{port}",)
    assert base64.b64decode(fetch(twice, allow, url="http://127.0.0.1:{port}/0")[0]["body"]) == b"there"
    with pytest.raises(HostCallError, match="more than 5 redirects"):
        fetch(lambda _: reply(status="302 Found", Location="/"), allow, url="http://127.0.0.1:{port}/")
    manual, _ = fetch(twice, allow, url="http://127.0.0.1:{port}/0", redirect="manual")
    assert manual["status"] == 302


def test_an_answer_that_is_too_long_is_refused() -> None:
    with pytest.raises(HostCallError, match="more than"):
        fetch(
            lambda _: reply(b"x" * (6 * 1024 * 1024 + 1)),
            ("http://127.0.0.1:{port}",),
            url="http://127.0.0.1:{port}/",
        )


@pytest.mark.parametrize("size", [0, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 2])
def test_bodies_of_any_length_go_both_ways_whole(size: int) -> None:
    body = bytes(number % 251 for number in range(size))

    async def main() -> tuple[Request, bytes]:
        asked = {"url": "https://a.example/", "method": "PUT", "body": base64.b64encode(body).decode()}
        request, _, _ = await read_request(json.dumps(asked).encode())
        return request, await written(Response(status=200, headers=Headers([]), body=body), "u")

    request, answer = asyncio.run(main())
    assert request.body == body
    assert base64.b64decode(json.loads(answer)["body"]) == body


def test_a_long_field_that_is_called_body_is_not_the_body() -> None:
    long = "A" * (4 * PIECE_BYTES)
    asked = {"url": "https://a.example/", "other": {"body": long}, "body": "AAAA"}
    request, _, _ = asyncio.run(read_request(json.dumps(asked).encode()))
    assert request.body == bytes(3)
    escaped = json.dumps({"url": "https://a.example/", "body": "//AA" + long}).replace("//AA", "\\/\\/AA")
    request, _, _ = asyncio.run(read_request(escaped.encode()))
    assert request.body == base64.b64decode("//AA" + long)
    asked = {"other": ["body", long], "body": long, "url": "https://a.example/"}
    request, _, _ = asyncio.run(read_request(json.dumps(asked).encode()))
    assert request.body == bytes(3 * PIECE_BYTES)


def test_a_request_of_the_most_bytes_is_read_and_a_longer_one_is_not() -> None:
    head = b'{"url": "https://a.example/"}'
    asyncio.run(read_request(head.ljust(REQUEST_BYTES_MAX)))
    with pytest.raises(HostCallError, match="at most"):
        asyncio.run(read_request(head.ljust(REQUEST_BYTES_MAX + 1)))


@pytest.mark.parametrize("at", [0, PIECE_BYTES, 2 * PIECE_BYTES])
def test_a_long_body_that_is_no_base64_is_an_error_for_the_guest(at: int) -> None:
    text = base64.b64encode(bytes(2 * PIECE_BYTES)).decode()
    asked = {"url": "https://a.example/", "body": text[:at] + "*" + text[at:]}
    with pytest.raises(HostCallError, match="cannot be read"):
        asyncio.run(read_request(json.dumps(asked).encode()))


def test_secrets_stay_with_the_origin_they_were_meant_for() -> None:
    request = Request(method="GET", path="/", headers=Headers([("Authorization", "s"), ("Accept", "a")]))
    redirected(request, "https://a.example/x", "https://a.example/y", 302)
    assert "authorization" in request.headers
    redirected(request, "https://a.example/x", "https://b.example/y", 302)
    assert list(request.headers) == [("Accept", "a")]


@given(st.binary(max_size=200))
def test_garbage_from_a_guest_is_an_error_for_the_guest(payload: bytes) -> None:
    try:
        request, url, _ = asyncio.run(read_request(payload))
    except HostCallError:
        return
    assert isinstance(url, str)
    assert isinstance(request.body, bytes)


@given(st.text(max_size=20) | st.sampled_from(["http://[", "//[::1", "http://[::x]/"]))
def test_wherever_a_redirect_leads_is_a_url_or_an_error_for_the_guest(location: str) -> None:
    request = Request(method="GET", path="/")
    with contextlib.suppress(HostCallError):
        assert isinstance(redirected(request, "http://a.example/b", location, 302), str)


@pytest.mark.parametrize("method", ["CONNECT", "trace", "Track"])
def test_methods_that_reach_behind_a_server_are_refused(method: str) -> None:
    with pytest.raises(HostCallError, match=method.upper()):
        asyncio.run(read_request(orjson.dumps({"url": "http://a.example/", "method": method})))


def test_a_function_does_not_pass_for_a_viewer_on_loopback() -> None:
    allow, url = ("http://127.0.0.1:{port}",), "http://127.0.0.1:{port}/"
    _, fake = fetch(lambda _: reply("x"), allow, url=url)
    assert fake.seen[0].headers["x-forwarded-for"] == "unknown"


def test_a_secret_in_an_address_is_in_no_trace() -> None:
    ended: list[Span] = []

    async def main() -> None:
        outbound = Outbound()
        async with origin(lambda _: reply("pong")) as fake:
            url = f"http://127.0.0.1:{fake.port}"
            asker = replace(function(url), environment={"KEY": "open-sesame"}, secrets=("KEY",))
            step = Span(Trace(None, recorded=True, now_ns=lambda: 1, ended=ended.append), "viewer-request f")
            asked = {"url": f"{url}/treasury/open-sesame?q=open-sesame"}
            try:
                await outbound.fetch(asker, orjson.dumps(asked), step)
            finally:
                await outbound.close()
            assert fake.seen[0].target == "/treasury/open-sesame?q=open-sesame"

    asyncio.run(main())
    (told,) = (str(span.attributes["url.full"]) for span in ended)
    assert "/treasury/***" in told
    assert "sesame" not in told
