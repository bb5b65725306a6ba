"""The members' site over sockets: login by signed cookie, A/B test, images, error pages, headers, and the cache."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from edgefaas.config import parse_site
from edgefaas.contract import LiveFunction
from edgefaas.functions import read_spec
from sandbox import Builder
from tests.edgefaas.live import Answer, FakeOrigin, Pop, Seen, origin, pop, reply
from tests.samples.running import worker

FOLDER = Path(__file__).parents[2] / "sample_functions" / "members-site"
PASSWORDS = {"ada": "lovelace", "grace": "hopper"}  # variant a and variant b
Scenario = Callable[[Pop, FakeOrigin], Awaitable[None]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Scenario], None]]:
    """Play scenarios in one process of their own, with one folder of artefacts."""
    folder = tmp_path_factory.mktemp("members")
    with worker() as pool:
        yield lambda scenario: pool.submit(play, folder, scenario).result()


def replying(seen: Seen) -> bytes:
    if seen.target.endswith("none.html"):
        return reply("plain text", "404 Not Found", Content_Type="text/plain")
    return reply(f"origin {seen.target}", Server="nginx", Content_Type="text/plain")


def play(folder: Path, scenario: Scenario) -> None:
    """Serve the sample's own edgefaas.toml, with its functions, in front of a fake origin."""

    async def main() -> None:
        async with origin(replying) as fake:
            text = (FOLDER / "edgefaas.toml").read_text()
            site = re.sub(r"http://127\.0\.0\.1:\d+", f"http://127.0.0.1:{fake.port}", text)
            site = site.replace('source = "functions', f'source = "{FOLDER}/functions')
            async with pop(site, folder) as served:
                served.app.activate(await built(site, folder))
                await scenario(served, fake)

    asyncio.run(main())


async def built(site: str, folder: Path) -> dict[str, LiveFunction]:
    builder = Builder(artifacts=folder / "artifacts")
    live = {}
    try:
        for name, spec in parse_site(site, folder=folder).functions.items():
            bundle = read_spec(spec)
            made = await builder.build(bundle.source)
            live[name] = LiveFunction(
                name=name,
                version=bundle.version,
                kind=bundle.source.kind,
                artifact=made.artifact,
                facts=made.facts,
                limits=bundle.limits,
                environment=bundle.environment,
            )
    finally:
        await builder.close()
    return live


async def logged_in(served: Pop, user: str = "ada") -> dict[str, str]:
    """Log in and return the field that shows it."""
    answer = await posted(served, user, PASSWORDS[user])
    assert answer.status == 303
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert cookie.startswith(f"session={user}.")
    return {"Cookie": f"theme=dark; {cookie}"}


async def posted(served: Pop, user: str, password: str, query: str = "") -> Answer:
    return await served.ask(
        f"/login{query}",
        method="POST",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=f"user={user}&password={password}".encode(),
    )


async def strangers_are_sent_to_the_form_and_never_reach_cache_or_origin(
    served: Pop, fake: FakeOrigin
) -> None:
    member = await logged_in(served)
    await served.ask("/members/a.html", headers=member)
    for cookie in (
        "",
        "session=ada.4102444800.AAAA",
        "session=",
        "session=ada",
        member["Cookie"][:-2] + "AA",
    ):
        answer = await served.ask("/members/a.html", headers={"Cookie": cookie})
        assert answer.status == 302
        assert answer.headers["location"] == "/login?next=%2Fmembers%2Fa.html"
        assert answer.headers["x-cache"] == "LambdaGeneratedResponse from edgefaas"
    assert len(fake.seen) == 1
    form = await served.ask("/login")
    assert (form.status, b"<form" in form.body) == (200, True)


async def a_good_password_logs_in_and_a_bad_one_does_not(served: Pop, fake: FakeOrigin) -> None:
    good = await posted(served, "ada", "lovelace", "?next=%2Fmembers%2Fb.html")
    assert (good.status, good.headers["location"]) == (303, "/members/b.html")
    away = await posted(served, "ada", "lovelace", "?next=%2F%2Fevil.example")
    assert away.headers["location"] == "/members/home.html"
    for user, password in (("ada", "turing"), ("nobody", ""), ("toString", ""), ("", "")):
        bad = await posted(served, user, password)
        assert bad.status == 403
        assert "set-cookie" not in bad.headers


async def members_share_what_is_cached_and_get_security_headers_on_hits_too(
    served: Pop, fake: FakeOrigin
) -> None:
    ada, grace = await logged_in(served), await logged_in(served, "grace")
    first = await served.ask("/members/a.html", headers=ada)
    second = await served.ask("/members/a.html", headers=grace)
    assert (first.headers["x-cache"], second.headers["x-cache"]) == (
        "Miss from edgefaas",
        "Hit from edgefaas",
    )
    assert first.body == second.body == b"origin /members/a.html"
    assert "cookie" not in fake.seen[0].headers
    for answer in (first, second):
        assert answer.headers["x-frame-options"] == "DENY"
        assert "server" not in answer.headers
    assert len(fake.seen) == 1


async def each_user_sees_one_variant_of_the_start_page_and_both_are_cached(
    served: Pop, fake: FakeOrigin
) -> None:
    ada, grace = await logged_in(served), await logged_in(served, "grace")
    for _ in range(2):
        assert (await served.ask("/members/home.html", headers=ada)).body == b"origin /members/home.html"
        assert (await served.ask("/members/home.html", headers=grace)).body == b"origin /members/home-b.html"
    assert [seen.target for seen in fake.seen] == ["/members/home.html", "/members/home-b.html"]


async def images_are_asked_for_under_another_path_and_stored_under_the_viewers(
    served: Pop, fake: FakeOrigin
) -> None:
    member = await logged_in(served)
    for _ in range(2):
        answer = await served.ask("/members/images/150x75/cat.jpg", headers=member)
        assert answer.body == b"origin /resize/200/100/cat.jpg"
    assert answer.headers["x-cache"] == "Hit from edgefaas"
    assert [seen.target for seen in fake.seen] == ["/resize/200/100/cat.jpg"]


async def an_error_gets_a_page_that_is_cached_and_viewer_response_is_skipped(
    served: Pop, fake: FakeOrigin
) -> None:
    member = await logged_in(served)
    for _ in range(2):
        answer = await served.ask("/members/none.html", headers=member)
        assert answer.status == 404
        assert b"<h1>We have no such page</h1>" in answer.body
        assert answer.headers["content-length"] == str(len(answer.body))
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "x-frame-options" not in answer.headers
    assert len(fake.seen) == 1


@pytest.mark.parametrize(
    "scenario",
    [
        strangers_are_sent_to_the_form_and_never_reach_cache_or_origin,
        a_good_password_logs_in_and_a_bad_one_does_not,
        members_share_what_is_cached_and_get_security_headers_on_hits_too,
        each_user_sees_one_variant_of_the_start_page_and_both_are_cached,
        images_are_asked_for_under_another_path_and_stored_under_the_viewers,
        an_error_gets_a_page_that_is_cached_and_viewer_response_is_skipped,
    ],
)
def test_the_site_does_what_its_readme_says(scenario: Scenario, stage: Callable[[Scenario], None]) -> None:
    stage(scenario)
