"""Every sample function gives the response that its folder promises, in a real sandbox."""

import json
from pathlib import Path

import pytest

from cli.toolchains import missing
from edgefaas.control.bundle import Bundle
from edgefaas.events import decode_result
from edgefaas.functions import read_build
from edgefaas.gateway import GATEWAY_KINDS, read_letter
from sandbox import Finished, OverLimit
from tests.samples.replay import sent_from
from tests.samples.running import Ran, bundle_of, run_all, task_of

FOLDER = Path(__file__).parents[2] / "sample_functions"
NAMES = sorted(
    path.parent.relative_to(FOLDER).as_posix()
    for path in FOLDER.rglob("function.toml")
    if not path.relative_to(FOLDER).parts[0].startswith(("demo", "."))
)


def lacks(name: str) -> str:
    """Return the command that installs what a sample needs to be built; "" when it is here."""
    step = read_build(FOLDER / name)
    return missing(step.needs, FOLDER / name) if step else ""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Bundle, Ran]]:
    names = [name for name in NAMES if not lacks(name)]
    bundles = [bundle_of(FOLDER / name) for name in names]
    tasks = [
        task_of(bundle, (FOLDER / name / "request.json").read_bytes(), FOLDER / name / "kv.json")
        for name, bundle in zip(names, bundles, strict=True)
    ]
    results = run_all(tasks, tmp_path_factory.mktemp("artifacts"))
    return dict(zip(names, zip(bundles, results, strict=True), strict=True))


@pytest.mark.slow
@pytest.mark.timeout(900)  # the first to run builds them all, and compilers take their time
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_gives_the_response_that_its_folder_promises(
    name: str, ran: dict[str, tuple[Bundle, Ran]]
) -> None:
    if command := lacks(name):
        pytest.skip(f"it cannot be built here; run {command}")
    bundle, result = ran[name]
    outcome, kind = result.outcome, bundle.source.kind
    expected = FOLDER / name / "response.json"
    if expected.exists():
        assert isinstance(outcome, Finished), result
        output = outcome.output
        if kind in GATEWAY_KINDS:
            output = read_letter(kind, (FOLDER / name / "request.json").read_bytes()).result(output)
        assert json.loads(output) == json.loads(expected.read_text())
        return
    promised = json.loads((FOLDER / name / "expected.json").read_text())
    outcomes = promised["outcome"] if isinstance(promised["outcome"], list) else [promised["outcome"]]
    assert type(outcome).__name__.lower() in outcomes
    if isinstance(outcome, OverLimit):
        assert outcome.limit == promised["limit"]
        assert outcome.allowed == promised.get("allowed", outcome.allowed)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_has_a_readme_of_about_ten_lines_and_what_it_promises(name: str) -> None:
    folder = FOLDER / name
    assert 5 <= len((folder / "README.md").read_text().splitlines()) <= 20
    assert (folder / "response.json").exists() != (folder / "expected.json").exists()


@pytest.mark.parametrize("name", NAMES)
def test_the_event_of_a_sample_is_one_that_the_pop_sends_and_its_response_is_allowed(name: str) -> None:
    event = json.loads((FOLDER / name / "request.json").read_text())
    sent = sent_from(event)
    assert json.loads(sent.payload) == event
    if (FOLDER / name / "response.json").exists():
        decode_result(sent, (FOLDER / name / "response.json").read_bytes())
