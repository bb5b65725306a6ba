"""A canary is for some, becomes everybody's or nobody's, and never anything between."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgefaas.arms import canary_of
from edgefaas.contract import Live
from edgefaas.control.healthcheck import Check, HealthCheckError
from edgefaas.control.orders import NoCanaryError, Order, Terms
from edgefaas.control.rollout import Rule
from edgefaas.errors import DeployError, StateError, UnknownFunctionError
from edgefaas.split import Affinity
from sandbox.contract import Built, Source
from sandbox.errors import CompileError
from tests.edgefaas.control.making import bundle
from tests.edgefaas.control.plane import Plane

ME = Order(actor="me")
TEN = Terms(share=1_000)


@pytest.fixture
def plane(tmp_path: Path) -> Plane:
    plane = Plane(tmp_path)
    asyncio.run(plane.deployer.deploy([bundle("a", "old"), bundle("b", "old-too")], ME))
    return plane


def deploy(plane: Plane, terms: Terms = TEN, **texts: str) -> Any:
    return asyncio.run(plane.deployer.deploy([bundle(name, text) for name, text in texts.items()], ME, terms))


def actions(plane: Plane, name: str = "a") -> list[str]:
    return [change.action for change in plane.store.history(name)]


def test_a_canary_runs_beside_what_is_live(plane: Plane) -> None:
    (done,) = deploy(plane, a="new")
    assert (done.share, done.changed, done.previous) == (1_000, True, plane.store.live()["a"].version)
    assert plane.workers.running == {"a": "old", "b": "old-too", "a@canary": "new"}
    plane.agrees()


def test_promoted_it_is_live_and_the_way_back_is_what_was_live_before(plane: Plane) -> None:
    deploy(plane, a="new")
    (done,) = asyncio.run(plane.deployer.promote("a", ME))
    assert done.share == 10_000
    assert plane.workers.running == {"a": "new", "b": "old-too"}
    plane.agrees()
    asyncio.run(plane.deployer.rollback("a", None, ME))
    assert plane.workers.running == {"a": "old", "b": "old-too"}


def test_rolled_back_it_is_gone_and_what_was_live_was_never_touched(plane: Plane) -> None:
    deploy(plane, a="new")
    done = asyncio.run(plane.deployer.rollback("a", None, ME))
    assert (done.ended, done.version) == (("a",), plane.store.live()["a"].version)
    assert plane.workers.running == {"a": "old", "b": "old-too"}
    plane.agrees()
    with pytest.raises(UnknownFunctionError, match="no version before"):
        asyncio.run(plane.deployer.rollback("a", None, ME))  # the canary is no place to go back to


def test_what_was_deployed_together_is_promoted_and_rolled_back_together(plane: Plane) -> None:
    deploy(plane, a="new", b="new-too")
    assert len({item.salt for item in plane.store.rollouts().values()}) == 1
    asyncio.run(plane.deployer.promote("b", ME))
    assert plane.workers.running == {"a": "new", "b": "new-too"}
    deploy(plane, a="newer", b="newer-too")
    done = asyncio.run(plane.deployer.rollback("a", None, ME))
    assert done.ended == ("a", "b")
    assert plane.workers.running == {"a": "new", "b": "new-too"}
    plane.agrees()


def test_growing_keeps_salt_and_affinity_and_so_its_viewers(plane: Plane) -> None:
    deploy(plane, Terms(share=1_000, affinity=Affinity("cookie", "session")), a="new", b="new-too")
    before = plane.store.rollouts()
    deploy(plane, Terms(share=5_000), a="new", b="new-too")
    asyncio.run(plane.deployer.promote("a", ME, share=7_500))
    asyncio.run(plane.deployer.deploy([bundle("a", "new")], ME, Terms(share=8_000)))
    after = plane.store.rollouts()
    for name in ("a", "b"):
        assert (after[name].salt, after[name].affinity) == (before[name].salt, before[name].affinity)
    assert (after["a"].share, after["b"].share) == (8_000, 7_500)
    split = plane.deployer.running[canary_of("b")].split
    assert split is not None
    assert split.share == 7_500


def test_another_canary_takes_the_place_of_the_one_before_and_has_other_viewers(plane: Plane) -> None:
    deploy(plane, a="new")
    salt = plane.store.rollouts()["a"].salt
    deploy(plane, a="newer")
    assert plane.workers.running[canary_of("a")] == "newer"
    assert plane.store.rollouts()["a"].salt != salt
    plane.agrees()


def test_a_deploy_to_everybody_ends_the_canary(plane: Plane) -> None:
    for text in ("newest", "old"):  # another version; what is live already
        deploy(plane, a="new")
        (done,) = deploy(plane, Terms(), a=text)
        assert done.ended == ("a",)
        assert canary_of("a") not in plane.workers.running
        plane.agrees()
        deploy(plane, Terms(), a="old")


def test_what_is_live_already_is_no_canary(plane: Plane) -> None:
    (done,) = deploy(plane, a="old")
    assert (done.changed, done.share, plane.store.rollouts()) == (False, 10_000, {})


def test_a_function_without_a_live_version_has_no_canary(plane: Plane) -> None:
    with pytest.raises(DeployError, match="no version of it is live"):
        deploy(plane, a="new", c="first")
    assert plane.workers.running == {"a": "old", "b": "old-too"}
    plane.agrees()


def test_there_must_be_a_canary_to_promote(plane: Plane) -> None:
    with pytest.raises(NoCanaryError, match="has no canary"):
        asyncio.run(plane.deployer.promote("a", ME))
    with pytest.raises(UnknownFunctionError):
        asyncio.run(plane.deployer.promote("unknown", ME))


def test_a_canary_that_a_worker_refuses_leaves_everything_as_it_was(plane: Plane) -> None:
    with pytest.raises(DeployError):
        deploy(plane, a="new", b="refuse")
    assert plane.workers.running == {"a": "old", "b": "old-too"}
    plane.agrees()


def test_a_removed_function_takes_its_canary_along(plane: Plane) -> None:
    deploy(plane, a="new", b="new-too")
    asyncio.run(plane.deployer.remove("a", ME))
    assert plane.workers.running == {"b": "old-too", "b@canary": "new-too"}
    plane.agrees()


def test_a_canary_and_its_share_survive_a_restart(plane: Plane, tmp_path: Path) -> None:
    deploy(plane, Terms(share=123, affinity=Affinity("header", "x-user"), rule=Rule()), a="new")
    running, rollouts = plane.deployer.running, plane.store.rollouts()
    plane.store.close()
    second = Plane(tmp_path)
    assert asyncio.run(second.deployer.restore()) == []
    assert second.deployer.running == running
    assert second.store.rollouts() == rollouts
    assert second.deployer.rollouts_changed.is_set()


def test_a_canary_beside_a_version_that_no_longer_runs_can_be_taken_back(
    plane: Plane, tmp_path: Path
) -> None:
    """It was taken back, and then the answer was an error of ours."""
    deploy(plane, a="new")
    previous = plane.deployer.live["a"].version
    plane.store.close()
    second = Plane(tmp_path)

    async def main() -> None:
        (warning, *_) = await second.deployer.restore()
        assert "it is wrong" in warning
        done = await second.deployer.rollback("a", None, ME)
        assert (done.version, done.ended) == (previous, ("a",))

    build = second.builder.build

    async def picky(source: Source) -> Built:
        if source.files[source.entry] == b"old":
            raise CompileError("it is wrong", remedy="Right it.")
        return await build(source)

    second.builder.build = picky  # type: ignore[method-assign]
    asyncio.run(main())
    assert "a" not in second.store.rollouts()


def test_a_version_handles_its_test_event_before_any_viewer_gets_it(plane: Plane) -> None:
    check = Check(event={"a": 1}, expect={"status": "200"})
    seen: list[Mapping[str, str]] = []
    activate = plane.workers.activate

    async def recording(functions: Mapping[str, Live]) -> None:
        await activate(functions)
        seen.append(dict(plane.workers.running))

    plane.workers.activate = recording  # type: ignore[method-assign]  # watched, not replaced
    (done,) = deploy(plane, Terms(checks={"a": check}), a="new")
    assert done.checked
    assert seen == [
        {"a": "old", "b": "old-too", "a@trial": "new"},
        {"a": "new", "b": "old-too"},
    ]
    plane.agrees()


@pytest.mark.parametrize("share", [None, 1_000])
@pytest.mark.parametrize(
    ("text", "check", "why"),
    [
        ("throws", Check(event={}), "it threw"),
        ("new", Check(event={}, expect={"status": "404"}), "expected at status"),
        ("new", Check(event={}, expect={"body": "x"}), "expected at body"),
    ],
)
def test_a_version_that_fails_its_check_changes_nothing(
    plane: Plane, share: int | None, text: str, check: Check, why: str
) -> None:
    before = actions(plane)
    with pytest.raises(HealthCheckError, match=why):
        deploy(plane, Terms(share=share, checks={"a": check}), a=text, b="new-too")
    assert plane.workers.running == {"a": "old", "b": "old-too"}
    assert actions(plane) == ["refused", *before]
    assert why in plane.store.history("a")[0].reason
    plane.agrees()
    with pytest.raises(UnknownFunctionError, match="no version before"):
        asyncio.run(plane.deployer.rollback("a", None, ME))


def test_a_disk_that_fails_puts_canaries_back(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StateError("the disk is full", remedy="Free some room.")

    with monkeypatch.context() as patch:
        patch.setattr(plane.store, "begin_canaries", fail)
        with pytest.raises(StateError):
            deploy(plane, a="new")
    plane.agrees()
    deploy(plane, a="new")
    monkeypatch.setattr(plane.store, "end_rollouts", fail)
    with pytest.raises(StateError):
        asyncio.run(plane.deployer.rollback("a", None, ME))
    assert plane.workers.running[canary_of("a")] == "new"
    plane.agrees()


def test_a_watched_version_is_taken_back_with_its_reason_in_the_history(plane: Plane) -> None:
    rule = Rule(window_s=60)
    (one, two) = deploy(plane, Terms(rule=rule), a="new", b="new-too")
    assert one.watched
    assert two.watched
    (salt,) = {item.salt for item in plane.store.rollouts().values()}
    group = asyncio.run(plane.deployer.take_back(salt, "too many errors"))
    assert {item.function for item in group} == {"a", "b"}
    assert plane.workers.running == {"a": "old", "b": "old-too"}
    assert plane.store.rollouts() == {}
    change = plane.store.history("b")[0]
    assert (change.action, change.actor, change.reason) == ("rollback", "health check", "too many errors")
    plane.agrees()


def test_a_taken_back_canary_leaves_live_alone_and_its_reason_behind(plane: Plane) -> None:
    deploy(plane, a="new")
    asyncio.run(plane.deployer.take_back(plane.store.rollouts()["a"].salt, "too many errors"))
    assert plane.workers.running == {"a": "old", "b": "old-too"}
    assert plane.store.history("a")[0].reason == "too many errors"
    plane.agrees()


def test_a_first_version_has_no_way_back_and_is_not_watched(plane: Plane) -> None:
    (done,) = deploy(plane, Terms(rule=Rule()), c="first")
    assert not done.watched
    assert plane.store.rollouts() == {}


def test_what_is_deployed_meanwhile_is_watched_no_longer(plane: Plane) -> None:
    deploy(plane, Terms(rule=Rule()), a="new")
    salt = plane.store.rollouts()["a"].salt
    deploy(plane, Terms(), a="newer")
    assert plane.store.rollouts() == {}
    asyncio.run(plane.deployer.take_back(salt, "too late"))
    assert plane.workers.running["a"] == "newer"
