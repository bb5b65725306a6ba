"""Whose objects share a cache key."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.events import Continue, CustomOrigin, OriginGroupChoice, OriginUpdate
from edgefaas.message import Request
from edgefaas.namespaces import namespace_of
from edgefaas.site import Behaviour
from tests.edgefaas.live import origin, pop, reply
from tests.edgefaas.test_functions_on_the_way import constant, deploy

REQUEST = Request(method="GET", path="/a")
domains = st.sampled_from(["a.example", "b.example"])
headers = st.dictionaries(st.sampled_from(["X-A", "X-B"]), st.sampled_from(["1", "2"]))
changes = st.one_of(
    st.none(),
    st.builds(CustomOrigin, domain_name=domains, custom_headers=headers),
    st.builds(OriginUpdate, origin_id=st.sampled_from(["a", "b"]), custom_headers=headers),
    st.builds(
        OriginGroupChoice,
        origin_ids=st.sampled_from([("a", "b"), ("b", "a")]),
        status_codes=st.just(frozenset({500, 502})),
    ),
)
behaviours = st.builds(
    Behaviour, pattern=st.sampled_from(["/a/*", "*"]), origin=st.sampled_from(["one", "two", None])
)
turns = st.builds(Continue, request=st.just(REQUEST), origin=changes, host=st.one_of(st.none(), domains))


@given(behaviours, turns, st.booleans(), behaviours, turns, st.booleans())
def test_two_requests_share_only_with_one_origin_and_one_way_there(
    one: Behaviour, first: Continue, home: bool, other: Behaviour, second: Continue, at_home: bool
) -> None:
    def way(behaviour: Behaviour, turned: Continue, home: bool) -> Any:
        return (behaviour.origin or "", None if home else behaviour.pattern, turned.origin, turned.host)

    shared = namespace_of(one, first, at_home=home) == namespace_of(other, second, at_home=at_home)
    assert shared == (way(one, first, home) == way(other, second, at_home))


def test_a_secret_field_of_a_chosen_origin_is_not_spelt_out_in_the_key() -> None:
    chosen = CustomOrigin(domain_name="a.example", custom_headers={"X-Key": "hunter2"})
    turned = replace(Continue(REQUEST), origin=chosen)
    assert "hunter2" not in namespace_of(Behaviour(pattern="*", origin="o"), turned, at_home=True)


@pytest.mark.slow
def test_what_a_function_rewrote_does_not_poison_the_object_of_another_behaviour(tmp_path: Path) -> None:
    named = '{"host": [{"value": "a.example"}]}'
    sources = {
        "rewrites": constant(f'{{"uri": "/shared", "querystring": "", "headers": {named}}}'),
        "makes": constant(
            '{"status": "200", "headers": {"cache-control": [{"value": "max-age=60"}]}, "body": "made up"}'
        ),
    }
    site = "".join(f'[functions.{name}]\nsource = "{name}.wat"\n' for name in sources)
    site += '[[behaviors]]\npath = "/public/*"\norigin = "app"\n'
    site += 'viewer_request = "rewrites"\norigin_request = "makes"\n'
    site += '[[behaviors]]\npath = "*"\norigin = "app"\n'

    async def main() -> None:
        async with origin(lambda seen: reply(seen.target, Cache_Control="max-age=60")) as fake:
            app = f'[origins.app]\nurl = "http://127.0.0.1:{fake.port}"\n'
            async with pop(app + site, tmp_path) as served:
                await deploy(served, tmp_path / "artifacts", None, **sources)
                asked = {"headers": {"Host": "a.example"}}
                assert (await served.ask("/public/x", **asked)).body == b"made up"
                assert (await served.ask("/shared", **asked)).body == b"/shared"
                again = await served.ask("/public/x", **asked)
                assert (again.body, again.headers["x-cache"]) == (b"made up", "Hit from edgefaas")

    asyncio.run(main())
