"""A deploy is everywhere or nowhere, whatever fails."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefaas.control.orders import ConflictError, InUseError, Order, Terms
from edgefaas.errors import DeployError, StateError, UnknownFunctionError
from sandbox.contract import Built, Source
from sandbox.errors import CompileError
from tests.edgefaas.control.making import bundle
from tests.edgefaas.control.plane import Plane

ME = Order(actor="me")


@pytest.fixture
def plane(tmp_path: Path) -> Plane:
    return Plane(tmp_path)


def test_a_deploy_is_in_workers_on_disk_and_told(plane: Plane) -> None:
    (done,) = asyncio.run(plane.deployer.deploy([bundle(text="one")], ME))
    assert (done.name, done.number, done.previous, done.changed) == ("hello", 1, None, True)
    assert done.warnings == ("careful",)
    assert plane.workers.running == {"hello": "one"}
    plane.agrees()


def test_the_same_again_changes_nothing_and_activates_nothing(plane: Plane) -> None:
    asyncio.run(plane.deployer.deploy([bundle(text="one")], ME))
    (done,) = asyncio.run(plane.deployer.deploy([bundle(text="one")], ME))
    assert (done.changed, plane.workers.activations) == (False, 1)


@pytest.mark.parametrize("text", ["wrong", "refuse"])
def test_of_several_functions_none_goes_live_when_one_cannot(plane: Plane, text: str) -> None:
    asyncio.run(plane.deployer.deploy([bundle(text="one")], ME))
    with pytest.raises(DeployError):
        asyncio.run(plane.deployer.deploy([bundle(text="two"), bundle("other", text)], ME))
    assert plane.workers.running == {"hello": "one"}
    plane.agrees()


def test_a_function_named_twice_is_refused(plane: Plane) -> None:
    with pytest.raises(DeployError, match="twice"):
        asyncio.run(plane.deployer.deploy([bundle(text="one"), bundle(text="two")], ME))


def test_a_compile_error_says_function_file_and_line(plane: Plane) -> None:
    with pytest.raises(DeployError, match=r'"hello" does not compile: index\.js, line 2: it is wrong'):
        asyncio.run(plane.deployer.deploy([bundle(text="wrong")], ME))


def test_a_disk_that_fails_at_the_last_step_puts_the_workers_back(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(plane.deployer.deploy([bundle(text="one")], ME))

    def fail(*_: object, **__: object) -> None:
        raise StateError("the disk is full", remedy="Free some room.")

    monkeypatch.setattr(plane.store, "set_live", fail)
    with pytest.raises(StateError):
        asyncio.run(plane.deployer.deploy([bundle(text="two")], ME))
    assert plane.workers.running == {"hello": "one"}
    plane.agrees()


def test_who_expects_nothing_live_is_refused_when_something_is(plane: Plane) -> None:
    first = Order(actor="me", expected="")
    asyncio.run(plane.deployer.deploy([bundle(text="one")], first))
    with pytest.raises(ConflictError):
        asyncio.run(plane.deployer.deploy([bundle(text="two")], first))
    known = plane.deployer.live["hello"].version
    asyncio.run(plane.deployer.deploy([bundle(text="two")], Order(actor="me", expected=known[:12])))
    assert plane.workers.running == {"hello": "two"}


def test_what_was_live_is_live_after_a_restart_and_offered_to_the_builder(tmp_path: Path) -> None:
    first = Plane(tmp_path)
    asyncio.run(first.deployer.deploy([bundle("a", "one"), bundle("b", "two")], ME))
    first.store.close()
    second = Plane(tmp_path)
    assert asyncio.run(second.deployer.restore()) == []
    assert sorted(second.builder.built) == ["one", "two"]
    assert second.deployer.live == first.deployer.live


def test_a_stored_function_that_no_longer_builds_is_left_out_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Plane(tmp_path)
    asyncio.run(first.deployer.deploy([bundle("a", "one"), bundle("b", "two")], ME))
    first.store.close()
    second = Plane(tmp_path)
    build = second.builder.build

    async def picky(source: Source) -> Built:
        if b"one" in source.files.values():
            raise CompileError("not any more", remedy="Mend it.")
        return await build(source)

    monkeypatch.setattr(second.builder, "build", picky)
    (warning,) = asyncio.run(second.deployer.restore())
    assert 'Function "a" is stored but cannot be run' in warning
    assert set(second.deployer.live) == {"b"}


def test_rollback_without_a_version_goes_back_and_forth(plane: Plane) -> None:
    for text in ("one", "two"):
        asyncio.run(plane.deployer.deploy([bundle(text=text)], ME))
    for expected in ("one", "two", "one"):
        asyncio.run(plane.deployer.rollback("hello", None, Order(actor="me", action="rollback")))
        assert plane.workers.running == {"hello": expected}
        plane.agrees()


def test_a_function_with_one_version_cannot_be_rolled_back(plane: Plane) -> None:
    asyncio.run(plane.deployer.deploy([bundle(text="one")], ME))
    with pytest.raises(UnknownFunctionError, match="no version before"):
        asyncio.run(plane.deployer.rollback("hello", None, ME))
    with pytest.raises(UnknownFunctionError):
        asyncio.run(plane.deployer.rollback("unknown", None, ME))


def test_removing_needs_nobody_who_uses_it(plane: Plane) -> None:
    asyncio.run(plane.deployer.deploy([bundle(text="one")], ME))
    with pytest.raises(InUseError, match='behaviour "x"'):
        asyncio.run(plane.deployer.remove("hello", ME, used_by=['behaviour "x"']))
    asyncio.run(plane.deployer.remove("hello", ME))
    assert plane.workers.running == {}
    with pytest.raises(UnknownFunctionError):
        asyncio.run(plane.deployer.remove("hello", ME))


steps = st.lists(
    st.tuples(
        st.sampled_from(["deploy", "canary", "promote", "rollback", "remove", "prune"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["one", "two", "wrong", "refuse"]),
    ),
    max_size=12,
)


@pytest.mark.slow
@given(steps=steps)
@settings(max_examples=25, deadline=None)
def test_disk_memory_and_workers_agree_after_any_changes_at_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    async def change(plane: Plane, step: tuple[str, str, str]) -> None:
        action, name, text = step
        try:
            if action == "deploy":
                await plane.deployer.deploy([bundle(name, text)], ME)
            elif action == "canary":
                await plane.deployer.deploy([bundle(name, text)], ME, Terms(share=1_000))
            elif action == "promote":
                await plane.deployer.promote(name, ME)
            elif action == "prune":
                await plane.deployer.house.prune(1)
            elif action == "rollback":
                await plane.deployer.rollback(name, None, ME)
            else:
                await plane.deployer.remove(name, ME)
        except DeployError:
            pass  # refused: and then nothing may have changed, which is what is checked

    async def all_at_once(plane: Plane) -> None:
        await asyncio.gather(*(change(plane, step) for step in steps))

    plane = Plane(tmp_path_factory.mktemp("plane"))
    asyncio.run(all_at_once(plane))
    plane.agrees()
    plane.store.close()
