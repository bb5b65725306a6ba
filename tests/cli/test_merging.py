"""Lines of several POPs in the order of their times."""

from hypothesis import given
from hypothesis import strategies as st

from cli.merging import HOLD_S, Line, Merge, in_order


def line(at_s: float, text: str = "") -> Line:
    return {"at_s": at_s, "text": text}


# Lines as they come: when they were written, and how late each is.
late = st.floats(0, HOLD_S * 0.9)
arrivals = st.lists(st.tuples(st.floats(0, 100), late), max_size=60)


@given(arrivals)
def test_lines_that_come_within_the_hold_are_shown_in_the_order_of_their_times(
    lines: list[tuple[float, float]],
) -> None:
    merge = Merge()
    shown: list[float] = []
    for at_s, behind_s in sorted(lines, key=lambda item: item[0] + item[1]):
        now_s = at_s + behind_s
        shown += [told["at_s"] for told in merge.ready(now_s=now_s)]
        merge.add(line(at_s), now_s=now_s)
    shown += [told["at_s"] for told in merge.rest()]
    assert shown == sorted(at_s for at_s, _ in lines)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=60))
def test_every_line_is_shown_once_and_none_is_held_for_longer(lines: list[tuple[float, float]]) -> None:
    merge = Merge()
    shown = 0
    for at_s, now_s in sorted(lines, key=lambda item: item[1]):
        shown += sum(1 for _ in merge.ready(now_s=now_s))
        merge.add(line(at_s), now_s=now_s)
        wait_s = merge.wait_s(now_s=now_s)
        assert wait_s is not None
        assert wait_s <= HOLD_S + 1e-9
    shown += sum(1 for _ in merge.ready(now_s=1_000))
    assert shown == len(lines)
    assert merge.wait_s(now_s=1_000) is None


def test_lines_of_the_same_instant_stay_in_the_order_in_which_they_came() -> None:
    merge = Merge()
    for text in "abc":
        merge.add(line(1, text), now_s=0)
    assert [told["text"] for told in merge.ready(now_s=1)] == ["a", "b", "c"]


def test_of_what_was_there_before_the_last_lines_are_shown() -> None:
    assert [told["at_s"] for told in in_order([line(3), line(1), line(2)], limit=2)] == [2, 3]
