"""Log lines reach who asks, in bounds, and whatever a worker sends."""

import asyncio
import resource
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefaas.control import hub as hubs
from edgefaas.control.hub import LogHub
from edgefaas.control.logfile import RotatingFile
from edgefaas.control.loglines import LineFilter


def plain(text: str = "text", *, level: str = "info", function: str = "hello", **fields: Any) -> list[Any]:
    return [1.0, "r1", level, text, function, "v1", fields]


async def with_lines(folder: Path, *lines: list[Any]) -> LogHub:
    hub = LogHub(folder)
    hub.take(3, list(lines))
    return hub


def found(folder: Path, wanted: LineFilter, *lines: list[Any], limit: int = 100) -> list[str]:
    async def look() -> list[str]:
        hub = await with_lines(folder, *lines)
        said = [line["text"] for line in hub.last(wanted, limit=limit)]
        await hub.close()
        return said

    return asyncio.run(look())


def test_the_last_lines_come_the_oldest_first(tmp_path: Path) -> None:
    lines = [plain(str(number)) for number in range(5)]
    assert found(tmp_path, LineFilter(), *lines, limit=3) == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("wanted", "texts"),
    [
        (LineFilter(function="hello"), ["a", "c"]),
        (LineFilter(level="warn"), ["b", "c"]),
        (LineFilter(text="b"), ["b"]),
        (LineFilter(status="404"), ["b"]),
        (LineFilter(status="5xx"), ["c"]),
        (LineFilter(status="5"), []),
        (LineFilter(request_id="r1"), ["a", "b", "c"]),
        (LineFilter(request_id="r2"), []),
        (LineFilter(since_s=1.5), []),
    ],
)
def test_a_filter_lets_through_what_it_names(tmp_path: Path, wanted: LineFilter, texts: list[str]) -> None:
    lines = [
        plain("a"),
        plain("b", level="warn", function="other", status=404),
        plain("c", level="error", status=503),
    ]
    assert found(tmp_path, wanted, *lines) == texts


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.lists(anything | st.lists(anything, min_size=7, max_size=7), max_size=4) | anything)
@settings(deadline=None)
def test_whatever_a_worker_sends_every_line_that_is_kept_can_be_written(
    tmp_path_factory: pytest.TempPathFactory, sent: Any
) -> None:
    async def take() -> None:
        hub = LogHub(tmp_path_factory.mktemp("logs"))
        hub.take(0, sent)
        hub.take(0, [plain("still works")])
        lines = hub.last(LineFilter(), limit=100)
        assert lines[-1]["text"] == "still works"
        assert all(orjson.dumps(line) for line in lines)
        await hub.close()

    asyncio.run(take())


def test_a_field_cannot_pass_for_the_line_s_own(tmp_path: Path) -> None:
    async def look() -> None:
        fields = {"worker": 99, "function": "forged", "status": 200}
        hub = await with_lines(tmp_path, [1.0, "r1", "info", "a", "hello", "v1", fields])
        (line,) = hub.last(LineFilter(), limit=1)
        assert (line["worker"], line["function"], line["status"]) == (3, "hello", 200)
        await hub.close()

    asyncio.run(look())


def test_a_follower_gets_what_comes_and_ends_with_the_hub(tmp_path: Path) -> None:
    async def look() -> list[str]:
        hub = LogHub(tmp_path)
        follower = hub.follow(LineFilter(function="hello"))
        assert follower is not None
        hub.take(0, [plain("one"), plain("not for it", function="other")])
        hub.take(0, [plain("two")])
        hub.end_streams()
        said = [line["text"] async for lines in follower.batches(idle_s=60) for line in lines]
        hub.leave(follower)
        await hub.close()
        return said

    assert asyncio.run(look()) == ["one", "two"]


def test_a_slow_follower_loses_lines_and_is_told_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "FOLLOWER_LINES", 2)

    async def look() -> list[str]:
        hub = LogHub(tmp_path)
        follower = hub.follow(LineFilter())
        assert follower is not None
        hub.take(0, [plain(str(number)) for number in range(5)])
        hub.end_streams()
        said = [line["text"] async for lines in follower.batches(idle_s=60) for line in lines]
        await hub.close()
        return said

    assert asyncio.run(look()) == ["0", "1", "3 lines were not sent: this reader is too slow"]


def test_there_is_a_greatest_number_of_followers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "FOLLOWERS_MAX", 1)

    async def look() -> None:
        hub = LogHub(tmp_path)
        first = hub.follow(LineFilter())
        assert first is not None
        assert hub.follow(LineFilter()) is None
        hub.leave(first)
        assert hub.follow(LineFilter()) is not None
        await hub.close()

    asyncio.run(look())


def test_lines_are_remembered_over_a_restart_but_for_one_cut_by_a_kill(tmp_path: Path) -> None:
    assert found(tmp_path, LineFilter(), plain("before")) == ["before"]
    with (tmp_path / "pop.jsonl").open("ab") as file:
        file.write(b'{"at_s": 1, "text": "cut he')

    async def look() -> list[str]:
        hub = LogHub(tmp_path)
        await hub.load()
        said = [line["text"] for line in hub.last(LineFilter(), limit=10)]
        await hub.close()
        return said

    assert asyncio.run(look()) == ["before"]


def test_a_rotation_that_fails_loses_lines_until_there_is_room_and_no_longer(tmp_path: Path) -> None:
    """The file stayed closed for as long as the POP ran."""
    file = RotatingFile(tmp_path / "logs", max_bytes=20)
    moved = tmp_path / "moved"

    def write(number: int) -> None:
        file.write(b'{"text":"line %d of the log"}\n' % number)

    (tmp_path / "logs").rename(moved)
    for number in range(2):
        with pytest.raises(FileNotFoundError):
            write(number)
    moved.rename(tmp_path / "logs")
    write(2)
    file.close()
    assert b"line 2" in (tmp_path / "logs" / "pop.1.jsonl").read_bytes()


def test_files_rotate_and_the_oldest_goes(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path, max_bytes=20, kept=3)
    for number in range(6):
        file.write(b'{"text":"line %d of the log"}\n' % number)
    file.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["pop.1.jsonl", "pop.2.jsonl", "pop.jsonl"]
    assert (tmp_path / "pop.1.jsonl").read_bytes() == b'{"text":"line 5 of the log"}\n'
    assert (tmp_path / "pop.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_line_at_no_instant_is_not_taken_and_does_not_stop_those_who_look(tmp_path: Path) -> None:
    lines = [[instant, "r1", "info", "when?", "hello", "v1", {}] for instant in (float("nan"), float("inf"))]
    assert found(tmp_path / "a", LineFilter(), *lines, plain("now")) == ["now"]

    async def look() -> list[str]:
        hub = LogHub(tmp_path / "b")
        line = orjson.dumps({**dict.fromkeys(("request_id", "text", "function", "version"), ""), "worker": 0})
        (tmp_path / "b" / "pop.jsonl").write_bytes(line[:-1] + b',"level":"info","at_s":null}\n')
        await hub.load()
        hub.take(0, [plain("now")])
        said = [line["text"] for line in hub.last(LineFilter(), limit=9)]
        await hub.close()
        return said

    assert asyncio.run(look()) == ["now"]


def test_a_file_that_finds_no_room_says_so_and_can_be_closed(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            file.write(b"x" * 100 + b"\n")
        file.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    again = RotatingFile(tmp_path)
    assert again.tail(10) == []
    again.close()
