"""Tasks that outlive their callers."""

import asyncio

import pytest

from edgefaas import background as backgrounds
from edgefaas.background import Background


def test_what_is_to_go_on_for_ever_begins_anew_when_it_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A watch that met something unforeseen ended, and until the next restart nobody watched."""
    monkeypatch.setattr(backgrounds, "AGAIN_S", 0.0)
    turns: list[int] = []

    async def main() -> None:
        third = asyncio.Event()

        async def watch() -> None:
            turns.append(len(turns))
            if len(turns) < 3:
                raise KeyError(f"unforeseen {len(turns)}")
            third.set()
            await asyncio.Event().wait()

        background = Background()
        background.keep(watch, name="watch")
        async with asyncio.timeout(60):
            await third.wait()
        await background.close()
        assert len(background) == 0

    asyncio.run(main())
    assert turns == [0, 1, 2]
    assert caplog.text.count("watch failed; it begins anew") == 2
    assert "unforeseen 1" in caplog.text


def test_what_ends_by_itself_is_not_begun_again() -> None:
    turns: list[int] = []

    async def once() -> None:
        turns.append(1)

    async def main() -> None:
        await Background().keep(once, name="once")

    asyncio.run(main())
    assert turns == [1]
