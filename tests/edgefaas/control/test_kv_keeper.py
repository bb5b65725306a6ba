"""The supervisor's side of pairs: what it does for a worker, and what it refuses one that strangers may have taken."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefaas.contract import LiveFunction
from edgefaas.control.kv import EXPORTS_MAX, KvKeeper
from edgefaas.control.kv_export import Export
from edgefaas.errors import (
    ConfigError,
    EdgeError,
    KvAccessError,
    KvError,
    KvNotFoundError,
    KvQuotaError,
    KvThrottledError,
    UnknownFunctionError,
)
from edgefaas.kv.pairs import Batch
from edgefaas.site import KvNamespace
from sandbox.contract import Kind

SITE = {
    "visits": KvNamespace(name="visits", writers=("count",), writes_per_s=2, value_bytes_max=10),
    "closed": KvNamespace(name="closed"),
}
LIVE = {
    name: LiveFunction(name=name, version="", kind=Kind.JS, artifact="", kv=("visits", "closed"))
    for name in ("count", "other")
}
ORDER: dict[str, Any] = {
    "function": "count", "namespace": "visits", "key": b"k", "value": b"v", "etags": [], "absent": False
}  # fmt: skip


def kept(
    folder: Path, use: Callable[[KvKeeper], Awaitable[None]], site: Mapping[str, KvNamespace] = SITE
) -> None:
    async def main() -> None:
        keeper = KvKeeper(folder, live=lambda: LIVE, clock=lambda: 5.0)
        try:
            await keeper.configure(site)
            await use(keeper)
        finally:
            keeper.close()

    asyncio.run(main())


def test_a_write_of_a_worker_is_done_when_it_is_answered(tmp_path: Path) -> None:
    async def use(keeper: KvKeeper) -> None:
        answer = await keeper.write_for(ORDER, mono_s=0.0)
        entry = await keeper.entry("visits", b"k")
        assert (entry.value, entry.revision) == (b"v", answer["revision"])
        await keeper.write_for({**ORDER, "value": None, "etags": [entry.etag]}, mono_s=0.0)
        with pytest.raises(KvNotFoundError):
            await keeper.entry("visits", b"k")

    kept(tmp_path, use)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"function": "gone"}, UnknownFunctionError),
        ({"function": "other"}, KvAccessError),
        ({"namespace": "closed"}, KvAccessError),
        ({"namespace": "nowhere"}, KvAccessError),
        ({"value": b"x" * 11}, KvQuotaError),
        ({"key": b""}, KvError),
        ({"key": "text"}, KvError),
        ({"etags": "k1"}, KvError),
        ({"value": 7}, KvError),
    ],
)
def test_what_an_honest_worker_would_not_ask_is_refused(
    tmp_path: Path, change: dict[str, Any], error: type[EdgeError]
) -> None:
    async def use(keeper: KvKeeper) -> None:
        with pytest.raises(error):
            await keeper.write_for({**ORDER, **change}, mono_s=0.0)
        assert (await keeper.facts("visits")).count == 0

    kept(tmp_path, use)


@given(
    st.dictionaries(
        st.sampled_from([*ORDER, "more"]),
        st.none()
        | st.integers()
        | st.binary(max_size=5)
        | st.sampled_from(["count", "visits"])
        | st.lists(st.text()),
    )
)
@settings(max_examples=40, deadline=None)
def test_no_message_of_a_worker_does_more_than_refuse(
    tmp_path_factory: pytest.TempPathFactory, message: dict[str, Any]
) -> None:
    async def use(keeper: KvKeeper) -> None:
        try:
            await keeper.write_for(message, mono_s=0.0)
        except EdgeError:
            assert (await keeper.facts("visits")).count == 0

    kept(tmp_path_factory.mktemp("kv"), use)


def test_each_function_writes_as_often_as_the_site_says(tmp_path: Path) -> None:
    async def use(keeper: KvKeeper) -> None:
        for _ in range(4):  # two seconds' worth at once
            await keeper.write_for(ORDER, mono_s=0.0)
        with pytest.raises(KvThrottledError, match="more than 2 times a second"):
            await keeper.write_for(ORDER, mono_s=0.0)
        await keeper.write_for(ORDER, mono_s=0.5)
        await keeper.write("visits", Batch(puts=((b"by hand", b""),)))  # people are not counted

    kept(tmp_path, use)


def test_exports_at_the_same_time_are_bounded_and_each_is_of_one_instant(tmp_path: Path) -> None:
    async def use(keeper: KvKeeper) -> None:
        await keeper.write("closed", Batch(puts=tuple((b"%04d" % number, b"1") for number in range(1_200))))
        begun = [await keeper.export("closed") for _ in range(EXPORTS_MAX)]
        lines = [aiter(export) for export in begun]
        first = [await anext(those) for those in lines]
        with pytest.raises(KvThrottledError):
            await keeper.export("closed")
        await keeper.write("closed", Batch(puts=((b"9999", b"2"),), deletes=(b"1100",)))
        for export, those, start in zip(begun, lines, first, strict=True):
            whole = start + b"".join([part async for part in those])
            assert whole.count(b"\n") == 1_200
            assert b"9999" not in whole
            export.close()
        again = await keeper.export("closed", prefix=b"9")
        assert b"".join([part async for part in again]) == b'{"key":"9999","value":"2"}\n'
        again.close()

    kept(tmp_path, use)


async def first_of(export: Export) -> bytes:
    return await anext(aiter(export))


def test_exports_that_are_given_up_at_any_instant_leave_room_for_others_and_a_process_that_lives(
    tmp_path: Path,
) -> None:
    async def use(keeper: KvKeeper) -> None:
        await keeper.write(
            "closed", Batch(puts=tuple((b"%04d" % number, b"1234567890") for number in range(9_000)))
        )
        for turn in range(100):
            export = await keeper.export("closed")
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(first_of(export))
                for _ in range(turn % 5):
                    await asyncio.sleep(0)
                reading.cancel()
                export.close()  # while a page is read, as a rule

    kept(tmp_path, use)


def test_an_export_that_nobody_began_to_read_counts_until_it_is_closed(tmp_path: Path) -> None:
    async def use(keeper: KvKeeper) -> None:
        begun = [await keeper.export("closed") for _ in range(EXPORTS_MAX)]
        with pytest.raises(KvThrottledError):
            await keeper.export("closed")
        for export in begun:
            export.close()
            export.close()
        (await keeper.export("closed")).close()

    kept(tmp_path, use)


def test_a_file_to_begin_with_that_is_wrong_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_text('{"a": 1}')
    (tmp_path / "large.json").write_text('{"a": "12345678901"}')

    async def use(keeper: KvKeeper) -> None:
        for file in ("wrong.json", "large.json", "gone.json"):
            new = KvNamespace(name="new", value_bytes_max=10, seed=tmp_path / file)
            with pytest.raises(ConfigError):
                await keeper.configure({**SITE, "other": KvNamespace(name="other"), "new": new})
            assert set(keeper.namespaces) == set(SITE)
            assert {facts.name for facts in await keeper.all_facts()} == set(SITE)

    kept(tmp_path, use)


def test_a_namespace_that_the_site_dropped_may_be_cleared_and_not_written(tmp_path: Path) -> None:
    async def use(keeper: KvKeeper) -> None:
        await keeper.write("visits", Batch(puts=((b"k", b"v"), (b"l", b"v"))))
        await keeper.configure({})
        with pytest.raises(KvError, match="any more"):
            await keeper.write("visits", Batch(puts=((b"k", b"v"),)))
        assert (await keeper.write("visits", Batch(deletes=(b"k",)))).count == 1
        assert await keeper.drop("visits") == 1
        with pytest.raises(KvNotFoundError):
            await keeper.facts("visits")
        await keeper.configure(SITE)
        await keeper.write("visits", Batch(puts=((b"k", b"v"),)))
        assert await keeper.drop("visits") == 1
        assert (await keeper.facts("visits")).count == 0

    kept(tmp_path, use)
