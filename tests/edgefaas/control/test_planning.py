"""A plan says what differs from what is live, before anything is done."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.control.bundle import Bundle
from edgefaas.control.planning import Step, outline_of, planned, read_outline
from edgefaas.control.records import Version
from edgefaas.control.rollout import Rollout
from edgefaas.errors import DeployError
from edgefaas.split import Affinity
from sandbox.contract import Kind, Limits, Source
from tests.edgefaas.control.making import bundle, version


def plan(
    made: Bundle, live: Version | None = None, rollout: Rollout | None = None, *, canary: bool = False
) -> Step:
    versions = [live] if live else []
    return planned(read_outline(outline_of(made)), live, rollout, versions, canary=canary)


def live_of(made: Bundle) -> Version:
    outline = read_outline(outline_of(made))
    return replace(version(), version=made.version, files=outline.files, settings=made.settings, number=7)


texts = st.dictionaries(st.sampled_from(["index.js", "a.js", "b.js"]), st.binary(max_size=3))


@given(before=texts, after=texts)
def test_every_file_that_differs_is_told_and_no_other(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    old, new = (
        Bundle(name="hello", source=Source(kind=Kind.JS, files={"index.js": b"", **files}, entry="index.js"))
        for files in (before, after)
    )
    step = plan(new, live_of(old))
    told = {line[2:]: line[0] for line in step.files}
    old_files, new_files = old.source.files, new.source.files
    for name in {*old_files, *new_files}:
        if old_files.get(name) == new_files.get(name):
            assert name not in told
        else:
            assert told[name] == ("+" if name not in old_files else "-" if name not in new_files else "~")
    assert (step.change == "unchanged") == (not told)


def test_settings_are_told_by_name_and_never_by_value() -> None:
    old = bundle(environment={"KEY": "secret one", "GONE": "x"}, limits=Limits(cpu_ms=10))
    step = plan(bundle(environment={"KEY": "secret two", "NEW": "y"}, limits=Limits(cpu_ms=20)), live_of(old))
    assert step.settings == [
        "- environment.GONE",
        "~ environment.KEY",
        "+ environment.NEW",
        "~ limits.cpu_ms",
    ]
    assert "secret" not in repr(step)


def test_what_was_never_there_is_new_and_what_is_stored_has_its_number() -> None:
    assert (plan(bundle()).change, plan(bundle()).known) == ("new", None)
    step = plan(bundle(), live_of(bundle()))
    assert (step.change, step.live, step.known) == ("unchanged", "v7", 7)


def test_a_canary_that_would_end_is_told() -> None:
    old, new = bundle(text="old"), bundle(text="new")
    rollout = Rollout(
        function="hello",
        version=new.version,
        previous=old.version,
        share=1_000,
        affinity=Affinity(),
        salt="s",
        since_s=0.0,
    )
    assert "with 10 % of the viewers" in plan(old, live_of(old), rollout).ends
    assert plan(bundle(text="newer"), live_of(old), rollout, canary=True).ends
    assert plan(new, live_of(old), rollout, canary=True).ends == ""  # it grows
    assert plan(new, live_of(old), replace(rollout, share=10_000)).ends == ""  # it is everybody's already


GOOD = outline_of(bundle())


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"kind": "perl"},
        {"entry": 1},
        {"files": []},
        {"files": {"a": 1}},
        {"settings": 1},
        {"x": 1},
    ],
)
def test_what_is_no_outline_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DeployError):
        read_outline(GOOD | change)
