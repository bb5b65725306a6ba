"""The four triggers in a request's way, with real guests in a real sandbox, over sockets."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import pytest

from edgefaas.contract import LiveFunction
from sandbox import Builder, Kind, Limits, Source
from tests.edgefaas.live import FakeOrigin, Pop, Seen, origin, pop, reply

Scenario = Callable[[Pop, FakeOrigin], Coroutine[Any, Any, None]]

# An event guest whose answer is the text given, whatever the event is.
CONSTANT = """
(module
  (memory (export "memory") 2)
  (data (i32.const 1024) "{data}")
  (func (export "alloc") (param i32) (result i32) i32.const 65536)
  (func (export "handle") (param i32 i32) (result i64)
    i64.const {packed}))
"""
LOOP = """
(module
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) i32.const 65536)
  (func (export "handle") (param i32 i32) (result i64) (loop br 0) unreachable))
"""
TRAP = LOOP.replace("(loop br 0)", "")


def constant(text: str) -> str:
    data = "".join(f"\\{byte:02x}" for byte in text.encode())
    return CONSTANT.format(data=data, packed=1024 << 32 | len(text.encode()))


async def deploy(served: Pop, artifacts: Path, limits: Limits | None = None, **sources: str) -> None:
    """Build and activate wat sources by function name."""
    builder = Builder(artifacts=artifacts)
    live = {}
    try:
        for name, text in sources.items():
            built = await builder.build(
                Source(kind=Kind.EVENT, files={"f.wat": text.encode()}, entry="f.wat")
            )
            live[name] = LiveFunction(
                name=name,
                version=built.artifact,
                kind=Kind.EVENT,
                artifact=built.artifact,
                facts=built.facts,
                limits=limits or Limits(),
            )
    finally:
        await builder.close()
    served.app.activate(live)


def play(
    folder: Path, behaviour: str, sources: dict[str, str], scenario: Scenario, limits: Limits | None = None
) -> None:
    """Run a scenario with functions deployed behind one behaviour."""

    def replying(seen: Seen) -> bytes:
        return reply(
            f"origin {seen.target}", Cache_Control="max-age=60", X_Seen=seen.headers.get("x-added", "-")
        )

    async def main() -> None:
        async with origin(replying) as fake:
            site = f'[origins.app]\nurl = "http://127.0.0.1:{fake.port}"\n'
            site += "".join(f'[functions.{name}]\nsource = "{name}.wat"\n' for name in sources)
            site += f'[[behaviors]]\npath = "*"\norigin = "app"\n{behaviour}\n'
            async with pop(site, folder) as served:
                await deploy(served, folder / "artifacts", limits, **sources)
                await scenario(served, fake)

    asyncio.run(main())


def test_a_viewer_request_function_may_answer_by_itself(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for _ in range(2):
            answer = await served.ask("/x")
            assert (answer.status, answer.body) == (201, b"made here")
            assert answer.headers["x-cache"] == "LambdaGeneratedResponse from edgefaas"
            assert answer.headers["x-made"] == "yes"
        assert not fake.seen

    text = '{"status":"201","headers":{"x-made":[{"value":"yes"}]},"body":"made here"}'
    play(tmp_path, 'viewer_request = "f"', {"f": constant(text)}, scenario)


def test_what_an_origin_request_function_answers_is_stored(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        first, second = await served.ask("/x"), await served.ask("/x")
        assert (first.body, first.headers["x-cache"]) == (b"made", "LambdaGeneratedResponse from edgefaas")
        assert (second.body, second.headers["x-cache"]) == (b"made", "Hit from edgefaas")
        assert not fake.seen

    text = '{"status":"200","headers":{"cache-control":[{"value":"max-age=60"}]},"body":"made"}'
    play(tmp_path, 'origin_request = "f"', {"f": constant(text)}, scenario)


def test_a_function_that_returns_nonsense_is_a_502_named_in_its_log(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        answer = await served.ask("/x")
        assert answer.status == 502
        assert answer.headers["x-cache"] == "LambdaValidationError from edgefaas"
        (line,) = [line for line in served.log if line.function == "f"]
        assert "status" in line.text
        assert line.request_id == answer.headers["x-edge-request-id"]

    play(tmp_path, 'viewer_request = "f"', {"f": constant('{"status":"9000"}')}, scenario)


def test_a_function_that_traps_is_a_503_and_its_neighbour_answers(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        answer = await served.ask("/x")
        assert answer.status == 503
        assert answer.headers["x-cache"] == "LambdaExecutionError from edgefaas"
        assert any("trap" in line.text for line in served.log)
        assert (await served.ask("/.edgefaas/health")).status == 200

    play(tmp_path, 'viewer_request = "f"', {"f": TRAP}, scenario)


def test_an_endless_loop_ends_at_its_limit_and_others_are_served_meanwhile(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        loop = asyncio.ensure_future(served.ask("/x"))
        assert (await served.ask("/.edgefaas/health")).status == 200
        assert (await loop).status == 503
        assert any("limit of 100 ms of CPU" in line.text for line in served.log)

    play(tmp_path, 'viewer_request = "f"', {"f": LOOP}, scenario, Limits(cpu_ms=100))


@pytest.mark.parametrize("trigger", ["origin_response", "viewer_response"])
def test_a_response_function_changes_the_head_and_keeps_the_body(tmp_path: Path, trigger: str) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for _ in range(2):
            answer = await served.ask("/x")
            assert (answer.status, answer.body) == (200, b"origin /x")
            assert answer.headers["x-added"] == "by a function"
        assert len(fake.seen) == 1

    text = (
        '{"status":"200","statusDescription":"OK","headers":{'
        '"x-added":[{"key":"X-Added","value":"by a function"}],'
        '"cache-control":[{"key":"Cache-Control","value":"max-age=60"}]}}'
    )
    play(tmp_path, f'{trigger} = "f"', {"f": constant(text)}, scenario)


def test_a_function_may_be_the_origin(tmp_path: Path) -> None:
    async def main() -> None:
        site = '[functions.f]\nsource = "f.wat"\n[origins.o]\nfunction = "f"\n'
        async with pop(site, tmp_path) as served:
            await deploy(
                served, tmp_path / "artifacts", f=constant('{"status":"200","body":"origin made of code"}')
            )
            assert (await served.ask("/x")).body == b"origin made of code"

    asyncio.run(main())


def test_a_function_that_was_never_deployed_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        served.app.activate({})
        assert (await served.ask("/x")).status == 503

    play(tmp_path, 'viewer_request = "f"', {"f": TRAP}, scenario)


def test_invoking_tells_result_logs_and_usage(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        told = await served.app.invoke("f", b"{}")
        assert told["outcome"] == "finished"
        assert told["result"] == {"status": "204"}
        assert told["logs"] == []
        trapped = await served.app.invoke("t", b"{}")
        assert trapped["outcome"] == "trapped"
        assert trapped["remedy"]

    play(tmp_path, 'viewer_request = "f"', {"f": constant('{"status":"204"}'), "t": TRAP}, scenario)


def test_a_function_may_take_and_give_msgpack(tmp_path: Path) -> None:
    async def main() -> None:
        site = '[functions.f]\nsource = "f.wat"\n[[behaviors]]\npath = "*"\nviewer_request = "f"\n'
        async with pop(site, tmp_path) as served:
            packed = msgpack.packb({"status": "200", "body": "packed"})
            data = "".join(f"\\{byte:02x}" for byte in packed)
            text = CONSTANT.format(data=data, packed=1024 << 32 | len(packed))
            await deploy(served, tmp_path / "artifacts", f=text)
            live = served.app._resources.guests.get("f")
            served.app.activate({"f": replace(live, encoding="msgpack")})
            assert (await served.ask("/")).body == b"packed"
            broken = CONSTANT.format(data="\\c1", packed=1024 << 32 | 1)
            await deploy(served, tmp_path / "artifacts", f=broken)
            served.app.activate({"f": replace(served.app._resources.guests.get("f"), encoding="msgpack")})
            assert (await served.ask("/")).status == 503

    asyncio.run(main())


@pytest.mark.parametrize(
    ("source", "word"),
    [(TRAP, "FunctionExecutionError"), (constant('{"statusCode":9000}'), "FunctionValidationError")],
)
def test_a_cloudfront_function_that_fails_has_cloudfronts_own_words(
    tmp_path: Path, source: str, word: str
) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        speaking = replace(served.app._resources.guests.get("f"), facts={"api": "cloudfront-functions"})
        served.app.activate({"f": speaking})
        answer = await served.ask("/x")
        assert answer.headers["x-cache"] == f"{word} from edgefaas"

    play(tmp_path, 'viewer_request = "f"', {"f": source}, scenario)
