"""Steering: the viewer reaches the chosen POP, in one step, with the same request."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import MeshError
from router.mesh import Mesh, Pop
from router.steering import (
    AnswerHere,
    Arrival,
    NowhereToGo,
    ProxyTo,
    RedirectTo,
    Steering,
    SteeringPolicy,
    Way,
    retry_elsewhere,
)

MESH = Mesh(
    [
        Pop(name="fra", latitude=50.1, longitude=8.7, url="https://fra.example.net"),
        Pop(name="iad", latitude=39, longitude=-77.5, url="https://iad.example.net:8443"),
        Pop(name="sin", latitude=1.35, longitude=103.8, url="https://sin.example.net"),
    ]
)
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT"])
targets = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60).map(lambda t: "/" + t)
arrivals = st.builds(
    Arrival,
    method=methods,
    host=st.sampled_from(
        ["www.example.com", "fra.example.net", "FRA.example.net:443", "iad.example.net:8443", ""]
    ),
    target=targets,
    hops=st.integers(0, 2),
    has_body=st.booleans(),
    upgrade=st.booleans(),
)


def steering(way: Way, here: str = "fra") -> Steering:
    return Steering(MESH, SteeringPolicy(way=way, here=here))


def arrival(
    method: str = "GET", host: str = "www.example.com", target: str = "/a?b=c", hops: int = 0
) -> Arrival:
    return Arrival(method=method, host=host, target=target, hops=hops)


def test_a_viewer_of_this_pop_is_answered_here() -> None:
    for way in Way:
        assert isinstance(steering(way).steer(arrival(), "fra"), AnswerHere)


def test_a_viewer_of_another_pop_is_answered_passed_on_or_sent_there() -> None:
    assert isinstance(steering(Way.ANSWER).steer(arrival(), "sin"), AnswerHere)
    assert isinstance(steering(Way.DNS).steer(arrival(), "sin"), AnswerHere)
    assert steering(Way.PROXY).steer(arrival(), "sin") == ProxyTo(
        MESH.pop("sin"), "sin serves this viewer best"
    )
    sent = steering(Way.REDIRECT).steer(arrival(), "sin", gain_ms=80)
    assert isinstance(sent, RedirectTo)
    assert (sent.status, sent.location) == (307, "https://sin.example.net/a?b=c")


@given(st.sampled_from(list(Way)), arrivals, st.sampled_from(["fra", "iad", "sin", None]))
def test_no_request_takes_more_than_one_step(way: Way, first: Arrival, chosen: str | None) -> None:
    """Whatever the next POP believes to be best, it answers."""
    step = steering(way).steer(first, chosen)
    if isinstance(step, ProxyTo):
        then = Arrival(method=first.method, host=first.host, target=first.target, hops=first.hops + 1)
    elif isinstance(step, RedirectTo):
        parts = urlsplit(step.location)
        target = step.location[len(f"{parts.scheme}://{parts.netloc}") :]
        then = Arrival(method=first.method, host=parts.netloc, target=target)
    else:
        return
    for name in ("fra", "iad", "sin"):
        if name != step.pop.name:
            there = steering(way, step.pop.name)
            assert isinstance(there.steer(then, name, gain_ms=1000), AnswerHere)


@given(arrivals, st.sampled_from(["iad", "sin"]))
def test_a_redirect_keeps_method_path_and_query_and_leads_to_the_pop_alone(
    first: Arrival, chosen: str
) -> None:
    step = steering(Way.REDIRECT).steer(first, chosen, gain_ms=1000)
    if isinstance(step, RedirectTo):
        assert step.status == 307
        assert not first.has_body
        assert step.location.startswith(f"{MESH.pop(chosen).url}/")
        assert step.location.isascii()
        assert step.location.isprintable()
        assert " " not in step.location
        if first.target.isascii() and first.target.isprintable() and " " not in first.target:
            assert step.location == MESH.pop(chosen).url + first.target


@pytest.mark.parametrize(
    "first",
    [
        Arrival(method="POST", host="www.example.com", target="/", has_body=True),
        Arrival(method="GET", host="www.example.com", target="/", upgrade=True),
        Arrival(method="OPTIONS", host="www.example.com", target="/"),
        Arrival(method="GET", host="www.example.com", target="*"),
        Arrival(method="GET", host="www.example.com", target="http://www.example.com/"),
    ],
)
def test_what_a_redirect_could_break_is_passed_on_instead(first: Arrival) -> None:
    assert isinstance(steering(Way.REDIRECT).steer(first, "sin", gain_ms=1000), ProxyTo)


def test_a_redirect_must_pay_off() -> None:
    assert isinstance(steering(Way.REDIRECT).steer(arrival(), "sin", gain_ms=20), RedirectTo)
    assert isinstance(steering(Way.REDIRECT).steer(arrival(), "sin", gain_ms=19.9), ProxyTo)


def test_a_request_is_not_passed_on_when_answering_here_takes_less() -> None:
    assert isinstance(steering(Way.PROXY).steer(arrival(), "sin", pays=False), AnswerHere)
    assert isinstance(steering(Way.PROXY, here="").steer(arrival(), "sin", pays=False), ProxyTo)


def test_a_path_that_looks_like_another_host_stays_a_path() -> None:
    sent = steering(Way.REDIRECT).steer(arrival(target="//evil.example/\r\nx: y"), "sin", gain_ms=100)
    assert isinstance(sent, RedirectTo)
    assert sent.location == "https://sin.example.net//evil.example/%0D%0Ax:%20y"


def test_a_router_in_front_serves_nothing_itself() -> None:
    front = steering(Way.PROXY, here="")
    assert isinstance(front.steer(arrival(), "fra"), ProxyTo)
    assert isinstance(front.steer(arrival(), None), NowhereToGo)
    assert isinstance(front.steer(arrival(hops=1), "fra"), NowhereToGo)
    answer_only = steering(Way.ANSWER, here="")
    assert isinstance(answer_only.steer(arrival(), "fra"), ProxyTo)  # what else could it do
    assert isinstance(steering(Way.PROXY).steer(arrival(), None), AnswerHere)


def test_a_pop_without_a_url_cannot_be_steered_to() -> None:
    mesh = Mesh([Pop(name="a", latitude=0, longitude=0), Pop(name="b", latitude=0, longitude=90)])
    assert isinstance(
        Steering(mesh, SteeringPolicy(way=Way.PROXY, here="a")).steer(arrival(), "b"), AnswerHere
    )
    assert isinstance(Steering(mesh, SteeringPolicy(way=Way.PROXY)).steer(arrival(), "b"), NowhereToGo)


def test_a_pop_that_is_not_in_the_mesh_is_refused() -> None:
    with pytest.raises(MeshError, match='no POP "lhr"'):
        Steering(MESH, SteeringPolicy(here="lhr"))


def test_only_what_may_be_sent_twice_is_retried_and_only_once() -> None:
    others = ["iad", "sin"]
    assert retry_elsewhere("GET", body_replayable=True, alternatives=others, tried=1) == "iad"
    assert retry_elsewhere("PUT", body_replayable=False, alternatives=others, tried=1) is None
    assert retry_elsewhere("POST", body_replayable=True, alternatives=others, tried=1) is None
    assert retry_elsewhere("GET", body_replayable=True, alternatives=others, tried=2) is None
    assert retry_elsewhere("GET", body_replayable=True, alternatives=[], tried=1) is None
