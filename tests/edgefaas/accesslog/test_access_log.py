"""The access log of a POP that serves: every request, hits included, past every answer."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from edgefaas.accesslog import writer
from edgefaas.accesslog.formats import FIELDS
from edgefaas.config import parse_site
from edgefaas.control.plain import from_plain, to_plain
from edgefaas.errors import ConfigError
from edgefaas.site import AccessLogPolicy, Site
from tests.edgefaas.live import Pop, ask_raw, origin, pop, reply
from tests.edgefaas.test_functions_on_the_way import constant, deploy

SITE = """
[origins.app]
url = "http://127.0.0.1:{port}"
[access_log]
file = "logs/access.log"
{more}
[pops.fra]
latitude = 50.1
longitude = 8.7
[router]
pop = "fra"
"""


def logged(folder: Path) -> list[str]:
    path = folder / "logs" / "access.log"
    return path.read_text("latin-1").splitlines() if path.exists() else []


def test_hits_misses_and_refusals_are_all_there_with_the_id_that_the_viewer_saw(tmp_path: Path) -> None:
    async def main() -> list[Any]:
        async with origin(lambda _: reply("ok", Cache_Control="max-age=60")) as fake:
            async with pop(SITE.format(port=fake.port, more=""), tmp_path) as served:
                answers = [await served.ask("/a") for _ in range(3)]
                await ask_raw(served.port, "/b c")
                answers.append(await served.ask("/post", method="POST", body=b"12345"))
            return answers  # closing the POP writes what is pending

    answers = asyncio.run(main())
    told = [orjson.loads(line) for line in logged(tmp_path)]
    by_id = {line["request_id"]: line for line in told}
    assert [by_id[answer.headers["x-edge-request-id"]]["x_cache"] for answer in answers] == [
        "Miss",
        "Hit",
        "Hit",
        "Miss",
    ]
    assert [line["status"] for line in told] == [200, 200, 200, 400, 200]
    assert {line.get("pop") for line in told} == {"fra"}
    assert told[0]["bytes"] > told[0]["body_bytes"] == 2
    assert told[4]["request_bytes"] > 5


def test_functions_that_answer_again_and_again_are_logged_each_time(tmp_path: Path) -> None:
    text = """
[site]
access_log = "off"
[access_log]
file = "logs/access.log"
[functions.made]
source = "made.wat"
[[behaviors]]
path = "*"
viewer_request = "made"
"""

    async def main() -> None:
        async with pop(text, tmp_path) as served:
            await deploy(served, tmp_path / "artifacts", made=constant('{"status":"200","body":"x"}'))
            for _ in range(4):
                assert (await served.ask("/a")).body == b"x"

    asyncio.run(main())
    told = [orjson.loads(line) for line in logged(tmp_path)]
    assert [(line["x_cache"], line["body_bytes"]) for line in told] == [("LambdaGeneratedResponse", 1)] * 4
    assert [list(line["functions"]) for line in told] == [["made"]] * 4


def test_cloudfront_s_format_begins_with_its_header(tmp_path: Path) -> None:
    async def main() -> None:
        async with origin(lambda _: reply("ok", Content_Type="text/plain")) as fake:
            text = SITE.format(port=fake.port, more='format = "cloudfront"')
            async with pop(text, tmp_path) as served:
                await served.ask("/a?b=c", headers={"User-Agent": "x y"})

    asyncio.run(main())
    version, names, line = logged(tmp_path)
    assert (version, names) == ("#Version: 1.0", f"#Fields: {FIELDS}")
    told = dict(zip(FIELDS.split(" "), line.split("\t"), strict=True))
    assert (told["cs-uri-stem"], told["cs-uri-query"], told["cs(User-Agent)"]) == ("/a", "b=c", "x%20y")
    assert (told["sc-content-type"], told["sc-content-len"], told["x-edge-location"]) == (
        "text/plain",
        "2",
        "fra",
    )


def test_a_log_that_cannot_be_written_changes_no_answer_and_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")

    async def main() -> None:
        async with (
            origin(lambda _: reply("ok")) as fake,
            pop(SITE.format(port=fake.port, more=""), tmp_path) as served,
        ):
            for _ in range(3):
                assert (await served.ask("/a")).status == 200
            async with asyncio.timeout(60):
                while _counts(served) != {"written": 0, "dropped": 3}:
                    await asyncio.sleep(0.02)

    asyncio.run(main())
    assert "cannot be written" in caplog.text


def _counts(served: Pop) -> object:
    return served.app.stats()["access_log"]


def test_what_finds_no_room_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PENDING_BYTES_MAX", 600)

    async def main() -> object:
        async with (
            origin(lambda _: reply("ok")) as fake,
            pop(SITE.format(port=fake.port, more=""), tmp_path) as served,
        ):
            await asyncio.gather(*(served.ask(f"/{number}") for number in range(5)))
            return served.app._exchanges._access.dropped  # type: ignore[union-attr]

    dropped = asyncio.run(main())
    assert isinstance(dropped, int)
    assert dropped + len(logged(tmp_path)) == 5


def test_a_site_that_is_read_again_goes_on_in_its_new_file(tmp_path: Path) -> None:
    async def main() -> None:
        async with origin(lambda _: reply("ok", Cache_Control="max-age=60")) as fake:
            text = SITE.format(port=fake.port, more="")
            async with pop(text, tmp_path) as served:
                await served.ask("/a")
                served.app.reconfigure(parse_site(text, folder=tmp_path))  # nothing changes
                await served.ask("/a")
                served.app.reconfigure(parse_site(text.replace("access.log", "other.log"), folder=tmp_path))
                await served.ask("/a")

    asyncio.run(main())
    assert len(logged(tmp_path)) == 2
    assert len((tmp_path / "logs" / "other.log").read_text().splitlines()) == 1


def access_log(lines: str, folder: Path) -> AccessLogPolicy:
    return parse_site(f"[access_log]\n{lines}\n", folder=folder).access_file


def test_every_key_has_a_range_and_a_folder_is_no_file(tmp_path: Path) -> None:
    assert access_log("", tmp_path).file is None
    policy = access_log('file = "a.log"\nmax_mb = 1\nkeep = 1000\ncookies = true', tmp_path)
    assert (policy.file, policy.file_bytes, policy.files_kept, policy.cookies) == (
        tmp_path / "a.log",
        1 << 20,
        1000,
        True,
    )
    for wrong in (
        'file = "logs/"',
        f'file = "{tmp_path}"',
        'format = "xml"',
        "max_mb = 0",
        "keep = 0",
        "keep = 1001",
    ):
        with pytest.raises(ConfigError, match="line 2: access_log"):
            access_log(wrong, tmp_path)
    site = parse_site('[access_log]\nfile = "a.log"\n', folder=tmp_path)
    assert from_plain(Site, to_plain(site)) == site
