"""Commands and components as origins and triggers, in a real sandbox, over sockets.

The guests echo: what a test sends as the body of its request is what the function answers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from edgefaas.contract import LiveFunction
from sandbox import Builder, Kind, Limits, Source
from tests.edgefaas.live import Pop, pop
from tests.sandbox.test_cgi_streams import ECHO
from tests.sandbox.test_wasi_http import COMPONENT

Scenario = Callable[[Pop], Coroutine[Any, Any, None]]
ORIGIN = '[functions.f]\nsource = "f.wat"\n[origins.o]\nfunction = "f"\n'
COMMAND = ECHO.format(before="").encode()
TRAPS_AFTER = COMMAND.replace(b"(br $next))", b"(unreachable))")
BLANK = "Content-Type: text/plain\n\n"


def play(
    folder: Path, kind: Kind, scenario: Scenario, *, site: str = ORIGIN, wat: bytes = b"", **limits: int
) -> None:
    async def main() -> None:
        async with pop(site, folder) as served:
            text = wat or (COMMAND if kind is Kind.CGI else COMPONENT)
            await activate(served, folder, kind, text, Limits(**{"wall_ms": 60_000, **limits}))
            await scenario(served)

    asyncio.run(main())


async def activate(served: Pop, folder: Path, kind: Kind, wat: bytes, limits: Limits) -> None:
    builder = Builder(artifacts=folder / "artifacts")
    try:
        built = await builder.build(Source(kind=kind, files={"f.wat": wat}, entry="f.wat"))
    finally:
        await builder.close()
    live = LiveFunction(
        name="f", version="1", kind=kind, artifact=built.artifact, facts=built.facts, limits=limits
    )
    served.app.activate({"f": live})


@asynccontextmanager
async def connected(served: Pop) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def posted(served: Pop, body: bytes | str, **options: Any) -> Any:
    octets = body.encode() if isinstance(body, str) else body
    return await served.ask("/x", method="POST", body=octets, **options)


def test_what_a_command_writes_is_the_answer(tmp_path: Path) -> None:
    async def scenario(served: Pop) -> None:
        answer = await posted(served, "Status: 201 Made\nContent-Type: text/x\nX-A: 1\nX-A: 2\n\nhello")
        assert (answer.status, answer.body) == (201, b"hello")
        assert answer.headers["content-type"] == "text/x"
        assert answer.headers["x-cache"] == "Miss from edgefaas"

    play(tmp_path, Kind.CGI, scenario)


def test_what_a_component_writes_is_the_answer(tmp_path: Path) -> None:
    async def scenario(served: Pop) -> None:
        for size in (0, 1, 300_000):
            answer = await posted(served, b"x" * size)
            assert (answer.status, len(answer.body)) == (200, size)
        assert (await served.ask("/x", method="HEAD")).status == 200

    play(tmp_path, Kind.HTTP, scenario, cpu_ms=60_000)


@pytest.mark.parametrize("kind", [Kind.CGI, Kind.HTTP])
def test_bodies_stream_both_ways(tmp_path: Path, kind: Kind) -> None:
    """The answer to the first piece is there before the second is sent."""

    async def scenario(served: Pop) -> None:
        first = (BLANK if kind is Kind.CGI else "") + "first"
        size = len(first) + len("second")
        async with connected(served) as (reader, writer):
            writer.write(f"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n{first}".encode())
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readuntil(b"first\r\n")
            writer.write(b"second")
            assert await reader.readuntil(b"second\r\n0\r\n\r\n")

    play(tmp_path, kind, scenario)


def test_an_answer_may_be_stored_as_any_origins(tmp_path: Path) -> None:
    wat = COMMAND.replace(
        b'(func (export "_start") (local $errno i32)',
        b'(data (i32.const 2048) "Content-Type: text/plain\\0aCache-Control: max-age=60\\0a\\0astored")'
        b'(func (export "_start") (local $errno i32)'
        b"(i32.store (i32.const 0) (i32.const 2048)) (i32.store (i32.const 4) (i32.const 58))"
        b"(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))",
    )

    async def scenario(served: Pop) -> None:
        words = []
        for _ in range(2):
            answer = await served.ask("/x")
            assert answer.body == b"stored"
            words.append(answer.headers["x-cache"])
        assert words == ["Miss from edgefaas", "Hit from edgefaas"]
        part = await served.ask("/x", headers={"Range": "bytes=1-2"})
        assert (part.status, part.body) == (206, b"to")

    play(tmp_path, Kind.CGI, scenario, wat=wat)


@pytest.mark.parametrize(
    ("written", "status", "word"),
    [
        ("", 502, "LambdaValidationError"),
        ("no head at all", 502, "LambdaValidationError"),
        ("Status: 700\n\n", 502, "LambdaValidationError"),
    ],
)
def test_an_answer_that_is_none_is_a_502_named_in_the_log(
    tmp_path: Path, written: str, status: int, word: str
) -> None:
    async def scenario(served: Pop) -> None:
        answer = await posted(served, written)
        assert (answer.status, answer.headers["x-cache"]) == (status, f"{word} from edgefaas")
        (line,) = [line for line in served.log if line.function == "f"]
        assert line.request_id == answer.headers["x-edge-request-id"]

    play(tmp_path, Kind.CGI, scenario)


@pytest.mark.parametrize("kind", [Kind.CGI, Kind.HTTP])
def test_a_guest_that_traps_before_it_answers_is_a_503(tmp_path: Path, kind: Kind) -> None:
    wat = (
        COMPONENT.replace(b"(; BEFORE ;)", b"(unreachable)")
        if kind is Kind.HTTP
        else ECHO.format(before="(unreachable)").encode()
    )

    async def scenario(served: Pop) -> None:
        answer = await posted(served, "x")
        assert (answer.status, answer.headers["x-cache"]) == (503, "LambdaExecutionError from edgefaas")
        assert any("trap" in line.text for line in served.log)
        assert (await served.ask("/.edgefaas/health")).status == 200

    play(tmp_path, kind, scenario, wat=wat)


def test_an_answer_that_breaks_off_is_never_taken_for_a_whole(tmp_path: Path) -> None:
    begun: list[int] = []

    async def scenario(served: Pop) -> None:
        body = f"Cache-Control: max-age=60\n{BLANK}" + "x" * 600_000
        async with connected(served) as (reader, writer):
            head = f"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body) + 5}\r\n\r\n"
            writer.write((head + body).encode())
            if b"200 OK" not in await reader.readuntil(b"\r\n\r\n"):
                return
            # The last bytes of the request never come: its wall limit ends the guest.
            with suppress(ConnectionResetError):
                assert not (await reader.read()).endswith(b"0\r\n\r\n")
        assert any(f"limit of {wall_ms} ms" in line.text for line in served.log)
        begun.append(wall_ms)

    for wall_ms in (300, 3_000, 30_000):  # on a busy machine it may end before it has begun to answer
        if not begun:
            folder = tmp_path / str(wall_ms)
            folder.mkdir()
            play(folder, Kind.CGI, scenario, wall_ms=wall_ms, cpu_ms=60_000)
    assert begun


def test_a_viewer_who_leaves_ends_the_guest(tmp_path: Path) -> None:
    async def scenario(served: Pop) -> None:
        async with connected(served) as (reader, writer):
            writer.write(
                b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n" + BLANK.encode() + b"x"
            )
            await reader.readuntil(b"x\r\n")
            assert served.app.stats()["sandbox"]["running"] == 1  # type: ignore[index]
        while served.app.stats()["sandbox"]["running"]:  # type: ignore[index]
            await asyncio.sleep(0.001)

    play(tmp_path, Kind.CGI, scenario)


def test_a_slow_viewer_slows_the_guest_and_nothing_piles_up(tmp_path: Path) -> None:
    """A command that writes for ever is held by a viewer who does not read."""
    wat = COMMAND.replace(b"(if (i32.load (i32.const 8)) (then", b"(if (i32.const 1) (then").replace(
        b"(i32.store (i32.const 4) (i32.load (i32.const 8)))", b"(i32.store (i32.const 4) (i32.const 60000))"
    )

    async def scenario(served: Pop) -> None:
        async with connected(served) as (reader, writer):
            writer.write(f"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 26\r\n\r\n{BLANK}".encode())
            await reader.readuntil(b"\r\n\r\n")
            (invocation,) = served.app._resources.sandbox._scheduler.live
            used = -1
            while used != invocation.guest.cpu_ns or invocation.guest.waiting is None:
                used = invocation.guest.cpu_ns
                await asyncio.sleep(0.05)
            assert invocation.outcome is None

    play(tmp_path, Kind.CGI, scenario, wat=wat, cpu_ms=60_000)


def test_a_redirection_within_the_site_is_followed_here(tmp_path: Path) -> None:
    site = ORIGIN + (
        '[origins.files]\ndirectory = "files"\n'
        '[[behaviors]]\npath = "/files/*"\norigin = "files"\n[[behaviors]]\npath = "*"\norigin = "o"\n'
    )
    (tmp_path / "files" / "files").mkdir(parents=True)
    (tmp_path / "files" / "files" / "a.txt").write_text("of the folder")

    async def scenario(served: Pop) -> None:
        answer = await posted(served, "Location: /files/a.txt\n\n")
        assert (answer.status, answer.body) == (200, b"of the folder")
        assert answer.headers["x-cache"] == "Miss from edgefaas"
        around = await posted(served, "Location: /x\n\n")  # a GET of /x has no body: an empty answer
        assert around.status == 502
        assert "location" not in answer.headers

    play(tmp_path, Kind.CGI, scenario, site=site)


def test_a_redirection_without_end_is_a_502(tmp_path: Path) -> None:
    wat = COMMAND.replace(
        b'(func (export "_start") (local $errno i32)',
        b'(data (i32.const 2048) "Location: /x\\0a\\0a")'
        b'(func (export "_start") (local $errno i32)'
        b"(i32.store (i32.const 0) (i32.const 2048)) (i32.store (i32.const 4) (i32.const 14))"
        b"(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))",
    )

    async def scenario(served: Pop) -> None:
        assert (await served.ask("/x")).status == 502

    play(tmp_path, Kind.CGI, scenario, wat=wat)


TRIGGER = (
    '[functions.f]\nsource = "f.wat"\n[origins.files]\ndirectory = "files"\n'
    '[[behaviors]]\npath = "*"\norigin = "files"\ninclude_body = true\n{trigger} = "f"\n'
)


@pytest.mark.parametrize("trigger", ["viewer_request", "origin_request"])
def test_a_command_in_a_request_trigger_answers_or_lets_the_request_go_on(
    tmp_path: Path, trigger: str
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("of the folder")

    async def scenario(served: Pop) -> None:
        answered = await posted(served, f"Status: 403\n{BLANK}no")
        assert (answered.status, answered.body) == (403, b"no")
        assert answered.headers["x-cache"] == "LambdaGeneratedResponse from edgefaas"
        gone_on = await served.ask(
            "/x",
            method="GET",
            headers={"Content-Length": "37"},
            body=b"X-Edge-Continue: /a.txt\nStatus: 200\n\n",
        )
        assert (gone_on.status, gone_on.body) == (200, b"of the folder")
        assert "x-edge-continue" not in gone_on.headers

    play(tmp_path, Kind.CGI, scenario, site=TRIGGER.format(trigger=trigger))


def test_a_component_in_a_request_trigger_answers(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()

    async def scenario(served: Pop) -> None:
        answered = await posted(served, "told")
        assert (answered.status, answered.body) == (200, b"told")
        assert answered.headers["x-cache"] == "LambdaGeneratedResponse from edgefaas"

    play(tmp_path, Kind.HTTP, scenario, site=TRIGGER.format(trigger="viewer_request"))


@pytest.mark.parametrize("kind", [Kind.CGI, Kind.HTTP])
def test_in_a_response_trigger_they_are_refused_with_a_reason(tmp_path: Path, kind: Kind) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "x").write_text("x")

    async def scenario(served: Pop) -> None:
        assert (await served.ask("/x")).status == 502
        assert any("cannot act in viewer-response" in line.text for line in served.log)

    play(tmp_path, kind, scenario, site=TRIGGER.format(trigger="viewer_response"))


@pytest.mark.parametrize("kind", [Kind.CGI, Kind.HTTP])
def test_invoking_tells_the_answer_as_it_was_asked(tmp_path: Path, kind: Kind) -> None:
    async def scenario(served: Pop) -> None:
        text = (BLANK if kind is Kind.CGI else "") + "hello"
        told = await served.app.invoke("f", b'{"url":"https://a.example/x","method":"POST","body":"%s"}'
                                       % text.replace("\n", "\\n").encode())  # fmt: skip
        assert told["outcome"] == "finished"
        result = told["result"]
        assert isinstance(result, dict)
        assert (result["status"], result["body"]) == (200, "hello")

    play(tmp_path, kind, scenario)
