"""Health: slow to believe, at once when a POP says that it drains, gently on return."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from router.health import Health, HealthPolicy, HealthState

POLICY = HealthPolicy(rise=2, fall=3, slow_start_s=30, first_share=0.1)


def health(*results: bool, policy: HealthPolicy = POLICY) -> Health:
    found = Health(policy)
    for at_s, ok in enumerate(results):
        found.probed(ok=ok, now_s=at_s)
    return found


def test_a_pop_that_was_never_probed_is_used() -> None:
    assert health().share(0) == 1
    assert health().state is HealthState.UNKNOWN


def test_a_pop_goes_down_at_the_third_failure_in_a_row_and_not_before() -> None:
    assert health(True, False, False).share(3) == 1
    assert health(True, False, False, False).share(4) == 0
    assert health(True, False, False, True, False, False).share(6) == 1


def test_a_pop_comes_up_at_the_second_success_in_a_row_and_not_before() -> None:
    down = (False, False, False)
    assert health(*down, True).state is HealthState.DOWN
    assert health(*down, True, True).state is HealthState.WARMING
    assert health(*down, True, False, True).state is HealthState.DOWN


def test_a_pop_that_returns_gets_its_viewers_little_by_little() -> None:
    back = health(False, False, False, True, True)  # warming since second 4
    assert back.share(4) == 0.1
    assert back.share(19) == 0.55
    assert back.share(33.9) < 1
    assert back.share(34) == 1
    back.probed(ok=True, now_s=34)
    assert back.state is HealthState.UP


def test_a_pop_that_drains_gets_nobody_at_once() -> None:
    draining = health(True, True)
    assert draining.probed(ok=True, draining=True, now_s=3)
    assert draining.share(3) == 0
    assert draining.state is HealthState.DRAINING


def test_a_change_is_reported_once() -> None:
    found = Health(HealthPolicy(fall=1))
    assert found.probed(ok=True, now_s=0)
    assert not found.probed(ok=True, now_s=1)
    assert found.probed(ok=False, now_s=2)
    assert not found.failed_request(now_s=3)
    assert found.since_s == 2


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 60))))
def test_the_share_is_always_between_none_and_all(steps: list[tuple[bool, bool, float]]) -> None:
    found, now_s = Health(POLICY), 0.0
    for ok, draining, wait_s in steps:
        now_s += wait_s
        found.probed(ok=ok, draining=draining, now_s=now_s)
        assert 0 <= found.share(now_s) <= 1


class HealthMachine(RuleBasedStateMachine):
    """A flapping POP never changes state more often than its thresholds allow."""

    def __init__(self) -> None:
        super().__init__()
        self.health = Health(POLICY)
        self.now_s = 0.0
        self.row: list[bool] = []

    @rule(ok=st.booleans())
    def probe(self, ok: bool) -> None:
        self.now_s += 1
        self.row.append(ok)
        self.health.probed(ok=ok, now_s=self.now_s)

    @invariant()
    def down_only_after_fall_failures(self) -> None:
        if self.row[-3:] == [False] * 3:
            assert self.health.state is HealthState.DOWN
        if self.health.state is HealthState.WARMING:
            assert True in self.row[-3:]


TestHealthMachine = HealthMachine.TestCase
