"""The steps of requests as spans: through a POP, its functions and its origin, over sockets."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from edgefaas.contract import LiveFunction
from edgefaas.outbound import Outbound
from edgefaas.tracing.context import read_context
from edgefaas.tracing.spans import Kind, PlainSpan, Span, Trace
from sandbox import Kind as FunctionKind
from tests.edgefaas.live import FakeOrigin, Pop, Seen, ask, origin, pop, reply
from tests.edgefaas.test_front import GERMANY, PLACES, SECRET
from tests.edgefaas.test_functions_on_the_way import constant, deploy

DEADLINE_S = 60.0
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ASKED = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "congo=t61rcWkgMzE"}
TELEMETRY = '[telemetry]\notlp = "http://127.0.0.1:1"\n'
SITE = """
[site]
hosts = ["*"]
[origins.app]
url = "http://127.0.0.1:{port}"
[functions.made]
source = "made.wat"
[functions.trap]
source = "trap.wat"
[[behaviors]]
path = "/made"
viewer_request = "made"
[[behaviors]]
path = "/trap"
viewer_request = "trap"
[[behaviors]]
path = "/policy/*"
origin = "app"
forward = {{ headers = "none" }}
[[behaviors]]
path = "*"
origin = "app"
{more}
"""
TRAP = """
(module
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) i32.const 65536)
  (func (export "handle") (param i32 i32) (result i64) unreachable))
"""

Scenario = Callable[[Pop, FakeOrigin], Coroutine[Any, Any, None]]


def replying(seen: Seen) -> bytes:
    return reply("ok", Cache_Control="max-age=60" if "kept" in seen.target else "no-store")


def play(folder: Path, scenario: Scenario, more: str = TELEMETRY) -> None:
    async def main() -> None:
        async with origin(replying) as fake, pop(SITE.format(port=fake.port, more=more), folder) as served:
            await scenario(served, fake)

    asyncio.run(main())


class Told:
    """A span by names."""

    def __init__(self, plain: PlainSpan) -> None:
        self.trace_id, self.span_id, self.parent_id, self.state, self.remote, *rest = plain
        self.name, self.kind, start_ns, end_ns, attributes, self.error = rest
        assert isinstance(attributes, dict)
        assert isinstance(start_ns, int)
        assert isinstance(end_ns, int)
        self.start_ns, self.end_ns = start_ns, end_ns
        self.attributes: dict[str, Any] = attributes


async def spans(served: Pop, requests: int) -> dict[str, Told]:
    """Wait until so many requests have ended; return their spans by name, the last of each."""
    async with asyncio.timeout(DEADLINE_S):
        while sum(span[6] == Kind.SERVER for span in served.spans) < requests:
            await asyncio.sleep(0.01)
    return {told.name: told for told in map(Told, served.spans)}  # type: ignore[misc]


def test_a_miss_is_a_request_a_behaviour_a_look_up_and_a_question_to_the_origin(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        answer = await served.ask("/a/b?Signature=s&x=1", headers={**ASKED, "Host": "shop.example:81"})
        told = await spans(served, 1)
        server = told["GET *"]
        assert (server.trace_id, server.parent_id, server.state, server.remote) == (
            TRACE,
            SPAN,
            ASKED["tracestate"],
            True,
        )
        assert [line.fields["trace_id"] for line in served.log if "status" in line.fields] == [TRACE]
        known = server.attributes
        assert known["edgefaas.request_id"] == answer.headers["x-edge-request-id"]
        assert (known["http.request.method"], known["http.response.status_code"]) == ("GET", 200)
        assert (known["url.scheme"], known["url.path"], known["url.query"]) == (
            "http",
            "/a/b",
            "Signature=REDACTED&x=1",
        )
        assert (known["server.address"], known["server.port"]) == ("shop.example", 81)
        assert (known["client.address"], known["network.protocol.version"]) == ("127.0.0.1", "1.1")
        assert (known["http.route"], known["edgefaas.x_cache"]) == ("*", "Miss")
        assert known["http.response.body.size"] == 2
        for name in ("behavior", "cache lookup", "GET"):
            assert (told[name].trace_id, told[name].parent_id) == (TRACE, server.span_id)
            assert server.start_ns <= told[name].start_ns <= told[name].end_ns <= server.end_ns
        assert told["cache lookup"].attributes["edgefaas.cache.verdict"] == "Fetch"
        asked = told["GET"]
        assert asked.kind == Kind.CLIENT
        assert asked.attributes["url.full"] == f"http://127.0.0.1:{fake.port}/a/b?Signature=REDACTED&x=1"
        assert asked.attributes["edgefaas.origin"] == "app"
        seen = fake.seen[0].headers
        assert seen["traceparent"] == f"00-{TRACE}-{asked.span_id}-01"
        assert seen["tracestate"] == ASKED["tracestate"]
        assert fake.seen[0].target == "/a/b?Signature=s&x=1"

    play(tmp_path, scenario)


def test_a_hit_is_traced_when_the_viewer_asks_for_it_and_costs_the_origin_nothing(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for _ in range(3):
            await served.ask("/kept")
        await served.ask("/kept", headers=ASKED)
        told = await spans(served, 1)
        assert len(fake.seen) == 1
        assert told["GET *"].trace_id == TRACE
        assert [span[6] for span in served.spans].count(Kind.SERVER) == 1
        assert told["GET *"].attributes["edgefaas.x_cache"] == "Hit"
        assert told["cache lookup"].attributes["edgefaas.cache.hit"] is True

    play(tmp_path, scenario, f"{TELEMETRY}sample_ratio = 0\n")


def test_functions_are_steps_with_their_version_and_their_cpu_time(tmp_path: Path) -> None:
    async def scenario(served: Pop, _: FakeOrigin) -> None:
        await deploy(served, tmp_path / "artifacts", made=constant('{"status":"200","body":"x"}'), trap=TRAP)
        await served.ask("/made")
        await served.ask("/trap")
        told = await spans(served, 2)
        made, trap = told["viewer-request made"], told["viewer-request trap"]
        assert made.attributes["faas.name"] == "made"
        assert len(made.attributes["faas.version"]) == 64
        assert made.attributes["edgefaas.function.cpu_us"] >= 0
        assert (made.error, told["GET /made"].error) == ("", "")
        assert (trap.error, told["GET /trap"].error) == ("Trapped", "503")
        assert made.parent_id == told["GET /made"].span_id

    play(tmp_path, scenario)


def test_a_function_that_was_run_before_is_traced_as_the_sampler_says(tmp_path: Path) -> None:
    async def scenario(served: Pop, _: FakeOrigin) -> None:
        await deploy(served, tmp_path / "artifacts", made=constant('{"status":"200","body":"x"}'))
        for fields in ({}, {}, {}, ASKED, {"traceparent": f"00-{TRACE}-{SPAN}-00"}, {}):
            assert (await served.ask("/made", headers=fields)).body == b"x"
        told = await spans(served, 1)
        assert told["viewer-request made"].parent_id == told["GET /made"].span_id
        assert {span[0] for span in served.spans} == {TRACE}

    play(tmp_path, scenario, f"{TELEMETRY}sample_ratio = 0\n")


def test_functions_are_traced_each_time_where_everything_is(tmp_path: Path) -> None:
    async def scenario(served: Pop, _: FakeOrigin) -> None:
        await deploy(served, tmp_path / "artifacts", made=constant('{"status":"200","body":"x"}'))
        for _again in range(5):
            await served.ask("/made")
        await spans(served, 5)
        assert [span[5] for span in served.spans].count("viewer-request made") == 5

    play(tmp_path, scenario)


def test_what_is_not_to_be_recorded_is_passed_on_all_the_same(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for fields in ({"traceparent": f"00-{TRACE}-{SPAN}-00"}, {}):
            await served.ask("/a", headers=fields)
        first, second = (read_context([seen.headers["traceparent"]]) for seen in fake.seen)
        assert first is not None
        assert (first.trace_id, first.sampled, first.span_id != SPAN) == (TRACE, False, True)
        assert second is not None
        assert second.sampled is False
        assert second.trace_id != TRACE
        assert served.spans == []

    play(tmp_path, scenario, f"{TELEMETRY}sample_ratio = 0\n")


@pytest.mark.parametrize("bad", [f"00-{TRACE}-{SPAN}", f"00-{'0' * 32}-{SPAN}-01", "garbage"])
def test_a_malformed_traceparent_begins_a_new_trace_without_the_old_state(tmp_path: Path, bad: str) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a", headers={"traceparent": bad, "tracestate": "a=1"})
        seen = fake.seen[0].headers
        context = read_context([seen["traceparent"]])
        assert context is not None
        assert context.trace_id != TRACE
        assert "tracestate" not in seen

    play(tmp_path, scenario)


def test_the_origin_is_told_whatever_the_forwarding_policy_leaves_out(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/policy/a", headers={**ASKED, "x-mine": "1"})
        assert "x-mine" not in fake.seen[0].headers
        assert fake.seen[0].headers["traceparent"].startswith(f"00-{TRACE}-")

    play(tmp_path, scenario)


def test_without_telemetry_the_fields_pass_through_as_they_are(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a", headers=ASKED)
        assert fake.seen[0].headers["traceparent"] == ASKED["traceparent"]
        assert fake.seen[0].headers["tracestate"] == ASKED["tracestate"]
        assert served.spans == []

    play(tmp_path, scenario, "")


def test_who_waits_for_another_viewer_s_fetch_has_a_step_for_it(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        fake.gate = asyncio.Event()
        asking = [asyncio.ensure_future(served.ask("/kept")) for _ in range(3)]
        async with asyncio.timeout(DEADLINE_S):
            while served.app.stats()["collapsed"] != 2:
                await asyncio.sleep(0.01)
        fake.gate.set()
        await asyncio.gather(*asking)
        told = await spans(served, 3)
        assert "wait for a collapsed request" in told
        assert [span[5] for span in served.spans].count("GET") == len(fake.seen) == 1

    play(tmp_path, scenario)


def test_an_origin_that_does_not_answer_ends_its_step_with_the_reason(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        fake.reply = lambda _: b""
        await served.ask("/a")
        told = await spans(served, 1)
        assert told["GET"].error == "NothingCameBackError"
        assert told["GET *"].error == "502"

    play(tmp_path, scenario)


def test_the_health_path_is_not_traced(tmp_path: Path) -> None:
    async def scenario(served: Pop, _: FakeOrigin) -> None:
        await served.ask("/.edgefaas/health")
        await served.ask("/a")
        told = await spans(served, 1)
        assert {span[0] for span in served.spans} == {told["GET *"].trace_id}

    play(tmp_path, scenario)


def test_a_request_that_is_passed_on_to_another_pop_is_one_trace(tmp_path: Path) -> None:
    def site(here: str, ports: dict[str, int], app: int = 1) -> str:
        lines = ["[origins.app]", f'url = "http://127.0.0.1:{app}"'] if here else []
        for name, (latitude, longitude) in PLACES.items():
            lines += [f"[pops.{name}]", f"latitude = {latitude}", f"longitude = {longitude}"]
            lines += [f'url = "http://127.0.0.1:{ports.get(name, 1)}"']
        lines += ["[router]", f'pop = "{here}"', f'steering = "{"answer" if here else "proxy"}"']
        lines += [f'mesh_secret = "{SECRET}"', 'trusted = ["127.0.0.0/8"]', TELEMETRY]
        return "\n".join(lines)

    async def main() -> None:
        async with AsyncExitStack() as stack:
            fake = await stack.enter_async_context(origin(replying))
            for name in ("fra", ""):
                (tmp_path / f"at{name}").mkdir()
            fra = await stack.enter_async_context(pop(site("fra", {}, fake.port), tmp_path / "atfra"))
            router = await stack.enter_async_context(pop(site("", {"fra": fra.port}), tmp_path / "at"))
            await ask(router.port, "/a", headers={**ASKED, "X-Forwarded-For": GERMANY})
            first, second = await spans(router, 1), await spans(fra, 1)
            hop, server = first["GET to fra"], first["GET"]
            assert (server.trace_id, server.parent_id) == (TRACE, SPAN)
            assert (hop.parent_id, hop.attributes["edgefaas.hop"]) == (server.span_id, "fra")
            there = second["GET *"]
            assert (there.trace_id, there.parent_id, there.state) == (TRACE, hop.span_id, ASKED["tracestate"])
            assert there.attributes["client.address"] == GERMANY
            assert there.attributes["edgefaas.request_id"] == server.attributes["edgefaas.request_id"]
            assert there.attributes["edgefaas.pop"] == "fra"
            assert fake.seen[0].headers["traceparent"] == f"00-{TRACE}-{second['GET'].span_id}-01"

    asyncio.run(main())


@pytest.mark.parametrize("own", ["", f"00-{'c' * 32}-{'d' * 16}-01"])
def test_what_a_function_fetches_is_a_step_of_its_own_and_its_own_field_wins(own: str) -> None:
    async def main() -> None:
        ended: list[Span] = []
        instants = iter(range(1, 100))
        kept = Trace(None, recorded=True, now_ns=lambda: next(instants), ended=ended.append)
        step = Span(kept, "viewer-request f")
        outbound = Outbound()
        async with origin(lambda _: reply("ok", status="404 Not Found")) as fake:
            allow = (f"http://127.0.0.1:{fake.port}",)
            function = LiveFunction(name="f", version="v", kind=FunctionKind.JS, artifact="a", allow=allow)
            asked = {"url": f"{allow[0]}/x", "headers": [["traceparent", own]] if own else []}
            try:
                await outbound.fetch(function, orjson.dumps(asked), step)
            finally:
                await outbound.close()
        (fetched,) = ended
        assert (fetched.parent_id, fetched.kind, fetched.error) == (step.span_id, Kind.CLIENT, "404")
        assert fake.seen[0].headers["traceparent"] == (own or fetched.context.traceparent)

    asyncio.run(main())
