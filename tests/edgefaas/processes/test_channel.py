"""Two ends of a control channel over a real socketpair."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgefaas import channel as channels
from edgefaas.channel import Channel, ChannelClosedError
from edgefaas.errors import DeployError, EdgeError

DEADLINE_S = 30.0


class Pair:
    """Both ends, served until the block ends; the far one answers ``answer``."""

    def __init__(self, answer: Any = None) -> None:
        self.told: list[tuple[str, Any]] = []
        self._answer = answer

    async def _ask(self, op: str, args: Mapping[str, Any]) -> Any:
        if callable(self._answer):
            return await self._answer(op, args)
        return self._answer

    def _tell(self, op: str, args: Mapping[str, Any]) -> None:
        self.told.append((op, args))

    async def __aenter__(self) -> "Pair":
        ours, theirs = socket.socketpair()
        self.near = await Channel.open(ours, ask=self._ask, tell=self._tell, peer="far end")
        self.far = await Channel.open(theirs, ask=self._ask, tell=self._tell, peer="near end")
        loop = asyncio.get_running_loop()
        self.serving = [loop.create_task(self.near.serve()), loop.create_task(self.far.serve())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.serving:
            task.cancel()
        await asyncio.wait(self.serving)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(value=values)
@settings(deadline=None, max_examples=40)
def test_what_is_sent_arrives(value: Any) -> None:
    async def echo(_: str, args: Mapping[str, Any]) -> Any:
        return args["value"]

    async def main() -> None:
        async with Pair(echo) as pair:
            assert await pair.near.ask("echo", {"value": value}, timeout_s=DEADLINE_S) == value

    asyncio.run(main())


@given(texts=st.lists(st.text(st.characters()), min_size=1, max_size=5))
@settings(deadline=None, max_examples=40)
@example(texts=["half a pair: \ud83d"])
def test_any_text_can_be_told_and_holds_nothing_up(texts: list[str]) -> None:
    """A log line with half a surrogate pair could not be packed, and every later line waited behind it for good."""

    async def main() -> None:
        async with Pair() as pair:
            for text in texts:
                pair.near.tell("logs", {"text": text})
            pair.near.tell("logs", {"text": "the last"})
            async with asyncio.timeout(DEADLINE_S):
                while len(pair.told) <= len(texts):
                    await asyncio.sleep(0)
            sound = [text.encode("utf-8", "backslashreplace").decode() for text in texts]
            assert [args["text"] for _, args in pair.told] == [*sound, "the last"]

    asyncio.run(main())


def test_many_questions_at_once_get_their_own_answers() -> None:
    async def later(_: str, args: Mapping[str, Any]) -> Any:
        await asyncio.sleep(0.001 * (args["n"] % 5))
        return args["n"]

    async def main() -> None:
        async with Pair(later) as pair:
            asked = [pair.near.ask("n", {"n": n}, timeout_s=DEADLINE_S) for n in range(100)]
            assert await asyncio.gather(*asked) == list(range(100))

    asyncio.run(main())


def test_an_error_arrives_as_its_class_with_its_words() -> None:
    async def refuse(op: str, _: Mapping[str, Any]) -> Any:
        if op == "ours":
            raise DeployError("No.", remedy="Ask otherwise.")
        raise KeyError("a bug")

    async def main() -> None:
        async with Pair(refuse) as pair:
            with pytest.raises(DeployError, match="No") as refusal:
                await pair.near.ask("ours", timeout_s=DEADLINE_S)
            assert refusal.value.remedy == "Ask otherwise."
            with pytest.raises(EdgeError, match="a bug"):
                await pair.near.ask("bug", timeout_s=DEADLINE_S)

    asyncio.run(main())


def test_who_waits_when_the_other_end_goes_is_told() -> None:
    async def never(_: str, __: Mapping[str, Any]) -> Any:
        await asyncio.Event().wait()

    async def main() -> None:
        async with Pair(never) as pair:
            waiting = asyncio.ensure_future(pair.near.ask("x", timeout_s=DEADLINE_S))
            await asyncio.sleep(0)
            pair.serving[1].cancel()
            with pytest.raises(ChannelClosedError, match="far end is gone"):
                await waiting
            with pytest.raises(ChannelClosedError):
                await pair.near.ask("again", timeout_s=DEADLINE_S)
            assert pair.near.closed

    asyncio.run(main())


def test_who_is_not_answered_in_time_is_told() -> None:
    async def never(_: str, __: Mapping[str, Any]) -> Any:
        await asyncio.Event().wait()

    async def main() -> None:
        async with Pair(never) as pair:
            with pytest.raises(ChannelClosedError, match=r"did not answer slow within 0\.01 s"):
                await pair.near.ask("slow", timeout_s=0.01)

    asyncio.run(main())


def test_a_frame_is_refused_one_byte_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def echo(_: str, args: Mapping[str, Any]) -> Any:
        return len(args["v"])

    async def main() -> None:
        async with Pair(echo) as pair:
            monkeypatch.setattr(channels, "FRAME_MAX_BYTES", 100)
            whole = 100 - len(b"\x83\xa2id\x01\xa2op\xa1x\xa4args\x81\xa1v\xc4\x00")
            assert await pair.near.ask("x", {"v": b"x" * whole}, timeout_s=DEADLINE_S) == whole
            with pytest.raises(EdgeError, match="of 101 bytes is over"):
                await pair.near.ask("x", {"v": b"x" * (whole + 1)}, timeout_s=DEADLINE_S)

    asyncio.run(main())


@given(garbage=st.binary(min_size=1, max_size=60))
@settings(deadline=None, max_examples=60)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_garbage_ends_the_channel_and_nothing_else(garbage: bytes) -> None:
    async def nothing(_: str, __: Mapping[str, Any]) -> Any:
        return None

    async def main() -> None:
        ours, theirs = socket.socketpair()
        channel = await Channel.open(ours, ask=nothing, tell=lambda *_: None, peer="stranger")
        with theirs:
            theirs.sendall(garbage)
            theirs.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(DEADLINE_S):
                await channel.serve()
        assert channel.closed

    asyncio.run(main())
