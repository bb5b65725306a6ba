"""Values survive the control channel."""

from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from edgefaas.cache.purge import Purge
from edgefaas.contract import LiveFunction
from edgefaas.control.plain import from_plain, to_plain
from edgefaas.site import Site
from sandbox.contract import Kind, Limits

texts = st.text(st.characters(codec="utf-8"), max_size=8)


def through(value: Any) -> Any:
    """Return what comes out of the channel's own encoding."""
    return msgpack.unpackb(msgpack.packb(to_plain(value)), strict_map_key=False)


st.register_type_strategy(Path, st.builds(Path, st.sampled_from(["/srv/site", "/srv/other"])))


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.from_type(Site))
def test_every_site_survives_the_channel(site: Site) -> None:
    try:
        plain = through(site)
    except OverflowError:  # a number of more than 64 bits: no limit is so large
        reject()
    back = from_plain(Site, plain)
    # Compared by their words: not-a-number does not equal itself.
    assert isinstance(back, Site)
    assert repr(to_plain(back)) == repr(to_plain(site))


@given(
    st.builds(
        LiveFunction,
        name=texts,
        version=texts,
        kind=st.sampled_from(Kind),
        artifact=texts,
        facts=st.dictionaries(texts, st.none() | st.booleans() | st.integers(0, 9) | texts | st.lists(texts)),
        limits=st.builds(Limits),
        environment=st.dictionaries(texts, texts),
        allow=st.lists(texts).map(tuple),
    )
)
def test_every_function_survives_the_channel(function: LiveFunction) -> None:
    assert from_plain(LiveFunction, through(function)) == function


@given(st.builds(Purge, kind=texts, value=texts))
def test_every_purge_survives_the_channel(purge: Purge) -> None:
    assert from_plain(Purge, through(purge)) == purge


@pytest.mark.parametrize(
    "plain",
    [
        None,
        [],
        {},
        {"!": "Site"},
        {"!": "Purge", "kind": 3},
        {"!": "Purge", "kind": "url", "value": None},
        {"!": "Purge", "kind": "url", "unknown": 1},
    ],
)
def test_what_is_not_the_declared_type_is_refused(plain: Any) -> None:
    with pytest.raises((TypeError, KeyError, ValueError)):
        from_plain(Purge, plain)


def test_a_value_that_the_channel_does_not_carry_is_refused_by_its_sender() -> None:
    with pytest.raises(TypeError, match="complex"):
        to_plain({"a": [1, complex(1, 2)]})
