"""Canaries in a request's way, with real guests in a real sandbox, over sockets."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgefaas.arms import Arms, canary_of
from edgefaas.cache.purge import Purge
from edgefaas.contract import LiveFunction
from edgefaas.site import Behaviour, FunctionOrigin, Trigger
from edgefaas.split import Affinity, Split
from sandbox import Builder, Kind, Source
from tests.edgefaas.live import FakeOrigin, Pop, Seen, origin, pop, reply
from tests.edgefaas.test_functions_on_the_way import TRAP, constant

Scenario = Callable[[Pop, FakeOrigin], Awaitable[None]]
CANARY = {"Edge-Version": "canary"}
LIVE = {"Edge-Version": "live"}


def made(body: str, status: str = "200") -> str:
    return constant(
        f'{{"status":"{status}","headers":{{"cache-control":[{{"value":"max-age=60"}}]}},"body":"{body}"}}'
    )


async def activate(served: Pop, artifacts: Path, sources: dict[str, tuple[str, str]]) -> None:
    """Build both versions of each function, and split the viewers between them by a header field."""
    builder = Builder(artifacts=artifacts)
    live: dict[str, LiveFunction] = {}
    try:
        for name, texts in sources.items():
            versions = []
            for text in texts:
                built = await builder.build(
                    Source(kind=Kind.EVENT, files={"f.wat": text.encode()}, entry="f.wat")
                )
                versions.append(
                    LiveFunction(
                        name=name,
                        version=built.artifact,
                        kind=Kind.EVENT,
                        artifact=built.artifact,
                        facts=built.facts,
                    )
                )
            old, new = versions
            split = Split(
                live=old.version,
                canary=new.version,
                share=5_000,
                affinity=Affinity("header", "x-user"),
                salt="salt",
            )
            live |= {name: old, canary_of(name): replace(new, split=split)}
    finally:
        await builder.close()
    served.app.activate(live)


def play(folder: Path, behaviour: str, scenario: Scenario, **sources: tuple[str, str]) -> None:
    def replying(seen: Seen) -> bytes:
        return reply(f"origin {seen.target}", Cache_Control="max-age=60")

    async def main() -> None:
        async with origin(replying) as fake:
            site = f'[origins.app]\nurl = "http://127.0.0.1:{fake.port}"\n'
            site += "".join(f'[functions.{name}]\nsource = "{name}.wat"\n' for name in sources)
            if '"made"' in behaviour:
                site += '[origins.made]\nfunction = "f"\n'
            site += f'[[behaviors]]\npath = "*"\n{behaviour}\n'
            async with pop(site, folder) as served:
                await activate(served, folder / "artifacts", sources)
                await scenario(served, fake)

    asyncio.run(main())


def test_each_viewer_stays_with_one_version_and_both_are_served(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        bodies: dict[str, set[bytes]] = {}
        for _ in range(2):
            for user in map(str, range(30)):
                bodies.setdefault(user, set()).add((await served.ask("/x", headers={"X-User": user})).body)
        assert all(len(seen) == 1 for seen in bodies.values())
        assert {body for seen in bodies.values() for body in seen} == {b"old", b"new"}

    play(tmp_path, 'origin = "app"\nviewer_request = "f"', scenario, f=(made("old"), made("new")))


def test_the_log_names_the_version_that_served(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        split = served.app._resources.arms.splits["f"]
        for headers, version in ((CANARY, split.canary), (LIVE, split.live)):
            answer = await served.ask("/x", headers=headers)
            (line,) = [
                line
                for line in served.log
                if line.request_id == answer.headers["x-edge-request-id"] and not line.function
            ]
            assert line.fields["versions"] == {"f": version}
            assert f" f@{version[:7]}" in line.text

    play(tmp_path, 'origin = "app"\nviewer_request = "f"', scenario, f=(made("old"), made("new")))


@pytest.mark.parametrize(
    "behaviour",
    [
        'origin = "app"\norigin_request = "f"',
        'origin = "made"',
    ],
)
def test_what_a_canary_stores_is_never_served_to_others_nor_theirs_to_it(
    tmp_path: Path, behaviour: str
) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for headers, body in ((LIVE, b"old"), (CANARY, b"new")):
            first, second = [await served.ask("/x", headers=headers) for _ in range(2)]
            assert (first.body, second.body) == (body, body)
            assert second.headers["x-cache"] == "Hit from edgefaas"
        for _ in range(3):  # a plain GET may take the express lane, and must not cross over by it
            for headers, body in ((CANARY, b"new"), (LIVE, b"old")):
                assert (await served.ask("/x", headers=headers)).body == body
        assert await served.app.purge(Purge(kind="url", value="/x")) == 2

    play(tmp_path, behaviour, scenario, f=(made("old"), made("new")))


def test_a_response_function_s_canary_keeps_its_own_copies(tmp_path: Path) -> None:
    def stamped(text: str) -> str:
        fields = f'"cache-control":[{{"value":"max-age=60"}}],"x-by":[{{"value":"{text}"}}]'
        return constant(f'{{"status":"200","headers":{{{fields}}}}}')

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for _ in range(2):
            for headers, text in ((LIVE, "old"), (CANARY, "new")):
                assert (await served.ask("/x", headers=headers)).headers["x-by"] == text
        assert len(fake.seen) == 2

    play(tmp_path, 'origin = "app"\norigin_response = "f"', scenario, f=(stamped("old"), stamped("new")))


def test_viewer_functions_share_what_is_stored(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for headers in (LIVE, CANARY):
            assert (await served.ask("/x", headers=headers)).body == b"origin /x"
        assert len(fake.seen) == 1

    def tagged(text: str) -> str:
        return constant(f'{{"status":"200","headers":{{"x-by":[{{"value":"{text}"}}]}}}}')

    play(tmp_path, 'origin = "app"\nviewer_response = "f"', scenario, f=(tagged("old"), tagged("new")))


def test_a_canary_s_errors_are_its_own(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        split = served.app._resources.arms.splits["f"]
        statuses = [(await served.ask("/x", headers=headers)).status for headers in (CANARY, CANARY, LIVE)]
        assert statuses == [503, 503, 500]
        rows = {row["version"]: row for row in served.app.stats()["functions"]}  # type: ignore[attr-defined]
        assert [rows[split.canary][key] for key in ("runs", "errors", "server_errors")] == [2, 2, 0]
        assert [rows[split.live][key] for key in ("runs", "errors", "server_errors")] == [1, 0, 1]

    play(tmp_path, 'origin = "app"\nviewer_request = "f"', scenario, f=(made("old", "500"), TRAP))


def test_a_canary_that_ends_gives_way_to_what_is_live_also_for_who_had_it(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert (await served.ask("/x", headers=CANARY)).body == b"new"
        live = {"f": served.app._resources.guests.get("f")}
        served.app.activate(live)
        assert (await served.ask("/x", headers=CANARY)).body == b"old"
        assert served.app._resources.guests.find("f", frozenset({"f"})).function == live["f"]

    play(tmp_path, 'origin = "app"\norigin_request = "f"', scenario, f=(made("old"), made("new")))


def test_only_what_a_split_decides_about_keeps_copies_apart() -> None:
    arms = Arms()
    old = LiveFunction(name="f", version="1" * 64, kind=Kind.JS, artifact="a")
    split = Split(live="1" * 64, canary="2" * 64, share=1, affinity=Affinity(), salt="s")
    arms.activate({"f": old, "f@canary": replace(old, version="2" * 64, split=split)})
    chosen = frozenset({"f"})
    viewer = Behaviour(pattern="*", origin="app", triggers={Trigger.VIEWER_REQUEST: "f"})
    stored = Behaviour(pattern="*", origin="app", triggers={Trigger.ORIGIN_RESPONSE: "f"})
    assert not arms.reaches_store(viewer)
    assert arms.namespace(viewer, chosen) == ""
    assert arms.reaches_store(stored)
    assert "2222" in arms.namespace(stored, chosen)
    assert arms.namespace(stored, frozenset()) == ""
    arms.serve({"made": FunctionOrigin(name="made", function="f")})
    assert arms.reaches_store(viewer)  # its function may choose that origin


def test_a_canary_without_its_live_version_is_nobody_s() -> None:
    arms = Arms()
    split = Split(live="1" * 64, canary="2" * 64, share=1, affinity=Affinity(), salt="s")
    canary = LiveFunction(name="f", version="2" * 64, kind=Kind.JS, artifact="a", split=split)
    arms.activate({"f@canary": canary})
    assert not arms.splits
