"""The sandbox as its callers see it: loading, queueing, fairness, rest, density."""

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.contract import Cancelled, Finished, Kind, Limit, Limits, NoRoom, OverLimit
from sandbox.errors import ArtifactError, CompileError, SettingsError
from sandbox.invocation import Invocation
from sandbox.kinds import kind_module
from sandbox.settings import SLOT_BYTES, Settings, address_bits
from tests.sandbox.guests import ECHO, LOOP, Bed, RecordingHost, built, event_module, on_loop, wat
from tests.sandbox.test_hostcalls import CALL, CALLER, LOG, SLEEP

PATIENT = Limits(wall_ms=60_000, cpu_ms=60_000)


def test_the_same_artefact_is_one_program_while_somebody_holds_it(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        name = built(tmp_path, wat(event_module()))
        program = bed.sandbox.load(name)
        assert bed.sandbox.load(name) is program
        assert bed.sandbox.stats()["programs"] == 1
        del program
        gc.collect()
        assert bed.sandbox.stats()["programs"] == 0

    on_loop(tmp_path, scene)


def test_what_is_missing_or_no_function_does_not_load(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        with pytest.raises(ArtifactError):
            bed.sandbox.load("0" * 64)
        bed.sandbox._bench.artifacts.put("engine", {"code": b""}, kind="something else")
        with pytest.raises(ArtifactError, match="something else"):
            bed.sandbox.load("engine")
        bed.sandbox._bench.artifacts.put(
            "event", {"module.cwasm": b"no code"}, kind="event", facts={"handler": "h", "initialize": False}
        )
        with pytest.raises(ArtifactError, match="does not load"):
            bed.sandbox.load("event")

    on_loop(tmp_path, scene)


def test_a_kind_that_this_version_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kind_module.__globals__["_MODULES"], Kind.PYTHON, "sandbox.not_there")
    with pytest.raises(CompileError, match="python"):
        kind_module(Kind.PYTHON)


def test_who_waits_for_room_gets_it_in_turn(tmp_path: Path) -> None:
    """One function's crowd and another's single request wait: the single one is second, not last."""

    async def scene(bed: Bed) -> list[str]:
        order: list[str] = []
        gates: list[asyncio.Future[bytes]] = []

        def gate(_: bytes) -> asyncio.Future[bytes]:
            gates.append(asyncio.get_running_loop().create_future())
            return gates[-1]

        def noting(name: str) -> RecordingHost:
            def note(payload: bytes) -> bytes:
                order.append(name)
                return payload

            return RecordingHost(calls={"op": note})

        holder = bed.sandbox.load(built(tmp_path, wat(CALLER)))
        crowd = bed.sandbox.load(built(tmp_path, wat(CALLER + b" ;; crowd")))
        single = bed.sandbox.load(built(tmp_path, wat(CALLER + b" ;; single")))
        held = bed.sandbox.start(holder, b"", limits=PATIENT, host=RecordingHost(calls={"op": gate}))
        waiting = [bed.sandbox.start(crowd, b"", limits=PATIENT, host=noting("crowd")) for _ in range(5)]
        waiting.append(bed.sandbox.start(single, b"", limits=PATIENT, host=noting("single")))
        assert bed.sandbox.stats()["queued"] == 6
        while not gates:  # on a busy machine it calls in a later slice than the first
            await asyncio.sleep(0)
        gates[0].set_result(b"")
        for invocation in (held, *waiting):
            assert isinstance(await invocation.wait(), Finished)
        return order

    settings = Settings(instances=1, idle_max=0, queue_ms=60_000)
    assert on_loop(tmp_path, scene, settings) == ["crowd", "single", "crowd", "crowd", "crowd", "crowd"]


def test_a_queue_of_exactly_its_length_is_allowed_and_one_more_is_refused(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        looping = bed.sandbox.load(built(tmp_path, wat(event_module(LOOP))))
        running, first, second, refused = (
            bed.sandbox.start(looping, b"", limits=PATIENT, host=RecordingHost()) for _ in range(4)
        )
        assert isinstance(refused.outcome, NoRoom)
        first.cancel()
        third = bed.sandbox.start(looping, b"", limits=PATIENT, host=RecordingHost())
        assert not third.done
        for invocation in (running, second, third):
            invocation.cancel()
            assert isinstance(invocation.outcome, Cancelled)
        assert bed.sandbox.stats()["queued"] == 0

    on_loop(tmp_path, scene, Settings(instances=1, idle_max=0, queue=2, queue_ms=60_000))


def test_who_waits_too_long_for_room_is_refused(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        looping = bed.sandbox.load(built(tmp_path, wat(event_module(LOOP))))
        running = bed.sandbox.start(looping, b"", limits=PATIENT, host=RecordingHost())
        outcome = await bed.sandbox.run(looping, b"", limits=PATIENT, host=RecordingHost())
        assert isinstance(outcome, NoRoom)
        running.cancel()

    on_loop(tmp_path, scene, Settings(instances=1, idle_max=0, queue=2, queue_ms=10))


def test_when_the_caller_gives_up_so_does_the_guest(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        looping = bed.sandbox.load(built(tmp_path, wat(event_module(LOOP))))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(
                bed.sandbox.run(looping, b"", limits=PATIENT, host=RecordingHost()), timeout=0.01
            )
        assert bed.sandbox.stats()["running"] == 0

    on_loop(tmp_path, scene)


def test_a_host_function_may_start_and_cancel_guests_without_mixing_them_up(tmp_path: Path) -> None:
    """The outer guest logs after its host call: the line is its own, not the other's."""

    async def scene(bed: Bed) -> None:
        inner = bed.sandbox.load(built(tmp_path, wat(event_module())))
        looping = bed.sandbox.load(built(tmp_path, wat(event_module(LOOP))))
        stranger = bed.sandbox.start(looping, b"", limits=PATIENT, host=RecordingHost())
        started: list[Invocation] = []

        def nested(payload: bytes) -> bytes:
            stranger.cancel()
            started.append(bed.sandbox.start(inner, b"inner", limits=PATIENT, host=RecordingHost()))
            assert not started[0].done
            return payload

        text = event_module(
            "(drop (call $call (i32.const 16) (i32.const 2) (i32.const 0) (i32.const 0)))"
            "(call $log (i32.const 1) (i32.const 16) (i32.const 2))" + ECHO,
            imports=CALL + LOG,
            extra='(data (i32.const 16) "op")',
        )
        outer = bed.sandbox.load(built(tmp_path, wat(text)))
        host = RecordingHost(calls={"op": nested})
        outcome = await bed.sandbox.run(outer, b"outer", limits=PATIENT, host=host)
        assert isinstance(outcome, Finished)
        assert host.lines == [("info", "op")]
        assert isinstance(await started[0].wait(), Finished)
        assert isinstance(await stranger.wait(), Cancelled)

    on_loop(tmp_path, scene)


def test_closing_the_sandbox_ends_what_runs(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        looping = bed.sandbox.load(built(tmp_path, wat(event_module(LOOP))))
        invocation = bed.sandbox.start(looping, b"", limits=PATIENT, host=RecordingHost())
        await bed.sandbox.close()
        assert isinstance(invocation.outcome, Cancelled)
        late = bed.sandbox.start(looping, b"", limits=PATIENT, host=RecordingHost())
        assert isinstance(late.outcome, Cancelled)

    on_loop(tmp_path, scene)


def test_loops_share_the_loop_with_everybody(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        looping = bed.sandbox.load(built(tmp_path, wat(event_module(LOOP))))
        limits = Limits(cpu_ms=20, wall_ms=60_000)
        neighbour = bed.sandbox.load(built(tmp_path, wat(event_module())))
        loops = [bed.sandbox.start(looping, b"", limits=limits, host=RecordingHost()) for _ in range(8)]
        answered = 0
        while not all(invocation.done for invocation in loops):
            outcome = await bed.sandbox.run(neighbour, b"hello", limits=Limits(), host=RecordingHost())
            assert isinstance(outcome, Finished)
            answered += 1
            await asyncio.sleep(0)
        assert answered >= 8
        for invocation in loops:
            assert isinstance(invocation.outcome, OverLimit)
            assert invocation.outcome.limit is Limit.CPU

    on_loop(tmp_path, scene)


@pytest.mark.slow
def test_the_timer_rests_when_no_guest_runs(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        await bed.run(event_module(), b"x")
        ticker = bed.sandbox._scheduler._ticker
        assert [ticker.on] == [True]  # in a list, so that mypy does not take it for constant
        async with asyncio.timeout(30):
            while ticker.on:
                await asyncio.sleep(0.01)
        assert isinstance(await bed.run(event_module(LOOP), limits=Limits(cpu_ms=5)), OverLimit)

    on_loop(tmp_path, scene)


def private_bytes() -> int:
    """Return the memory that is this process's alone, and its share of the rest."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


@pytest.mark.slow
def test_hundreds_of_functions_are_loaded_and_each_answers_for_itself(tmp_path: Path) -> None:
    count = 300  # a thousand were measured: docs/adr/0012
    texts = [
        event_module(
            f"(i32.store (i32.const 0) (i32.const {number})) (call $pack (i32.const 0) (i32.const 4))"
        )
        for number in range(count)
    ]

    async def scene(bed: Bed) -> None:
        names = [built(tmp_path, wat(text)) for text in texts]
        await bed.run(event_module(), b"x")
        before = private_bytes()
        programs = [bed.sandbox.load(name) for name in names]
        idle_bytes = (private_bytes() - before) / count
        assert idle_bytes < 200_000
        for number, program in enumerate(programs):
            outcome = await bed.sandbox.run(program, b"", limits=Limits(), host=RecordingHost())
            assert isinstance(outcome, Finished)
            assert outcome.output == number.to_bytes(4, "little")
        assert (private_bytes() - before) / count < 200_000

    on_loop(tmp_path, scene)


@given(bits=st.integers(34, 57), instances=st.integers(1, 100_000), components=st.integers(1, 1_000))
def test_a_pool_fits_into_half_of_the_addresses_there_are(bits: int, instances: int, components: int) -> None:
    asked = Settings(instances=instances, components=components)
    fitted = asked.fitting(bits)
    slots = fitted.instances + fitted.components
    assert slots * SLOT_BYTES <= max(2 ** (bits - 1), 2 * SLOT_BYTES)
    assert 1 <= fitted.instances <= instances
    assert 1 <= fitted.components <= components
    assert fitted == asked or (instances + components) * SLOT_BYTES > 2 ** (bits - 1)


def test_this_process_has_addresses_for_the_default_pool() -> None:
    assert Settings().fitting(47) == Settings()
    assert 36 <= address_bits() <= 57


@pytest.mark.parametrize(
    "wrong",
    [{"memory_max_bytes": 0}, {"memory_max_bytes": 65_537}, {"instances": 0}, {"queue": -1}, {"slice_ms": 0}],
)
def test_settings_that_make_no_sense_are_refused_with_a_value_that_does(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**wrong)
    assert caught.value.remedy.startswith("Write ")
    value = float(caught.value.remedy.removeprefix("Write ").removesuffix("."))
    better: dict[str, Any] = {next(iter(wrong)): value if value % 1 else int(value)}
    Settings(**better)


@pytest.mark.parametrize("handle", [ECHO, "(unreachable)", "(call $sleep (f64.const 0)) (unreachable)", LOOP])
def test_no_end_of_an_invocation_leaves_work_for_the_collector(tmp_path: Path, handle: str) -> None:
    async def scene(bed: Bed) -> int:
        program = bed.sandbox.load(built(tmp_path, wat(event_module(handle, imports=SLEEP))))
        host, limits = RecordingHost(), Limits(cpu_ms=1)
        await bed.sandbox.run(program, b"", limits=limits, host=host)
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                await bed.sandbox.run(program, b"", limits=limits, host=host)
            return gc.collect()
        finally:
            gc.enable()

    assert on_loop(tmp_path, scene) < 20
