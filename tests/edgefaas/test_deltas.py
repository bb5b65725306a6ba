"""What workers tell of what they did, and what the supervisor makes of it."""

from collections import Counter

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.contract import LiveFunction
from edgefaas.control.live import HIT, LiveWindow, Sums
from edgefaas.deltas import Deltas
from edgefaas.telemetry import FUNCTIONS_MAX, Meter
from sandbox.contract import Cancelled, Finished, Kind, Threw, Usage

WORDS = (HIT, "Miss from edgefaas", "RefreshHit from edgefaas", "Error from edgefaas", "made up", "")


def function(name: str = "hello", version: str = "ab") -> LiveFunction:
    return LiveFunction(name=name, version=version, kind=Kind.JS, artifact="a")


def told(deltas: Deltas) -> object:
    """Return the news as the supervisor gets them."""
    return msgpack.unpackb(msgpack.packb({**deltas.take(), "cpu_us": 5}), strict_map_key=False)


exchanges = st.lists(
    st.tuples(st.sampled_from([200, 304, 404, 500, 504]), st.sampled_from(WORDS), st.floats(0, 100)),
    max_size=20,
)
runs = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 10**7)), max_size=20)
steps = st.lists(st.tuples(exchanges, runs, st.integers(0, 5), st.booleans()), max_size=6)


@given(steps, st.integers(1, 3))
def test_the_news_of_any_number_of_workers_add_up_to_what_they_counted(
    steps: list[tuple[list[tuple[int, str, float]], list[tuple[str, bool, int]], int, bool]], workers: int
) -> None:
    meters = [Meter() for _ in range(workers)]
    deltas = [Deltas(meter) for meter in meters]
    sums = Sums()
    for number, (exchanged, ran, express, asked) in enumerate(steps):
        meter = meters[number % workers]
        for status, word, took_s in exchanged:
            meter.exchanged(status, 7, took_s, word)
        for name, good, us in ran:
            usage = Usage(cpu_us=us, wall_us=2 * us)
            outcome = Finished(output=b"", usage=usage) if good else Threw(message="no", usage=usage)
            meter.ran(function(name), outcome)
        meter.express_hits += express
        if asked:
            assert sums.take(told(deltas[number % workers]))
    for one in deltas:
        assert sums.take(told(one))
    assert sums.requests == sum(meter.latency_us.count + meter.express_hits for meter in meters)
    assert sums.body_bytes == sum(meter.body_bytes for meter in meters)
    assert sums.latency_us.count == sums.requests
    assert sums.words.total() == sums.requests
    counted: Counter[str] = Counter()
    for meter in meters:
        for (name, _), row in meter.functions.items():
            counted[name] += row.runs * 1_000_000 + row.errors
    assert {name: row.runs * 1_000_000 + row.errors for (name, _), row in sums.functions.items()} == counted


def test_what_was_told_is_not_told_again() -> None:
    meter = Meter()
    deltas = Deltas(meter)
    meter.exchanged(200, 10, 0.001, HIT)
    meter.ran(function(), Finished(output=b""))
    deltas.take()
    again = deltas.take()
    assert not any(again.values())


def test_a_run_that_its_viewer_gave_up_is_no_error_and_a_refused_result_is_one() -> None:
    meter = Meter()
    meter.ran(function(), Cancelled())
    assert meter.functions["hello", "ab"].errors == 0
    meter.ran(function(), Finished(output=b"nonsense"))
    meter.refused(function())
    assert (meter.functions["hello", "ab"].runs, meter.functions["hello", "ab"].errors) == (2, 1)


def test_of_too_many_versions_the_oldest_is_forgotten() -> None:
    meter = Meter()
    deltas = Deltas(meter)
    for number in range(FUNCTIONS_MAX + 1):
        meter.ran(function(version=f"{number:x}"), Finished(output=b""))
    assert len(meter.functions) == FUNCTIONS_MAX
    assert ("hello", "0") not in meter.functions
    assert Sums().take(told(deltas))


PARTS = ("words", "statuses", "functions", "latency_us", "body_bytes", "express_hits", "cpu_us")
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PARTS), inner),
)


@given(plain)
def test_nonsense_from_a_worker_adds_nothing(news: object) -> None:
    sums = Sums()
    if not sums.take(news):
        assert (sums.requests, sums.body_bytes, sums.functions) == (0, 0, {})


def test_one_wrong_part_of_a_worker_s_news_refuses_all_of_them() -> None:
    meter = Meter()
    meter.exchanged(200, 10, 0.001, HIT)
    good = {**Deltas(meter).take(), "cpu_us": 0}
    assert Sums().take(good)
    wrongs: list[dict[str, object]] = [
        {"body_bytes": -1},
        {"body_bytes": True},
        {"cpu_us": 1.5},
        {"statuses": {200: -1}},
        {"statuses": {1000: 1}},
        {"statuses": []},
        {"latency_us": [1]},
        {"latency_us": [5_000, 1]},
        {"functions": [["a"]]},
        {"functions": [["a" * 201, "", 1, 1, 1, []]]},
        {"words": {"Hit from edgefaas": "1"}},
    ]
    for wrong in wrongs:
        assert not Sums().take({**good, **wrong}), wrong


def test_the_hit_ratio_is_of_what_the_cache_could_have_answered() -> None:
    words = Counter({"LambdaGeneratedResponse from edgefaas": 10})
    assert Sums().hit_ratio is None
    assert Sums(words=words).hit_ratio is None
    sums = Sums(words=words + Counter({HIT: 3, "Miss from edgefaas": 1}))
    assert sums.hit_ratio == 0.75
    assert sums.answers(2.0) == {"hit": 1.5, "refreshed": 0, "miss": 0.5, "function": 5, "other": 0}


def test_rates_are_of_the_last_ten_steps_and_curves_of_the_last_minutes() -> None:
    window = LiveWindow(ticks=10, history=12)
    assert window.figures().requests_per_s == 0
    for number in range(20):
        sums = Sums(express_hits=number)
        window.tick(sums, over_s=1.0, at_s=float(number))
    assert window.figures().requests_per_s == sum(range(10, 20)) / 10
    history = window.history()
    assert history["at_s"] == [float(number) for number in range(8, 20)]
    assert history["requests_per_s"] == history["at_s"]
    assert history["hit_ratio"] == [None] * 12


def test_runs_and_errors_are_remembered_when_the_window_has_moved_on() -> None:
    window = LiveWindow(ticks=1)
    meter = Meter()
    deltas = Deltas(meter)
    meter.ran(function(), Threw(message="no"))
    for _ in range(3):
        sums = Sums()
        sums.take(told(deltas))
        window.tick(sums, over_s=1.0, at_s=0.0)
    assert window.figures().functions == ()
    assert window.totals == {("hello", "ab"): (1, 1)}


def test_quantiles_of_the_window_are_those_of_all_answers_and_of_all_workers() -> None:
    meters = [Meter(), Meter()]
    sums = Sums()
    for meter in meters:
        for _ in range(50):
            meter.exchanged(200, 0, 0.002)
        meter.express_hits = 48
        meter.exchanged(200, 0, 1.0)
        sums.take(told(Deltas(meter)))
    window = LiveWindow()
    window.tick(sums, over_s=2.0, at_s=0.0)
    figures = window.figures()
    assert figures.requests_per_s == 99
    assert figures.p50_ms is not None
    assert figures.p99_ms is not None
    assert 1.9 < figures.p50_ms <= 2.0
    assert 960 < figures.p99_ms <= 1000
