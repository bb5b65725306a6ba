"""What is fuzzed: each takes any bytes, and raises only when something is wrong that no bytes may cause."""

import asyncio
import atexit
import base64
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path

import msgpack

from edgefaas.channel import Channel
from edgefaas.control.bundle_json import from_json
from edgefaas.errors import EdgeError
from edgefaas.events import AWS_RULES, OPEN_RULES, EventContext, SentEvent, decode_result, encode_event
from edgefaas.gateway.cgi import HeadReader
from edgefaas.kv.formats import read_pairs
from edgefaas.message import Headers, Request, Response
from edgefaas.site import Trigger
from router.errors import GeoDatabaseError
from router.geo import GeoDatabase
from router.location import TEXT_MAX
from router.mmdb import Leaf, Tree, write_mmdb
from sandbox.binary import describe
from sandbox.capi import wat_to_wasm
from sandbox.contract import Kind, Limits, Outcome, Source, Trapped
from sandbox.errors import SandboxError
from sandbox.kinds import Program
from sandbox.runtime import Sandbox
from sandbox.settings import Settings
from sandbox.wasi import WASI_MODULE
from sandbox.wasi.calls import SIGNATURES
from tests.fuzz.component import NAMES as COMPONENT_NAMES
from tests.fuzz.component import component_text
from tests.fuzz.scripts import PAGES, RECORD_BYTES, SCRIPT_AT, SCRIPT_BYTES_MAX, calls_of
from tests.router.hostile_mmdb import amplified, long_text, with_record
from tests.sandbox.guests import RecordingHost, built

LIMITS = Limits(cpu_ms=200, wall_ms=60, output_bytes=100_000, log_bytes=2_000, host_calls=50)
FILES = {"index.html": b"<p>hello</p>" * 20, "data/words.txt": b"one two three", "data/deep/empty": b""}


@dataclass(frozen=True)
class Target:
    """A function of any bytes, and inputs to begin with.

    ``words`` are what its inputs are often made of, put in at multiples of ``step``.
    """

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = field(default=())
    step: int = 1


class HostFaultError(AssertionError):
    """An outcome that says that the host failed."""


@cache
def _ground() -> tuple[Path, asyncio.AbstractEventLoop, Sandbox]:
    folder, loop = Path(tempfile.mkdtemp(prefix="edgefaas-fuzz-")), asyncio.new_event_loop()
    atexit.register(shutil.rmtree, folder)
    atexit.register(loop.close)
    return folder, loop, Sandbox(artifacts=folder, settings=Settings(instances=8))


def _outcome(program: Program, event: bytes) -> Outcome:
    _, loop, sandbox = _ground()

    async def scene() -> Outcome:
        host = RecordingHost({"A": "1"}, {"op": lambda payload: payload, "later": _later})
        return await sandbox.run(program, event, limits=LIMITS, host=host)

    outcome = loop.run_until_complete(scene())
    if isinstance(outcome, Trapped) and outcome.message.startswith("the host failed"):
        raise HostFaultError(outcome.message)
    return outcome


async def _later(payload: bytes) -> bytes:
    await asyncio.sleep(0)
    return payload


@cache
def _command() -> Program:
    folder, _, sandbox = _ground()
    names = sorted(SIGNATURES)
    imports = [(WASI_MODULE, name, *SIGNATURES[name]) for name in names]
    declared, play = calls_of(imports)
    start = f"""
      (i32.store (i32.const 131056) (i32.const {SCRIPT_AT}))
      (i32.store (i32.const 131060) (i32.const {SCRIPT_BYTES_MAX}))
      (drop (call $f{names.index("fd_read")} (i32.const 0) (i32.const 131056) (i32.const 1) (i32.const 131064)))
      (call $play (i32.load (i32.const 131064)))"""
    text = f"""(module {declared} (memory (export "memory") {PAGES}) {play}
      (data (i32.const 200) "data/words.txt") (func (export "_start") {start}))"""
    source = Source(kind=Kind.CGI, files={"f.wat": text.encode(), **FILES}, entry="f.wat")
    return sandbox.load(built(folder, source))


def wasi(data: bytes) -> None:
    """Make any calls of WASI preview 1, among them those on files."""
    event = {"env": {}, "stdin": data[:SCRIPT_BYTES_MAX], "args": [], "stream": bool(len(data) & 1)}
    _outcome(_command(), msgpack.packb(event))


HOST_IMPORTS = (
    ("edgefaas", "log", "iii", ""), ("edgefaas", "now", "", "d"), ("edgefaas", "random", "ii", ""),
    ("edgefaas", "env", "ii", "i"), ("edgefaas", "take", "ii", "i"), ("edgefaas", "sleep", "d", ""),
    ("edgefaas", "call", "iiii", "i"),
)  # fmt: skip


@cache
def _function() -> Program:
    folder, _, sandbox = _ground()
    declared, play = calls_of(HOST_IMPORTS)
    text = f"""(module {declared} (memory (export "memory") {PAGES}) {play}
      (data (i32.const 16) "op") (data (i32.const 32) "later") (data (i32.const 48) "A")
      (func (export "alloc") (param i32) (result i32) (i32.const {SCRIPT_AT}))
      (func (export "handle") (param i32 i32) (result i64)
        (call $play (local.get 1)) (i64.load (i32.const {SCRIPT_AT + SCRIPT_BYTES_MAX}))))"""
    source = Source(kind=Kind.EVENT, files={"f.wat": text.encode()}, entry="f.wat")
    return sandbox.load(built(folder, source))


def host_functions(data: bytes) -> None:
    """Make any calls of the module ``edgefaas``."""
    _outcome(_function(), data[:SCRIPT_BYTES_MAX])


@cache
def _component() -> Program:
    folder, _, sandbox = _ground()
    source = Source(kind=Kind.HTTP, files={"f.wat": component_text()}, entry="f.wat")
    return sandbox.load(built(folder, source))


def component(data: bytes) -> None:
    """Make any calls of wasi:io and wasi:http, with any handles and lists."""
    event = {"method": "POST", "path": "/", "headers": [["x-a", b"1"]], "body": data[:SCRIPT_BYTES_MAX]}
    _outcome(_component(), msgpack.packb(event))


def module(data: bytes) -> None:
    """Read any bytes as a module."""
    with suppress(SandboxError):
        describe(data)


@cache
def _events() -> tuple[SentEvent, ...]:
    request = Request(
        method="POST", path="/a%20b", query="x=1&y", headers=Headers([("Host", "h.example"), ("Cookie", "a=1; b=2")]),
        body=b"body", host="h.example", scheme="https", viewer_ip="203.0.113.7",
    )  # fmt: skip
    response = Response(status=200, headers=Headers([("Content-Type", "text/plain"), ("Set-Cookie", "c=1")]))
    sent = []
    for api in ("lambda-edge", "cloudfront-functions"):
        for trigger in Trigger:
            answers = trigger in (Trigger.ORIGIN_RESPONSE, Trigger.VIEWER_RESPONSE)
            viewer = trigger in (Trigger.VIEWER_REQUEST, Trigger.VIEWER_RESPONSE)
            if api == "lambda-edge" or viewer:
                sent.append(
                    encode_event(api, trigger, request, response if answers else None, EventContext())
                )
    return tuple(sent)


def results(data: bytes) -> None:
    """Take any bytes for what a function returned, in every trigger of both event APIs."""
    for sent in _events():
        for rules in (OPEN_RULES, AWS_RULES):
            with suppress(EdgeError):
                decode_result(sent, data, rules)


def heads(data: bytes) -> None:
    """Take any bytes for the head that a command writes, in two pieces."""
    reader = HeadReader()
    half = len(data) // 2
    try:
        if reader.feed(data[:half]) is None and reader.feed(data[half:]) is None:
            reader.finish()
    except EdgeError:
        pass


def bundles(data: bytes) -> None:
    """Take any JSON for a bundle."""
    with suppress(EdgeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        from_json(json.loads(data))


def pairs(data: bytes) -> None:
    """Take any bytes for a file of key-value pairs."""
    with suppress(EdgeError):
        read_pairs(data, name="f")


def frames(data: bytes) -> None:
    """Take any bytes for frames between a worker and the supervisor; the channel ends, and nobody is left waiting."""
    _, loop, _ = _ground()

    async def scene() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        transport = _Nowhere()
        writer = asyncio.StreamWriter(transport, asyncio.StreamReaderProtocol(reader), reader, loop)
        channel = Channel((reader, writer), ask=_answer, tell=lambda _op, _args: None, peer="other end")
        asked = asyncio.ensure_future(channel.ask("op", {}, timeout_s=60))
        await asyncio.sleep(0)
        await channel.serve()
        await asyncio.wait([asked])
        asked.exception()

    loop.run_until_complete(scene())


async def _answer(_op: str, _args: Mapping[str, object]) -> object:
    return None


class _Nowhere(asyncio.WriteTransport):
    closed = False

    def write(self, data: object) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0


def geo(data: bytes) -> None:
    """Take any bytes for a GeoIP database: it is refused, or every address has some place or none."""
    folder, _, _ = _ground()
    path = folder / "fuzzed.mmdb"
    path.unlink(missing_ok=True)  # the last one may still be mapped
    path.write_bytes(data)
    try:
        database = GeoDatabase.open(path, path)
    except GeoDatabaseError:
        return
    for ip in ("8.8.8.8", "203.0.113.7", "255.255.255.255", "2001:4860::1", "::ffff:1.2.3.4", "none"):
        place = database.locate(ip)
        if place.latitude is not None and not -90 <= place.latitude <= 90:  # degrees
            raise AssertionError(f"{ip} is at {place.latitude}")
        if max(len(text) for text in map(str, asdict(place).values())) > TEXT_MAX:
            raise AssertionError(f"{ip} is described at length")
    for _ in islice(database.networks(), 1_000):
        pass
    database.close()


def _databases() -> tuple[bytes, ...]:
    """Return small databases: one as they should be, and some that stand for more than they seem to."""
    tree = Tree()
    for number in range(40):
        tree.insert(number << 4, 16, Leaf("DE", 1.5 * number, -2.5 * number))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.mmdb"
        write_mmdb(path, tree, database_type="x-City", description="seed", build_epoch=1)
        good = path.read_bytes()
    return good, amplified(16), amplified(250), with_record(country=long_text(5_000), asn=long_text(5_000))


def _record(which: int, *numbers: int, mask: int = 0x1FF) -> bytes:
    words = b"".join((number & 0xFFFF_FFFF).to_bytes(4, "little") for number in (*numbers, *[0] * 9)[:9])
    return bytes((which, 0)) + mask.to_bytes(2, "little") + words


def _framed(value: object) -> bytes:
    packed: bytes = msgpack.packb(value)
    return len(packed).to_bytes(4, "big") + packed


_NAMES = sorted(SIGNATURES)
_OPEN = _record(_NAMES.index("path_open"), 3, 0, 200, 14, 0, 0, 0, 0, 64)
_CODE = wat_to_wasm(
    b'(module (import "a" "b" (func (param i32))) (memory (export "memory") 1)'
    b'(func (export "f") (result i64) i64.const 0))'
)
_BUNDLE = {
    "name": "f", "kind": "js", "entry": "a.js", "handler": "", "files": {"a.js": base64.b64encode(b"x").decode()},
    "limits": {"cpu_ms": 5}, "environment": {"A": "1"}, "allow": ["api.example.com"], "encoding": "json", "kv": ["n"],
}  # fmt: skip
_GENERATED = {
    "status": "200", "statusDescription": "OK", "headers": {"x": [{"key": "X", "value": "1"}]}, "body": "aGk=",
    "bodyEncoding": "base64",
}  # fmt: skip
_CONTINUED = {
    "method": "GET", "uri": "/x", "querystring": {"a": {"value": "1", "multiValue": [{"value": "2"}]}},
    "headers": {"host": {"value": "h"}}, "cookies": {"c": {"value": "1", "attributes": "Path=/"}}, "statusCode": 302,
    "body": {"encoding": "text", "data": "x"}, "origin": {"custom": {"domainName": "o.example"}},
}  # fmt: skip


def _calls(*calls: tuple[str, tuple[int, ...]]) -> bytes:
    return b"".join(_record(COMPONENT_NAMES.index(name), *numbers, mask=0) for name, numbers in calls)


# Handles are given from 1 on: the request, the place for the response, the request's body, its stream.
_ANSWER = _calls(
    ("[constructor]fields", ()), ("[method]fields.append", (5, 32, 3, 36, 4, 96)), ("[method]fields.entries", (5, 96)),
    ("[constructor]outgoing-response", (5,)), ("[method]outgoing-response.body", (5, 96)),
    ("[method]outgoing-body.write", (6, 96)), ("[method]output-stream.write", (7, 131_072, 40, 96)),
    ("[static]response-outparam.set", (2, 0, 5)), ("drop output", (7,)),
    ("[static]outgoing-body.finish", (6, 0, 0, 96)),
)  # fmt: skip
_WAITS = _calls(
    ("[method]input-stream.subscribe", (4,)), ("[method]pollable.ready", (5,)), ("poll", (131_116, 1, 96)),
    ("[method]input-stream.skip", (4, 9, 96)), ("[method]incoming-request.headers", (1,)),
    ("[method]fields.get", (6, 32, 3, 96)), ("[static]fields.from-list", (131_072, 1, 96)),
)  # fmt: skip

_SURROGATE = b'"\\ud800"'

TARGETS: dict[str, Target] = {
    "wasi": Target(
        wasi,
        (
            _OPEN + _record(_NAMES.index("fd_readdir"), 3, 300, 4096, 0, 80),
            _OPEN + _record(_NAMES.index("fd_pread"), 4, 80, 1, 5, 0) + b"-",
            _record(_NAMES.index("fd_write"), 1, 0, 2, 80) + b"-",
        ),
        tuple(_record(number, 3 + number % 2, 200, 14, 0, 0, 0, 0, 0, 96) for number in range(len(_NAMES))),
        RECORD_BYTES,
    ),
    "host_functions": Target(
        host_functions,
        (_record(6, 16, 2, 0, 10), _record(6, 32, 5, 0, 10) + _record(4, 100, 10), _record(3, 48, 1)),
        tuple(_record(number, 16, 2, 0, 10) for number in range(len(HOST_IMPORTS))),
        RECORD_BYTES,
    ),
    "module": Target(module, (_CODE,)),
    "results": Target(
        results,
        (json.dumps(_GENERATED).encode(), json.dumps(_CONTINUED).encode(), b"null"),
        (
            b'"headers":', b'"value":', b'"multiValue":', b'"status":', b"null", b"[]", b"{}", b"1e400", _SURROGATE,
            b"-0",
        ),
    ),
    "heads": Target(
        heads,
        (b"Content-Type: text/plain\n\nhello", b"Status: 302 Found\r\nLocation: /x\r\n\r\n", b"HTTP/1.1 200 OK\n\n"),
        (b"Status:", b"Location:", b"\r\n\r\n", b"\0", b"Set-Cookie: a"),
    ),
    "bundles": Target(
        bundles, (json.dumps(_BUNDLE).encode(),), (b"null", b"[]", b"{}", b"1e400", _SURROGATE, b'".."')
    ),
    "pairs": Target(
        pairs,
        (b'{"data": [{"key": "a", "value": "b"}]}', b'{"key": "a", "value": "b"}\n{"key": "c", "value": "d"}\n'),
        (b"null", b'"base64"', b"[]", _SURROGATE),
    ),
    "frames": Target(
        frames,
        (
            _framed({"op": "x", "args": {}}), _framed({"id": 1, "ok": None}),
            _framed({"id": 1, "error": ["EdgeError", "m", "r"]}), _framed({"op": "x", "id": 1, "args": {}}),
        ),
        (b"\xa2op", b"\xa2id", b"\xa5error", b"\xc0", b"\x91", b"\xdd\xff\xff\xff\xff"),
    ),
    "component": Target(
        component,
        (_ANSWER, _WAITS, _ANSWER[:160] + _WAITS),
        tuple(_record(number, 5, 131_072, 9, 131_081, 4, 96) for number in range(len(COMPONENT_NAMES))),
        RECORD_BYTES,
    ),
    "geo": Target(
        geo,
        _databases(),
        (b"\x20\x00", b"\xe2", b"\x5d\xff", b"\x1d\x04", b"node_count", b"record_size", b"location"),
    ),
}  # fmt: skip
