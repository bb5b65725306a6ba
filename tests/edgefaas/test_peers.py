"""POPs tell each other what they know, and nobody else; forged, replayed and foreign words tell nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.peers import (
    ANSWER_BYTES_MAX,
    NEWS_KEPT_S,
    SAMPLES_MIN,
    WORKERS_HEARD_MAX,
    Listener,
    Teller,
    Told,
    probe_key,
)
from router import Hop, sign_hop

SECRET = b"sixteen bytes or more"
KEY = probe_key(SECRET)
NOW_S = 1_700_000_000.0
NEWS = {"v": 1, "paths": [[1, "fra", 9.5, 3, 0.0]]}


def teller(worker: str = "w1", *, key: bytes = KEY, here: str = "fra") -> Teller:
    return Teller(here=here, worker=worker, capacity=10, key=key)


def listener(*, key: bytes = KEY, receiver: str = "fra") -> Listener:
    return Listener(here="iad", receiver=receiver, key=key)


def said(by: Teller, question: str | None, *, now_s: float = 0.0, wall_s: float = NOW_S) -> bytes:
    return by.answer(question, {"sin": 170.25}, now_s=now_s, wall_s=wall_s).encode()


def exchange(asking: Listener, by: Teller) -> Told | None:
    return asking.read(said(by, asking.question(NOW_S)))


def test_a_peer_of_the_mesh_is_told_load_paths_and_news() -> None:
    by = teller()
    for _ in range(SAMPLES_MIN):
        by.began()
        by.ended(2.0)
    by.began()
    by.note(NEWS, 0.0)
    told = exchange(listener(), by)
    assert told is not None
    assert told.load is not None
    assert (told.load.in_flight, told.load.capacity) == (1, 10)
    assert told.load.service_ms == pytest.approx(2.0, rel=0.1)
    assert told.paths == {"sin": 170.25}
    assert [message for _, message in told.news] == [NEWS]


@pytest.mark.parametrize("samples", [SAMPLES_MIN - 1, SAMPLES_MIN])
def test_a_worker_that_served_too_little_says_nothing_of_its_load(samples: int) -> None:
    by = teller()
    for _ in range(samples):
        by.began()
        by.ended(2.0)
    assert (by.load is None) == (samples < SAMPLES_MIN)


def test_a_few_slow_requests_do_not_make_a_pop_slow() -> None:
    by = teller()
    for number in range(1000):
        by.began()
        by.ended(5000.0 if number % 5 == 0 else 2.0)
    assert by.load is not None
    assert by.load.service_ms < 5


def test_news_is_taken_once_whichever_worker_answers() -> None:
    asking, one, two = listener(), teller("w1"), teller("w2")
    one.note(NEWS, 0.0)
    two.note(NEWS, 0.0)
    taken = [exchange(asking, by) for by in (one, two, one, two)]
    assert [len(told.news) for told in taken if told is not None] == [1, 1, 0, 0]
    one.note(NEWS, 0.0)
    again = exchange(asking, one)
    assert again is not None
    assert len(again.news) == 1


def test_old_news_is_not_told() -> None:
    by, asking = teller(), listener()
    by.note(NEWS, 0.0)
    for now_s, count in ((NEWS_KEPT_S, 1), (NEWS_KEPT_S + 0.1, 0)):
        told = listener().read(said(by, asking.question(NOW_S), now_s=now_s))
        assert told is None  # another's question
        told = asking.read(said(by, asking.question(NOW_S), now_s=now_s))
        assert told is not None
        assert len(told.news) <= count


def test_an_answer_is_bounded_however_much_there_is_to_tell() -> None:
    by = teller()
    rows = [[number, "fra", 9.5, 3, 0.0] for number in range(2048)]
    for _ in range(20):
        by.note({"v": 1, "paths": rows}, 0.0)
    assert len(said(by, listener().question(NOW_S))) < ANSWER_BYTES_MAX * 1.3


def test_who_does_not_prove_the_secret_is_told_the_name_only() -> None:
    by = teller()
    stranger = listener(key=probe_key(b"another sixteen bytes"))
    elsewhere = listener(receiver="sin")
    hop = Hop(sender="iad", receiver="fra", viewer="", request_id="", sent_at_s=NOW_S)
    late = listener().question(NOW_S - 60)
    questions = (
        None,
        "",
        "v1;x;y",
        stranger.question(NOW_S),
        elsewhere.question(NOW_S),
        late,
        sign_hop(hop, SECRET),
    )
    for question in questions:
        assert json.loads(said(by, question)) == {"pop": "fra"}


def test_a_pop_without_a_secret_tells_nobody_anything() -> None:
    assert json.loads(said(teller(key=b""), listener().question(NOW_S))) == {"pop": "fra"}


def test_an_answer_to_an_earlier_question_is_not_believed() -> None:
    asking, by = listener(), teller()
    replayed = said(by, asking.question(NOW_S))
    assert asking.read(replayed) is not None
    asking.question(NOW_S + 1)
    assert asking.read(replayed) is None


def test_an_answer_that_was_changed_is_not_believed() -> None:
    asking = listener()
    answer = json.loads(said(teller(), asking.question(NOW_S)))
    answer["mesh"] = answer["mesh"].replace("170.25", "1.25")
    assert asking.read(json.dumps(answer).encode()) is None


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(
        lambda value: json.dumps({"mesh": value, "mac": value}).encode()
    )
)
def test_whatever_comes_back_the_listener_does_not_raise(body: bytes) -> None:
    asking = listener()
    asking.question(NOW_S)
    assert asking.read(body) is None


def test_what_was_heard_stays_bounded_when_workers_come_and_go() -> None:
    asking = listener()
    for number in range(WORKERS_HEARD_MAX * 3):
        by = teller(f"{number:08x}")
        by.note(NEWS, 0.0)
        assert exchange(asking, by) is not None
