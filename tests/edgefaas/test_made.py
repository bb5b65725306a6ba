"""What functions make is decoded and written once, and comes out as if it were done each time."""

from hypothesis import given
from hypothesis import strategies as st

from edgefaas.answers import Answers
from edgefaas.cache import MemoryStore
from edgefaas.keeping import Keeper
from edgefaas.made import (
    MARKED_DATE,
    MARKED_ID,
    OUTPUT_BYTES_MAX,
    REMEMBERED_MAX,
    Made,
    MadeMemo,
    template_of,
)
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.wire import prepare

names = st.sampled_from(["Content-Type", "Set-Cookie", "Location", "X-Any", "Cache-Control", "Date"])
values = st.text(alphabet="abcXYZ 0123;=/", min_size=1, max_size=12).map(str.strip).filter(bool)
lines = st.lists(st.tuples(names, values), max_size=6)
DATE = "Sun, 22 Nov 2026 05:20:32 GMT"


def answers(pop: str = "") -> Answers:
    return Answers(keeper=Keeper(store=MemoryStore(1 << 20)), pop=pop)


def made(headers: list[tuple[str, str]], body: bytes = b"x", status: int = 200) -> Made:
    return Made(Response(status=status, headers=Headers(headers), body=body), "lambda-edge")


def asking(method: str = "GET", request_id: str = "abc1") -> Request:
    return Request(method=method, path="/", id=request_id)


@given(
    headers=lines,
    body=st.binary(max_size=50),
    status=st.sampled_from([200, 302, 404]),
    pop=st.sampled_from(["", "fra"]),
)
def test_a_filled_template_has_the_octets_of_the_ordinary_path(
    headers: list[tuple[str, str]], body: bytes, status: int, pop: str
) -> None:
    response = made(headers, body, status)
    quick = answers(pop).generated(asking(), response)
    slow = answers(pop).generated(asking("POST"), made(headers, body, status))
    assert isinstance(slow, Response)
    if isinstance(quick, Response):
        assert any(name == "Date" for name, _ in headers)  # the function set the date itself: no gap for ours
        assert quick == slow
        return
    assert response.template is not None
    filled = response.template.fill("abc1", DATE)
    assert filled == prepare(slow, method="GET", date=DATE)
    assert quick.body == body


def test_every_request_gets_its_own_id_and_nobody_changes_what_is_remembered() -> None:
    response = made([("X-Any", "1")])
    one, two = (answers().generated(asking(request_id=name), response) for name in ("id1", "id2"))
    assert isinstance(one, Prepared)
    assert isinstance(two, Prepared)
    assert b"X-Edge-Request-Id: id1\r\n" in one.head
    assert b"X-Edge-Request-Id: id2\r\n" in two.head
    assert list(response.response.headers) == [("X-Any", "1")]


def test_other_methods_and_timed_requests_take_the_ordinary_path() -> None:
    timed = asking()
    timed.timings = []
    assert isinstance(answers().generated(asking("HEAD"), made([])), Response)
    assert isinstance(answers().generated(timed, made([])), Response)


def test_a_head_that_holds_a_marker_of_its_own_has_no_template() -> None:
    assert isinstance(answers().generated(asking(), made([("X-Any", MARKED_ID)])), Response)
    quick = answers().generated(asking(), made([("X-Any", MARKED_DATE)]))
    assert isinstance(quick, Prepared)
    assert f"X-Any: {MARKED_DATE}\r\n".encode() in quick.head
    assert template_of(Prepared(b"HTTP/1.1 200 OK\r\n", b"")) is None


def test_what_is_remembered_is_bounded_in_number_and_length() -> None:
    memo = MadeMemo()
    memo.put(b"x" * OUTPUT_BYTES_MAX, made([]))
    memo.put(b"x" * (OUTPUT_BYTES_MAX + 1), made([]))
    assert memo.get("lambda-edge", b"x" * OUTPUT_BYTES_MAX) is not None
    assert memo.get("lambda-edge", b"x" * (OUTPUT_BYTES_MAX + 1)) is None
    for number in range(REMEMBERED_MAX):
        memo.put(str(number).encode(), made([]))
    assert memo.get("lambda-edge", b"x" * OUTPUT_BYTES_MAX) is None
    assert memo.get("lambda-edge", str(REMEMBERED_MAX - 1).encode()) is not None


def test_the_same_octets_of_another_api_are_another_response() -> None:
    memo = MadeMemo()
    memo.put(b"{}", made([]))
    assert memo.get("cloudfront-functions", b"{}") is None
