"""The wheel is what users install: it must work outside the checkout."""

import os
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path, folder: Path | str = "/") -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_wheel_installs_in_a_fresh_environment_and_runs_from_the_root_folder(tmp_path: Path) -> None:
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        tmp_path,
        ROOT,
    )
    (wheel,) = tmp_path.glob("edgefaas-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "edgefaas/journey.py",
        "sandbox/js/engine.wasm",
        "router/data/edge-geo.mmdb",
        "edgefaas/console/static/index.html",
        "cli/main.py",
    ):
        assert needed in names

    # The versions of this environment, so that the test does not depend on what was published today.
    pins = tmp_path / "pins.txt"
    pins.write_text(
        "".join(
            f"{d.metadata['Name']}=={d.version}\n"
            for d in distributions()
            if d.metadata["Name"] != "edgefaas"
        )
    )
    home = tmp_path / "fresh"
    venv.create(home, with_pip=True)
    run(home / "bin/python", "-m", "pip", "install", "--quiet", "-c", pins, wheel)
    assert "deploy" in run(home / "bin/edgefaas", "--help")
    assert "0.1.0" in run(home / "bin/edgefaas", "--version")
