# ruff: noqa: E501  # functions are shown as they are
"""What hostile and broken functions in Python come to: each ends with an outcome, and its neighbours' answers stay right."""

import asyncio
import json
from typing import Any

import pytest

from sandbox.contract import Finished, Limit, Limits, Outcome, OverLimit, Threw, Trapped
from sandbox.runtime import Sandbox
from tests.sandbox.python.stage import MARKS, answer, make, outcome, perform, thrown
from tests.sandbox.stage import GENEROUS, StageHost

pytestmark = MARKS


def handler(body: str, imports: str = "") -> str:
    """Return a function whose handler is this body; lines after the first are indented by the author."""
    return f"{imports}\ndef lambda_handler(event, context):\n    {body}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
        "str(10 ** (10 ** 7)) if __import__('sys').set_int_max_str_digits(0) is None else 0",
        "[x for x in iter(int, 1)]",
        "sum(range(10 ** 12))",
    ],
)
def test_what_never_ends_is_stopped_at_its_cpu_limit_and_others_are_answered_meanwhile(body: str) -> None:
    endless, quick = make(handler(body)), make(handler("return event"))

    async def scene(sandbox: Sandbox) -> tuple[Outcome, list[Outcome]]:
        looping = sandbox.load(endless.name)
        limits = Limits(cpu_ms=300, wall_ms=60_000)
        under_way = sandbox.start(looping, b"0", limits=limits, host=StageHost())
        program = sandbox.load(quick.name)
        others = [
            await sandbox.run(program, str(i).encode(), limits=GENEROUS, host=StageHost()) for i in range(20)
        ]
        return await under_way.wait(), others

    ended, others = perform(scene)
    assert isinstance(ended, OverLimit), ended
    assert ended.limit in (Limit.CPU, Limit.MEMORY)
    assert [one.output for one in others if isinstance(one, Finished)] == [str(i).encode() for i in range(20)]


@pytest.mark.parametrize(
    "body",
    [
        "x = []\n    while True: x.append(bytearray(1 << 20))",
        "return len('x' * (1 << 30))",
        "x = [0]\n    while True: x = x * 2",
    ],
)
def test_a_memory_bomb_ends_at_the_memory_limit(body: str) -> None:
    ended = outcome(handler(body))
    assert isinstance(ended, OverLimit), ended
    assert ended.limit == Limit.MEMORY


def test_a_function_may_catch_that_memory_ran_out_and_go_on() -> None:
    python = handler(
        "x = []\n    try:\n        while True: x.append(bytearray(1 << 20))\n    except MemoryError:\n        n = len(x); x.clear(); return n > 50"
    )
    assert answer(python) is True


@pytest.mark.parametrize(
    "python",
    [
        "def f(n): return f(n + 1)\ndef lambda_handler(e, c): f(0)",
        "def f(n): return sorted([1, 2], key=lambda _: f(n + 1))\ndef lambda_handler(e, c): return f(0)",
        "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\ndef lambda_handler(e, c): return A().x",
        "class A:\n    def __eq__(self, other): return self == other\ndef lambda_handler(e, c): return A() == A()",
    ],
)
def test_deep_recursion_in_python_is_a_recursion_error(python: str) -> None:
    assert thrown(python).message.startswith("RecursionError: ")


@pytest.mark.parametrize(
    "body",
    [
        "x = []\n    for i in range(100000): x = [x]\n    return repr(x)",
        "x = []\n    for i in range(100000): x = [x]\n    return x",
        "import json; return json.loads('[' * 100000)",
        "return eval('-' * 100000 + '1')",
        "import sys; sys.setrecursionlimit(10 ** 9)\n    def f(n): return sorted([1], key=f)\n    return f(0)",
    ],
)
def test_deep_recursion_in_the_interpreters_own_code_ends_cleanly(body: str) -> None:
    ended = outcome(handler(body))
    assert isinstance(ended, Trapped | Threw), ended
    assert "call stack exhausted" in ended.message or "RecursionError" in ended.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("__import__('sys').exit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import threading; threading.Thread(target=print).start()", "RuntimeError: can't start new thread"),
        ("import os; os.system('ls')", "AttributeError: module 'os' has no attribute 'system'"),
        ("import os; os.fork()", "AttributeError: module 'os' has no attribute 'fork'"),
        ("import subprocess; subprocess.run(['ls'])", "OSError: [Errno 58] wasi does not support processes."),
        ("import socket; socket.socket()", "PermissionError: [Errno 2] Permission denied"),
        ("import socket; socket.create_connection(('127.0.0.1', 80))", "gaierror: [Errno -4] Non-recoverable error"),
        ("open('/etc/passwd')", "FileNotFoundError: [Errno 44] No such file or directory: '/etc/passwd'"),
        ("open('../../etc/passwd')", "FileNotFoundError: [Errno 44] No such file or directory: '../../etc/passwd'"),
        ("open('/proc/self/environ')", "FileNotFoundError: [Errno 44] No such file or directory: '/proc/self/environ'"),
        ("open('/tmp/x', 'w')", "OSError: [Errno 69] Read-only file system: '/tmp/x'"),
        ("open(__file__, 'a')", "OSError: [Errno 69] Read-only file system: '/var/task/index.py'"),
        ("import os; os.remove(__file__)", "OSError: [Errno 69] Read-only file system: '/var/task/index.py'"),
        ("import os; os.mkdir('x')", "OSError: [Errno 69] Read-only file system: 'x'"),
        ("x = [open(__file__) for _ in range(100)]", "OSError: [Errno 33] No file descriptors available: '/var/task/index.py'"),
        ("import ctypes", "ModuleNotFoundError: No module named 'ctypes'"),
        ("return object()", "MarshalError: Unable to marshal response: Object of type object is not JSON serializable"),
    ],
)  # fmt: skip
def test_what_has_no_place_here_is_an_error_of_pythons(body: str, message: str) -> None:
    assert thrown(handler(body)).message == message


def test_nothing_of_the_host_is_in_sight() -> None:
    seen = answer(
        handler(
            "return [sys.argv, os.listdir('/'), os.getcwd(), os.path.exists('/proc'), os.path.exists('/home'), sys.path, dict(os.environ), sys.stdin.read(), socket.gethostname(), os.getpid()]",
            "import os, sys, socket",
        )
    )
    path = ["/var/task", "/usr/lib/python3.14"]
    assert seen == [[""], ["var"], "/var/task", False, False, path, {}, "", "edgefaas", 42]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import os; os._exit(3)", "it ended its process, with status 3"),
        ("import os; os.abort()", "the Python interpreter gave up"),
        ("import signal; signal.raise_signal(signal.SIGTERM)", "the Python interpreter gave up"),
        ("import faulthandler; faulthandler._sigsegv()", "the Python interpreter gave up"),
    ],
)
def test_what_ends_a_process_ends_the_invocation_only(body: str, message: str) -> None:
    ended = outcome(handler(body))
    assert isinstance(ended, Trapped), ended
    assert message in ended.message


def test_code_that_is_no_bytecode_ends_somehow_and_the_next_request_is_answered() -> None:
    python = (
        "import types\ndef f(a=0): return a\ndef lambda_handler(event, context):\n"
        "    code = f.__code__.replace(co_code=bytes(event))\n    return repr(types.FunctionType(code, {})(1))[:10]\n"
    )
    made, sound = make(python), make(handler("return event"))
    noise = [[(i * 37 + j * 11) % 256 for j in range(2 * i)] for i in range(1, 25)]

    async def scene(sandbox: Sandbox) -> None:
        program, other = sandbox.load(made.name), sandbox.load(sound.name)
        limits = Limits(cpu_ms=500, wall_ms=20_000)
        for octets in noise:
            await sandbox.run(program, json.dumps(octets).encode(), limits=limits, host=StageHost())
            ended = await sandbox.run(other, b"5", limits=GENEROUS, host=StageHost())
            assert isinstance(ended, Finished)
            assert ended.output == b"5"

    perform(scene)


def test_the_log_is_cut_at_its_limit_on_both_sides() -> None:
    for lines, cut in ((10, False), (11, True)):
        host = StageHost()
        limits = Limits(cpu_ms=20_000, wall_ms=60_000, log_bytes=1000)
        outcome(handler(f"for _ in range({lines}): print('x' * 100)"), limits=limits, host=host)
        assert (len(host.lines), host.lines[-1][0] == "warn") == (10 + cut, cut)


def test_a_line_without_end_is_cut_into_lines() -> None:
    host = StageHost()
    outcome(handler("print('x' * 10_000)"), host=host)
    assert [len(text) for _, text in host.lines] == [4096, 4096, 10_000 - 2 * 4096]


def test_the_output_limit_holds_on_both_sides() -> None:
    for size, kind in ((998, Finished), (999, OverLimit)):
        limits = Limits(cpu_ms=20_000, wall_ms=60_000, output_bytes=1000)
        assert isinstance(outcome(handler("return 'x' * event"), size, limits=limits), kind)


def test_the_limit_of_host_calls_holds_on_both_sides() -> None:
    operations = {"kv": lambda _payload: b""}
    python = handler("for _ in range(event): _edgefaas.call('kv', b'')", "import _edgefaas")
    limits = Limits(cpu_ms=20_000, wall_ms=60_000, host_calls=3)
    for calls, kind in ((3, Finished), (4, OverLimit)):
        assert isinstance(outcome(python, calls, limits=limits, host=StageHost(operations=operations)), kind)


def test_a_sleeper_is_ended_at_the_wall_limit_and_gone_when_cancelled() -> None:
    made = make(handler("time.sleep(3600)", "import time"))

    async def scene(sandbox: Sandbox) -> Any:
        program = sandbox.load(made.name)
        ended = await sandbox.run(program, b"0", limits=Limits(wall_ms=50), host=StageHost())
        asleep = sandbox.start(program, b"0", limits=GENEROUS, host=StageHost())
        await asyncio.sleep(0)
        asleep.cancel()
        await asleep.wait()
        return ended, sandbox.stats()["running"]

    ended, running = perform(scene)
    assert isinstance(ended, OverLimit)
    assert (ended.limit, running) == (Limit.WALL, 0)


def test_an_error_that_cannot_tell_what_it_is_is_an_error_all_the_same() -> None:
    python = "class Odd(Exception):\n    def __str__(self): raise RuntimeError('no')\n" + handler("raise Odd")
    assert thrown(python).message == "Odd: (its text cannot be had: RuntimeError)"
    assert thrown(handler("raise type('A' * 100_000, (Exception,), {})('x' * 100_000)")).message.endswith(
        "xxx"
    )


def test_a_handler_that_is_async_is_told_apart() -> None:
    ended = thrown("async def lambda_handler(event, context):\n    return 1\n", host=StageHost())
    assert "Object of type coroutine is not JSON serializable" in ended.message


def test_an_event_that_is_no_json_is_an_error() -> None:
    made = make(handler("return 1"))

    async def scene(sandbox: Sandbox) -> Outcome:
        return await sandbox.run(sandbox.load(made.name), b"{", limits=GENEROUS, host=StageHost())

    assert isinstance(perform(scene), Threw)
