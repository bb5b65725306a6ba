"""The workers as one, driven without a supervisor."""

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from edgefaas import upkeep, workerprocess
from edgefaas.channel import ChannelClosedError
from edgefaas.contract import LiveFunction
from edgefaas.errors import StateError
from edgefaas.fleet import Fleet
from edgefaas.listen import Address, bind
from edgefaas.listeners import Inherited
from edgefaas.members import NoWorkerError
from edgefaas.site import Site
from edgefaas.workerprocess import Hearers, Launch
from sandbox.contract import Kind

pytestmark = pytest.mark.slow

DEADLINE_S = 60.0


def function(text: str, name: str = "hello") -> LiveFunction:
    return LiveFunction(name=name, version=text, kind=Kind.JS, artifact=text)


async def nothing(op: str, _: Mapping[str, Any]) -> Any:
    raise AssertionError(f"the worker asks for {op}")


def with_fleet(
    folder: Path,
    use: Callable[[Fleet], Awaitable[None]],
    *,
    workers: int = 2,
    app: str = "tests.edgefaas.processes.fake_pop:FakePop",
) -> None:
    for text in ("one", "two", "hang", "refuse", "mute"):
        (folder / text).write_text(text)

    async def main() -> None:
        bound = bind(Address("127.0.0.1", 0), count=workers, option="--listen")
        sockets = [Inherited(sock) for sock in bound]
        launch = Launch(artifacts=str(folder), data=str(folder), app=app)
        fleet = Fleet(
            sockets,
            launch,
            Site(name="demo"),
            Hearers(logs=lambda *_: None, spans=lambda *_: None, ask=nothing),
        )
        try:
            async with asyncio.timeout(DEADLINE_S):
                await use(fleet)
        finally:
            await fleet.drain(timeout_s=2)

    asyncio.run(main())


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_a_worker_whose_loop_stands_still_is_ended_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "PING_EVERY_S", 0.05)
    monkeypatch.setattr(upkeep, "PING_TIMEOUT_S", 1.0)

    async def use(fleet: Fleet) -> None:
        await fleet.start({"hello": function("hang")})
        await fleet.serve()
        with pytest.raises(ChannelClosedError):
            await fleet.invoke("hello", b"{}")
        await until(lambda: fleet.restarts == 1 and all(row["running"] for row in fleet.state))

    with_fleet(tmp_path, use, workers=1)


def test_a_stored_function_that_is_refused_is_left_out_and_named(tmp_path: Path) -> None:
    async def use(fleet: Fleet) -> None:
        refused = await fleet.start({"good": function("one", "good"), "bad": function("refuse", "bad")})
        assert set(refused) == {"bad"}
        assert (await fleet.invoke("good", b"{}"))["text"] == "one"

    with_fleet(tmp_path, use, workers=1)


def test_an_application_that_cannot_be_made_is_an_error_and_not_an_endless_restart(tmp_path: Path) -> None:
    async def use(fleet: Fleet) -> None:
        with pytest.raises(StateError, match="before it could start"):
            await fleet.start({})

    with_fleet(tmp_path, use, workers=2, app="tests.edgefaas.processes.fake_pop:NoSuchClass")


def test_changes_while_workers_die_end_in_one_state_in_all(tmp_path: Path) -> None:
    async def use(fleet: Fleet) -> None:
        await fleet.start({"hello": function("one")})
        await fleet.serve()
        killed: set[int] = set()
        for turn in range(6):
            row = fleet.state[turn % 2]
            if row["pid"] is not None:
                killed.add(row["pid"])
                with contextlib.suppress(ProcessLookupError):
                    os.kill(row["pid"], signal.SIGKILL)
            with contextlib.suppress(Exception):
                await fleet.activate({"hello": function("two" if turn % 2 else "one")})
        await until(lambda: all(row["running"] and row["pid"] not in killed for row in fleet.state))
        texts = {(await fleet.invoke("hello", b"{}"))["text"] for _ in range(4)}
        assert len(texts) == 1

    with_fleet(tmp_path, use)


def test_a_worker_that_cannot_be_started_for_want_of_files_is_started_when_there_are_some(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The keeper of such a worker ended with an error of the system, and nobody ever replaced the worker."""

    async def use(fleet: Fleet) -> None:
        await fleet.start({"hello": function("one")})
        await fleet.serve()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            os.kill(fleet.state[0]["pid"], signal.SIGKILL)
            await until(lambda: "cannot be started" in caplog.text)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await until(lambda: fleet.state[0]["running"])
        assert (await fleet.invoke("hello", b"{}"))["text"] == "one"

    with_fleet(tmp_path, use, workers=1)


def test_a_worker_that_breaks_off_its_channel_and_lives_on_is_ended_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can tell it anything any more: it would serve what was live then for as long as it likes."""
    monkeypatch.setattr(workerprocess, "EXIT_TIMEOUT_S", 0.05)

    async def use(fleet: Fleet) -> None:
        await fleet.start({"hello": function("one"), "mute": function("mute", "mute")})
        await fleet.serve()
        with pytest.raises(ChannelClosedError):
            await fleet.invoke("mute", b"{}")
        await until(lambda: fleet.restarts == 1 and fleet.state[0]["running"])
        assert (await fleet.invoke("hello", b"{}"))["text"] == "one"

    with_fleet(tmp_path, use, workers=1)


def test_who_needs_a_worker_of_a_pop_that_has_ended_is_told_at_once(tmp_path: Path) -> None:
    """A deploy under way held the end of the POP up for 20 s: it waited for a worker to join."""

    async def use(fleet: Fleet) -> None:
        await fleet.start({"hello": function("one")})
        await fleet.drain(timeout_s=2)
        with pytest.raises(NoWorkerError, match="The POP ends"):
            await fleet.activate({"hello": function("two")})
        with pytest.raises(NoWorkerError, match="The POP ends"):
            await fleet.invoke("hello", b"{}")

    with_fleet(tmp_path, use, workers=1)
