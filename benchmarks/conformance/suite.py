"""Install the suite, start its origin and a POP in front of it on loopback, and run its client."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.conformance.score import Case, Kind, Outcome, outcome_of
from benchmarks.server import Server, free_port

VERSION = "0.4.5"
PACKAGE = f"http-cache-tests@{VERSION}"
HERE = Path(__file__).parent
INSTALLED = HERE.parent.parent / ".cache" / f"http-cache-tests-{VERSION}"
INSTALL_TIMEOUT_S = 300
RUN_TIMEOUT_S = 300
ATTEMPTS = 3  # tests with pauses of 3 s around lifetimes of 2 s can fail on a machine that stops for a moment
SITE = """\
[site]
name = "conformance"
access_log = "off"

[origins.suite]
url = "http://127.0.0.1:{port}"

[[behaviors]]
path = "*"
origin = "suite"
"""


class UnavailableError(Exception):
    """The suite cannot run on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Run:
    """The suite's tests and how each ended; ``repeated`` counts those that were given another attempt."""

    tests: Sequence[Case]
    outcomes: dict[str, Outcome]
    repeated: int = 0


def install() -> Path:
    """Return the suite's folder, installed by npm where it is not yet. Raises UnavailableError."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise UnavailableError(f"{program} is not on this machine (apt-get install nodejs npm)")
    suite = INSTALLED / "node_modules" / "http-cache-tests"
    if (suite / "package.json").is_file() and (INSTALLED / "node_modules" / "node-fetch").is_dir():
        return suite
    INSTALLED.parent.mkdir(parents=True, exist_ok=True)
    # Installed beside and renamed: an install that is broken off, or another at the same time, leaves nothing half.
    with tempfile.TemporaryDirectory(dir=INSTALLED.parent) as beside:
        command = ["npm", "install", "--prefix", beside, "--ignore-scripts", "--no-audit", "--no-fund"]
        command += ["--loglevel=error", PACKAGE]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
        except subprocess.CalledProcessError as error:
            raise UnavailableError(f"npm did not install {PACKAGE}: {error.stderr.strip()[-300:]}") from error
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(
                f"npm took over {INSTALL_TIMEOUT_S} s for {PACKAGE}; is the registry in reach?"
            ) from error
        if not suite.is_dir():
            shutil.rmtree(INSTALLED, ignore_errors=True)
            Path(beside).rename(INSTALLED)
            Path(beside).mkdir()  # for the context manager to remove
    return suite


def is_newer(suite: Path) -> bool:
    """Return whether ``suite`` is laid out as the suite's repository is since 2022, and not as the package."""
    return (suite / "test-engine").is_dir()


@contextmanager
def origin(suite: Path, folder: Path) -> Iterator[int]:
    """Run the suite's origin; yields its port."""
    port = free_port()
    environment = {
        **os.environ,
        "npm_config_protocol": "http",
        "npm_config_port": str(port),
        "npm_config_pidfile": str(folder / "origin.pid"),
    }
    engine = suite / "test-engine" if is_newer(suite) else suite
    command = ["node", "--require", str(HERE / "loopback.cjs"), str(engine / "server" / "server.mjs")]
    server = Server(command, port=port, log=folder / "origin.log")
    server.start(None, environment=environment, folder=suite)
    try:
        yield port
    finally:
        server.stop()


@contextmanager
def pop(origin_port: int, workers: int, folder: Path) -> Iterator[int]:
    """Run ``edgefaas up`` in front of the origin, with a data folder of its own; yields its port."""
    port = free_port()
    site = folder / "edgefaas.toml"
    site.write_text(SITE.format(port=origin_port))
    command = [str(Path(sys.executable).parent / "edgefaas"), "up", "-c", str(site)]
    command += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{free_port()}"]
    command += ["--data", str(folder / "data"), "--workers", str(workers)]
    server = Server(command, port=port, log=folder / "pop.log")
    server.start(None)
    try:
        yield port
    finally:
        server.stop()


def client(suite: Path, pop_port: int, folder: Path, only: Sequence[str] = ()) -> Run:
    """Run the tests with these ids, or all. Raises UnavailableError when the client itself fails."""
    output = folder / "results.json"
    output.unlink(missing_ok=True)
    command = ["node", "--no-warnings", str(HERE / "client.mjs"), str(suite), f"http://127.0.0.1:{pop_port}"]
    done = subprocess.run(
        [*command, str(output), *only], capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False
    )
    if not output.is_file():
        raise UnavailableError(f"the suite's client failed: {done.stderr.strip()[-300:]}")
    said = json.loads(output.read_bytes())
    tests = [Case(test["id"], Kind(test["kind"]), tuple(test["depends_on"])) for test in said["tests"]]
    return Run(tests, {id_: outcome_of(result) for id_, result in said["results"].items()})


def run(suite: Path, workers: int, again: Container[str]) -> Run:
    """Run the whole suite against a POP with so many workers; what fails of ``again`` is tried again, twice."""
    with tempfile.TemporaryDirectory(prefix="edgefaas-conformance-") as name:
        folder = Path(name)
        with origin(suite, folder) as origin_port, pop(origin_port, workers, folder) as pop_port:
            whole = client(suite, pop_port, folder)
            repeated: set[str] = set()
            for _ in range(ATTEMPTS - 1):
                failed = [
                    id_ for id_, outcome in whole.outcomes.items() if not outcome.passed and id_ in again
                ]
                if not failed:
                    break
                second = client(suite, pop_port, folder, failed)
                gained = {id_: outcome for id_, outcome in second.outcomes.items() if outcome.passed}
                repeated |= gained.keys()
                whole.outcomes.update(gained)
    return Run(whole.tests, whole.outcomes, len(repeated))
