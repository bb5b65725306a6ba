"""Interim responses reach a viewer only while it waits."""

from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errands import Interim
from edgefaas.message import Headers


@given(st.lists(st.sampled_from([102, 103])), st.lists(st.sampled_from([102, 103])))
def test_interim_responses_pass_until_the_viewer_is_answered_and_no_later(
    early: list[int], late: list[int]
) -> None:
    passed: list[int] = []

    def take(status: int, headers: Headers) -> None:
        passed.append(status)

    with Interim(take) as interim:
        for status in early:
            interim(status, Headers())
    for status in late:
        interim(status, Headers())
    assert passed == early
