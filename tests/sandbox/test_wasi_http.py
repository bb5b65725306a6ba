"""Kind ``http``: a component of wasi:http/proxy, its bodies held or streamed."""

import asyncio
from pathlib import Path
from typing import Any

import msgpack
import pytest

from sandbox.capi.values import OCTETS_MAX, VALUES_MAX
from sandbox.contract import (
    Finished,
    HostCallError,
    Kind,
    Limit,
    Limits,
    Outcome,
    OverLimit,
    Source,
    Threw,
    Trapped,
)
from sandbox.errors import CompileError, ForbiddenImportError, MissingExportError
from sandbox.settings import Settings
from tests.sandbox.guests import Bed, RecordingHost, built, event_module, on_loop

COMPONENT = (Path(__file__).parents[2] / "sample_functions" / "http-echo" / "echo.wat").read_bytes()
BEFORE = b"(; BEFORE ;)"
PATIENT = Limits(cpu_ms=10_000, wall_ms=60_000)  # a list<u8> costs 100 ns a byte, more on a busy machine


def component(before: bytes = b"") -> Source:
    """Return the echo component, doing something before it answers."""
    text = COMPONENT.replace(BEFORE, before)
    return Source(kind=Kind.HTTP, files={"guest.wat": text}, entry="guest.wat")


def request(**parts: Any) -> bytes:
    data: bytes = msgpack.packb(
        {"method": "POST", "scheme": "https", "authority": "a.example", "path": "/", "headers": [], **parts}
    )
    return data


def run(folder: Path, source: Source, event: bytes, limits: Limits | None = None) -> Outcome:
    async def scene(bed: Bed) -> Outcome:
        program = bed.sandbox.load(built(folder, source))
        outcome = await bed.sandbox.run(program, event, limits=limits or PATIENT, host=RecordingHost())
        again = await bed.sandbox.run(
            bed.sandbox.load(built(folder, component())),
            request(body=b"again"),
            limits=PATIENT,
            host=RecordingHost(),
        )
        assert isinstance(again, Finished)
        assert msgpack.unpackb(again.output)["body"] == b"again"
        return outcome

    return on_loop(folder, scene)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000])
def test_a_component_answers_with_the_body_of_its_request(tmp_path: Path, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    outcome = run(tmp_path, component(), request(body=body))
    assert isinstance(outcome, Finished), outcome
    assert msgpack.unpackb(outcome.output) == {"status": 200, "headers": [], "body": body}


class StreamingHost(RecordingHost):
    """A viewer who sends a body slowly and takes the answer slowly."""

    def __init__(self, chunks: list[bytes]) -> None:
        super().__init__()
        self.coming: asyncio.Queue[bytes] = asyncio.Queue()
        self.heads: list[dict[str, Any]] = []
        self.finished = False
        self.taken: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        for chunk in chunks:
            self.coming.put_nowait(chunk)

    def call(self, name: str, payload: bytes) -> Any:
        match name:
            case "http.read":
                return self.coming.get()
            case "http.respond":
                self.heads.append(msgpack.unpackb(payload))
                return b""
            case "http.finish":
                self.finished = True
                return b""
            case "http.write":
                return self._write(payload)
        raise HostCallError(name)

    async def _write(self, payload: bytes) -> bytes:
        await self.taken.put(payload)
        return b""


def test_bodies_stream_both_ways_and_a_slow_reader_slows_the_guest(tmp_path: Path) -> None:
    chunks = [b"chunk %d" % number for number in range(20)]

    async def scene(bed: Bed) -> list[bytes]:
        program = bed.sandbox.load(built(tmp_path, component()))
        host = StreamingHost(chunks[:10])
        invocation = bed.sandbox.start(program, request(stream=True), limits=Limits(), host=host)
        got = [await host.taken.get()]
        assert host.heads == [{"status": 200, "headers": []}]
        for _ in range(50):
            await asyncio.sleep(0)
        assert host.coming.qsize() >= 6  # it waits for its reader before it reads on
        for chunk in (*chunks[10:], b""):
            host.coming.put_nowait(chunk)
        got += [await host.taken.get() for _ in range(19)]
        outcome = await invocation.wait()
        assert isinstance(outcome, Finished)
        assert outcome.output == b""
        assert host.finished
        return got

    assert on_loop(tmp_path, scene) == chunks


def test_a_body_that_never_comes_ends_at_the_wall_limit(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> Outcome:
        program = bed.sandbox.load(built(tmp_path, component()))
        return await bed.sandbox.run(
            program, request(stream=True), limits=Limits(wall_ms=20), host=StreamingHost([b"first"])
        )

    outcome = on_loop(tmp_path, scene)
    assert isinstance(outcome, OverLimit)
    assert outcome.limit is Limit.WALL


def test_an_answer_of_exactly_the_output_limit_is_allowed_and_one_byte_more_is_not(tmp_path: Path) -> None:
    body = bytes(1_000)
    finished = run(tmp_path, component(), request(body=body), Limits(output_bytes=1_100))
    assert isinstance(finished, Finished)
    size = len(finished.output)
    assert isinstance(run(tmp_path, component(), request(body=body), Limits(output_bytes=size)), Finished)
    outcome = run(tmp_path, component(), request(body=body), Limits(output_bytes=size - 1))
    assert isinstance(outcome, OverLimit)
    assert outcome.limit is Limit.OUTPUT


def test_a_component_that_loops_ends_at_the_cpu_limit(tmp_path: Path) -> None:
    outcome = run(tmp_path, component(b"(loop $l (br $l))"), request(), Limits(cpu_ms=10))
    assert isinstance(outcome, OverLimit)
    assert outcome.limit is Limit.CPU


def test_a_component_that_traps_has_trapped(tmp_path: Path) -> None:
    outcome = run(tmp_path, component(b"(unreachable)"), request())
    assert isinstance(outcome, Trapped)
    assert "unreachable" in outcome.message


def test_a_component_that_does_not_answer_threw(tmp_path: Path) -> None:
    outcome = run(tmp_path, component(b"(return)"), request())
    assert isinstance(outcome, Threw)
    assert outcome.message == "it returned without an answer"


def test_a_component_that_answers_with_an_error_threw(tmp_path: Path) -> None:
    failing = b"(call $set (local.get $outparam) (i32.const 1) (i32.const 0)) (return)"
    outcome = run(tmp_path, component(failing), request())
    assert isinstance(outcome, Threw)
    assert outcome.message == "it answered with the error loop-detected"


def test_a_handle_that_was_never_given_is_a_trap(tmp_path: Path) -> None:
    outcome = run(tmp_path, component(b"(call $drop-output (i32.const 77))"), request())
    assert isinstance(outcome, Trapped)


def test_an_interface_that_is_not_offered_is_refused(tmp_path: Path) -> None:
    text = b'(component (import "wasi:keyvalue/store@0.2.0" (instance)))'
    with pytest.raises(ForbiddenImportError, match="keyvalue"):
        built(tmp_path, Source(kind=Kind.HTTP, files={"c.wat": text}, entry="c.wat"))
    later = COMPONENT.replace(b"0.2.3", b"0.3.0")
    with pytest.raises(ForbiddenImportError, match=r"0\.3\.0"):
        built(tmp_path, Source(kind=Kind.HTTP, files={"c.wat": later}, entry="c.wat"))


def test_a_component_without_handler_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingExportError, match="incoming-handler"):
        built(tmp_path, Source(kind=Kind.HTTP, files={"c.wat": b"(component)"}, entry="c.wat"))


def test_a_core_module_is_no_component_and_a_component_no_core_module(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="core module"):
        built(tmp_path, Source(kind=Kind.HTTP, files={"c.wat": event_module()}, entry="c.wat"))
    with pytest.raises(CompileError, match="component"):
        built(tmp_path, Source(kind=Kind.EVENT, files={"c.wat": COMPONENT}, entry="c.wat"))


def test_what_was_written_last_has_left_before_the_invocation_is_done(tmp_path: Path) -> None:
    class Patient(StreamingHost):
        """A viewer whose connection takes each thing a turn of the loop later."""

        def __init__(self, chunks: list[bytes]) -> None:
            super().__init__(chunks)
            self.got: list[bytes] = []

        def call(self, name: str, payload: bytes) -> Any:
            leaving = name in ("http.respond", "http.write")
            return self._later(payload) if leaving else super().call(name, payload)

        async def _later(self, payload: bytes) -> bytes:
            await asyncio.sleep(0.002)
            self.got.append(payload)
            return b""

    async def scene(bed: Bed) -> list[bytes]:
        program = bed.sandbox.load(built(tmp_path, component()))
        host = Patient([b"one", b"two", b""])
        outcome = await bed.sandbox.run(program, request(stream=True), limits=Limits(), host=host)
        assert isinstance(outcome, Finished)
        return host.got

    assert on_loop(tmp_path, scene)[1:] == [b"one", b"two"]


def test_a_cancelled_guest_reads_no_more_of_its_body(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        program = bed.sandbox.load(built(tmp_path, component()))
        limits = Limits(wall_ms=60_000)
        invocation = bed.sandbox.start(program, request(stream=True), limits=limits, host=StreamingHost([]))
        while len(asyncio.all_tasks()) == 1:  # it may take more than a first slice until it reads
            await asyncio.sleep(0)
        invocation.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    on_loop(tmp_path, scene)


def test_components_have_room_of_their_own_and_wait_for_it(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        program = bed.sandbox.load(built(tmp_path, component()))
        hosts = [StreamingHost([]) for _ in range(3)]
        first, second, third = (
            bed.sandbox.start(program, request(stream=True), limits=Limits(wall_ms=60_000), host=host)
            for host in hosts
        )
        assert bed.sandbox.stats()["queued"] == 2
        assert isinstance(await bed.run(event_module(), b"not held up"), Finished)
        first.cancel()
        hosts[1].coming.put_nowait(b"")
        assert isinstance(await second.wait(), Finished)
        third.cancel()

    on_loop(tmp_path, scene, Settings(components=1, queue_ms=60_000))


FLUSH = b"(call $flush (local.get $output) (i32.const %d) (i32.const %d) (i32.const 48)) (return)"
OPENED = b"""(local.set $response (call $response (call $fields)))
      (call $body (local.get $response) (i32.const 16))
      (call $write (i32.load (i32.const 20)) (i32.const 16))
      (local.set $output (i32.load (i32.const 20)))"""


def writing(kind: bytes, at: int, count: int) -> Source:
    """Return a component that says that what it writes is a list of another kind."""
    source = component(OPENED + FLUSH % (at, count))
    text = source.files["guest.wat"].replace(b'(param "contents" (list u8))', b'(param "contents" %b)' % kind)
    return Source(kind=Kind.HTTP, files={"guest.wat": text}, entry="guest.wat")


@pytest.mark.parametrize(
    "kind",
    [
        b"string", b"(list string)", b"(list (list u8))", b"(list (tuple u8 s64))", b"(list char)",
        b"(list (option u8))",        b"(list (result u8 (error u8)))", b"(list bool)", b"(list (borrow $output))",
    ],
)  # fmt: skip
def test_a_component_that_gives_a_function_other_types_has_trapped(tmp_path: Path, kind: bytes) -> None:
    outcome = run(tmp_path, writing(kind, 65_536, 3), request())
    assert isinstance(outcome, Trapped | Threw)  # where it can be taken for bytes, it lacks an answer
    assert "the host failed" not in outcome.message


def test_a_component_may_pass_so_many_values_in_one_call_and_not_one_more(tmp_path: Path) -> None:
    taken = run(tmp_path, writing(b"(list u16)", 65_536, VALUES_MAX - 2), request())
    assert isinstance(taken, Threw)  # it lacks an answer
    outcome = run(tmp_path, writing(b"(list u16)", 65_536, VALUES_MAX - 1), request())
    assert isinstance(outcome, Trapped)
    assert outcome.message == f"it passed more than {VALUES_MAX} values in one call"


@pytest.mark.parametrize("kind", [b"(list u8)", b"string"])
def test_a_component_may_pass_so_many_bytes_at_once_and_not_one_more(tmp_path: Path, kind: bytes) -> None:
    taken = run(tmp_path, writing(kind, 65_536, OCTETS_MAX), request())
    assert isinstance(taken, Trapped)
    assert "at once" not in taken.message
    outcome = run(tmp_path, writing(kind, 65_536, OCTETS_MAX + 1), request())
    assert isinstance(outcome, Trapped)
    assert outcome.message == f"it passed {OCTETS_MAX + 1} bytes at once; at most {OCTETS_MAX} are taken"


REALLOC = b"(if (i32.gt_u (local.get 3) (i32.const 200000)) (then (unreachable)))"
HANDLE = b'(func (export "handle")'
GROWN = b"(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))"


def hostile(*changes: tuple[bytes, bytes]) -> Source:
    text = COMPONENT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return Source(kind=Kind.HTTP, files={"guest.wat": text}, entry="guest.wat")


DROP = b"(call $drop-output (local.get $output))"
BEYOND = b"(call $flush (local.get $output) (i32.const 0) (i32.const 1) (i32.const -4)) (return)"
MEMORY = b'(memory (export "memory") 4)'


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        (hostile((HANDLE, b"(func $first (loop $l (br $l))) (start $first)" + HANDLE)), Limit.CPU),
        (hostile((REALLOC, b"(loop $l (br $l))")), Limit.CPU),
        (hostile((BEFORE, GROWN + b"(loop $l (drop (memory.grow (i32.const 1))) (br $l))")), Limit.CPU),
        (hostile((MEMORY, b'(memory (export "memory") 3200)')), Limit.MEMORY),
    ],
    ids=["loop in start", "loop in realloc", "growth without end", "huge initial memory"],
)
def test_a_component_that_takes_too_much_ends_at_that_limit(
    tmp_path: Path, source: Source, limit: Limit
) -> None:
    limits = Limits(cpu_ms=30, memory_bytes=8 * 1024 * 1024, wall_ms=60_000)
    outcome = run(tmp_path, source, request(body=b"body"), limits)
    assert isinstance(outcome, OverLimit), outcome
    assert outcome.limit is limit


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (hostile((HANDLE, b"(func $deep (call $deep))" + HANDLE), (BEFORE, b"(call $deep)")), "stack"),
        (hostile((REALLOC, b"(return (i32.const -8))")), "beyond end of memory"),
        (hostile((REALLOC, b"(return (i32.const 0x7fffffff))")), "beyond end of memory"),
        (hostile((BEFORE, OPENED + FLUSH % (0x7FFF_0000, 9))), "out of bounds"),
        (hostile((BEFORE, OPENED + FLUSH % (65_536, -1))), "out of bounds"),
        (hostile((BEFORE, OPENED + BEYOND)), ""),
        (hostile((BEFORE, GROWN + b"(unreachable)")), "unreachable"),
        (hostile((BEFORE, OPENED + DROP + DROP)), "unknown handle"),
    ],
    ids=[
        "recursion", "realloc beyond memory", "realloc far beyond", "list beyond memory", "list of 4 GiB",
        "result beyond memory", "memory bomb that gives up", "handle dropped twice",
    ],
)  # fmt: skip
def test_a_component_that_breaks_a_rule_has_trapped(tmp_path: Path, source: Source, why: str) -> None:
    limits = Limits(cpu_ms=2_000, memory_bytes=8 * 1024 * 1024, wall_ms=60_000)
    outcome = run(tmp_path, source, request(body=b"body"), limits)
    assert isinstance(outcome, Trapped), outcome
    assert why in outcome.message
    assert "the host failed" not in outcome.message


def test_compiled_code_is_no_component(tmp_path: Path) -> None:
    name = built(tmp_path, component())
    code = next((tmp_path / name).glob("*.cwasm")).read_bytes()
    with pytest.raises(CompileError):
        built(tmp_path, Source(kind=Kind.HTTP, files={"guest.wasm": code}, entry="guest.wasm"))
