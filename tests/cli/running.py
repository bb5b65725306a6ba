"""Run commands in this process, as ``edgefaas`` would."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from cli.main import run


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out, f"exit code {self.code}, and nothing on stdout; on stderr: {self.err}"
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs commands against one data folder."""

    capsys: pytest.CaptureFixture[str]
    options: tuple[str, ...] = ()

    def __call__(self, *arguments: object) -> Ended:
        self.capsys.readouterr()
        code = run([*map(str, arguments), *self.options])
        said = self.capsys.readouterr()
        assert "Traceback" not in said.err
        return Ended(code, said.out, said.err)
