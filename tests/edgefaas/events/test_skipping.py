"""Which triggers are skipped, what is stored of generated responses, and the words of X-Cache."""

import pytest

from edgefaas.errors import FunctionExecutionError, FunctionThrottledError, FunctionValidationError
from edgefaas.events.skipping import (
    failure_word,
    generated_word,
    may_store_generated,
    runs_origin_response,
    runs_viewer_response,
)
from edgefaas.site import Trigger
from tests.edgefaas.events.builders import FUNCTIONS, LAMBDA


def test_origin_response_runs_only_for_what_the_origin_answered_just_now() -> None:
    assert runs_origin_response(from_cache=False, generated_by=None)
    assert not runs_origin_response(from_cache=True, generated_by=None)
    assert not runs_origin_response(from_cache=False, generated_by=Trigger.ORIGIN_REQUEST)


@pytest.mark.parametrize(
    ("status", "runs"), [(200, True), (304, True), (399, True), (400, False), (503, False)]
)
def test_viewer_response_is_skipped_when_the_origins_status_is_an_error(status: int, runs: bool) -> None:
    assert runs_viewer_response(origin_status=status, generated_by=None) is runs


def test_viewer_response_is_skipped_after_a_viewer_request_answer_an_error_page_and_an_https_redirect() -> (
    None
):
    assert not runs_viewer_response(origin_status=200, generated_by=Trigger.VIEWER_REQUEST)
    assert not runs_viewer_response(origin_status=200, generated_by=None, error_page=True)
    assert not runs_viewer_response(origin_status=200, generated_by=None, https_redirect=True)
    assert runs_viewer_response(origin_status=200, generated_by=Trigger.ORIGIN_REQUEST)


def test_only_origin_request_answers_are_stored() -> None:
    assert may_store_generated(Trigger.ORIGIN_REQUEST)
    assert not may_store_generated(Trigger.VIEWER_REQUEST)


def test_the_words_of_x_cache_follow_the_api() -> None:
    assert generated_word(LAMBDA) == "LambdaGeneratedResponse"
    assert generated_word(FUNCTIONS) == "FunctionGeneratedResponse"
    words = {
        FunctionValidationError: ("LambdaValidationError", "FunctionValidationError"),
        FunctionExecutionError: ("LambdaExecutionError", "FunctionExecutionError"),
        FunctionThrottledError: ("LambdaLimitExceeded", "FunctionThrottledError"),
    }
    for error, (in_lambda, in_functions) in words.items():
        assert failure_word(LAMBDA, error("x", remedy="y")) == in_lambda
        assert failure_word(FUNCTIONS, error("x", remedy="y")) == in_functions
