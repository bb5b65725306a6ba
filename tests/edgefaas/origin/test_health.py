"""When a silent endpoint is left alone, as pure rules, and what a viewer notices of it."""

import socket

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errors import OriginTimeoutError
from edgefaas.message import Request
from edgefaas.origin import OriginClient
from edgefaas.origin.health import FIRST_REST_S, LONGEST_REST_S, PATIENCE, EndpointHealth
from edgefaas.site import UrlOrigin


def test_an_endpoint_rests_after_silent_attempts_and_one_attempt_finds_out() -> None:
    health = EndpointHealth()
    for _ in range(PATIENCE):
        assert health.may_try(0.0)
        health.ended(silent=True, now_s=0.0)
    assert not health.may_try(FIRST_REST_S - 0.001)
    assert health.may_try(FIRST_REST_S)
    assert not health.may_try(FIRST_REST_S)  # the trial is running
    health.ended(silent=False, now_s=FIRST_REST_S)
    assert health.may_try(FIRST_REST_S)
    assert health.may_try(FIRST_REST_S)


def test_refusals_never_make_it_rest() -> None:
    health = EndpointHealth()
    for _ in range(100):
        assert health.may_try(0.0)
        health.ended(silent=False, now_s=0.0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20)), max_size=50))
def test_it_is_tried_again_within_the_longest_rest(steps: list[tuple[bool, float]]) -> None:
    health, now_s = EndpointHealth(), 0.0
    for silent, pause_s in steps:
        now_s += pause_s
        if health.may_try(now_s):
            health.ended(silent=silent, now_s=now_s)
    assert health.may_try(now_s + LONGEST_REST_S)


@pytest.mark.slow
def test_viewers_of_a_silent_origin_soon_stop_waiting_for_it() -> None:
    async def main() -> None:
        full = socket.create_server(("127.0.0.1", 0), backlog=0)  # takes a connection or two, answers no more
        held = [socket.socket() for _ in range(3)]
        for sock in held:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        client = OriginClient()
        origin = UrlOrigin(name="o", url=f"http://127.0.0.1:{full.getsockname()[1]}", connect_timeout_s=0.05)
        seen = []
        for _ in range(PATIENCE + 2):
            with pytest.raises(OriginTimeoutError) as caught:
                await client.fetch(origin, Request(method="GET", path="/"))
            seen.append("of late" in str(caught.value))
        assert seen == [False] * PATIENCE + [True] * 2
        await client.close()
        for sock in (*held, full):
            sock.close()

    uvloop.run(main())
