"""What POPs tell each other of how they do."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.figures import FUNCTIONS_TOLD_MAX, Figures, FunctionFigures, read_short
from edgefaas.peers import Listener, Teller, probe_key

rates = st.floats(0, 1e9)
functions = st.builds(
    FunctionFigures,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", fullmatch=True),
    version=st.text("0123456789abcdef", max_size=64),
    runs_per_s=rates,
    errors_per_s=rates,
    cpu_ms_per_s=rates,
)
figures = st.builds(
    Figures,
    requests_per_s=rates,
    errors_per_s=rates,
    bytes_per_s=rates,
    hit_ratio=st.none() | st.floats(0, 1),
    p50_ms=st.none() | rates,
    p99_ms=st.none() | rates,
    functions=st.lists(functions, max_size=20).map(tuple),
)


@given(figures)
def test_what_a_pop_tells_is_what_another_reads(told: Figures) -> None:
    read = read_short(json.loads(json.dumps(told.short())))
    assert read is not None
    assert read.requests_per_s == pytest.approx(told.requests_per_s, abs=1e-4)
    assert read.hit_ratio == (None if told.hit_ratio is None else pytest.approx(told.hit_ratio, abs=1e-4))
    assert len(read.functions) == min(len(told.functions), FUNCTIONS_TOLD_MAX)
    assert read.short() == told.short()


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    )
)
def test_what_is_nothing_of_the_kind_is_not_read(plain: object) -> None:
    assert read_short(plain) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"requests_per_s": -1},
        {"requests_per_s": float("nan")},
        {"requests_per_s": "1"},
        {"requests_per_s": True},
        {"hit_ratio": 1.0001},
        {"functions": "a"},
        {"functions": [["<script>", "ab", 1, 1, 1]]},
        {"functions": [["a", "not hex", 1, 1, 1]]},
        {"functions": ["abcde"]},
        {"functions": [["a", "ab", 1, 1, 1]] * (FUNCTIONS_TOLD_MAX + 1)},
    ],
)
def test_one_wrong_figure_makes_all_of_them_unread(wrong: dict[str, Any]) -> None:
    good: dict[str, Any] = Figures().short() | {"functions": [["a", "ab", 1, 1, 1]] * FUNCTIONS_TOLD_MAX}
    assert read_short(good) is not None
    assert read_short(good | wrong) is None


def test_a_pop_hears_how_another_does_only_from_a_signed_answer() -> None:
    key = probe_key(b"secret")
    teller = Teller(here="fra", worker="w", capacity=1, key=key)
    listener = Listener(here="iad", receiver="fra", key=key)
    question = listener.question(1_000.0)
    told = listener.read(teller.answer(question, {}, now_s=0, wall_s=1_000.0).encode())
    assert told is not None
    assert told.live is None  # an older POP, or one that has just begun
    teller.live = Figures(requests_per_s=12.5).short()
    answer = teller.answer(question, {}, now_s=0, wall_s=1_000.0)
    told = listener.read(answer.encode())
    assert told is not None
    assert told.live == Figures(requests_per_s=12.5)
    assert "12.5" not in teller.answer(None, {}, now_s=0, wall_s=1_000.0)
    assert listener.read(answer.replace("12.5", "13.5").encode()) is None
