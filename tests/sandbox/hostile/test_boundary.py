"""The boundary under random values: whatever a guest passes, it ends as documented and the host stays right."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.contract import Finished, Limit, Limits, OverLimit, Trapped
from tests.sandbox.guests import RecordingHost, event_module, run
from tests.sandbox.test_hostcalls import CALL, ENV, LOG, RANDOM, TAKE

MEMORY_BYTES = 2 * 65_536
interesting = st.one_of(
    st.sampled_from(
        [0, 1, 4095, MEMORY_BYTES - 1, MEMORY_BYTES, MEMORY_BYTES + 1, 2**31 - 1, 2**31, 2**32 - 1]
    ),
    st.integers(0, 2**32 - 1),
)
FIXTURE = HealthCheck.function_scoped_fixture
LIMITS = Limits(output_bytes=100_000, log_bytes=1_000)


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[FIXTURE])
@given(pointer=interesting, length=interesting)
def test_any_result_pointer_is_copied_limited_or_trapped(tmp_path: Path, pointer: int, length: int) -> None:
    text = event_module(f"(i64.const {pointer << 32 | length})", extra='(data (i32.const 0) "some data")')
    outcome = run(tmp_path, text, b"event", limits=LIMITS)
    if length > LIMITS.output_bytes:
        assert isinstance(outcome, OverLimit)
        assert outcome.limit is Limit.OUTPUT
    elif pointer + length > MEMORY_BYTES:
        assert isinstance(outcome, Trapped)
    else:
        assert isinstance(outcome, Finished)
        assert len(outcome.output) == length


CALLS = {
    "log": (LOG, "(call $log (i32.const 1) {0} {1})"),
    "random": (RANDOM, "(call $random {0} {1})"),
    "env": (ENV, "(drop (call $env {0} {1}))"),
    "take": (TAKE, "(drop (call $take {0} {1}))"),
    "call": (CALL, "(drop (call $call {0} {1} {2} {3}))"),
}


@pytest.mark.slow
@settings(max_examples=120, deadline=None, suppress_health_check=[FIXTURE])
@given(
    name=st.sampled_from(sorted(CALLS)), numbers=st.tuples(interesting, interesting, interesting, interesting)
)
def test_any_argument_of_a_host_function_is_used_or_trapped(
    tmp_path: Path, name: str, numbers: tuple[int, int, int, int]
) -> None:
    imports, call = CALLS[name]
    arguments = [f"(i32.const {number})" for number in numbers]
    text = event_module(
        f"{call.format(*arguments)} (call $pack (local.get $pointer) (i32.const 0))", imports=imports
    )
    host = RecordingHost({"A": "one"}, calls={"": lambda payload: payload})
    outcome = run(tmp_path, text, b"event", limits=LIMITS, host=host)
    assert isinstance(outcome, Finished | Trapped), outcome
    ranges = [numbers[:2], numbers[2:]] if name == "call" else [numbers[:2]]
    inside = all(pointer + length <= MEMORY_BYTES for pointer, length in ranges)
    if inside and name != "random":
        assert isinstance(outcome, Finished)
    assert sum(len(line) for _, line in host.lines) <= LIMITS.log_bytes + 100
