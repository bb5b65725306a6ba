"""Schemathesis reads the description of a real admin API and tries whether it tells the truth."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.edgefaas.processes.running import running_up, write_site

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 5  # of each operation, beside those that cover every keyword of its schema
POPS = "[pops.fra]\nlatitude = 50.1\nlongitude = 8.7\n"


def test_the_description_of_the_admin_api_is_true(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path / "pop", more=POPS), workers=1) as up:
        description = up.admin("GET", "/v1/openapi.json").json
        parameters = description["paths"]["/v1/logs"]["get"]["parameters"]
        parameters[:] = [item for item in parameters if item["name"] != "follow"]  # it would never end
        (tmp_path / "openapi.json").write_text(json.dumps(description))
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
        command += [str(tmp_path / "openapi.json"), "--url", up.announced["admin"]]
        command += ["-H", f"Authorization: Bearer {up.token}", "--seed", "1", "--no-color"]
        command += ["--max-examples", str(EXAMPLES), "--phases", "coverage,fuzzing"]
        command += ["--request-timeout", "30", "--warnings", "off", "--generation-database", "none"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110)
        assert done.returncode == 0, done.stdout + done.stderr
        assert up.admin("GET", "/v1/health").status == 200
