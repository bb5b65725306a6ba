"""Run the public test-suite of WASI preview 1 on this sandbox: ``python -m tests.sandbox.wasi_suite FOLDER``.

FOLDER holds prebuilt modules as the suite's ``prod/testsuite-base`` branch lays them out: ``name.wasm`` and,
where the defaults do not fit, ``name.json`` with ``args``, ``env``, ``dirs``, ``root``, ``exit_code``, ``stdout``.
What is in those folders becomes files that the command was deployed with. They can only be read: a test that writes
is counted as skipped.
Exit status: 0 all passed, 1 some failed, 2 nothing found.
"""

import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

from sandbox.builder import Builder
from sandbox.contract import Finished, Kind, Limits, Outcome, Source, Threw
from sandbox.errors import BuildError
from sandbox.runtime import Sandbox
from tests.sandbox.guests import RecordingHost

# The tests of the suite that have a folder and only read it; all the others make, move or change something in it.
READERS = frozenset(
    (
        "close_preopen", "fdopendir-with-access", "fopen-with-access", "lseek", "path_open_preopen",
        "pread-with-access", "stat-dev-ino",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a test of the suite wants and expects."""

    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    dirs: tuple[str, ...] = ()
    root: str = ""
    exit_code: int = 0
    stdout: str | None = None

    @classmethod
    def read(cls, path: Path) -> "Expectation":
        """Return the expectation beside a module."""
        if not path.exists():
            return cls()
        found: dict[str, Any] = json.loads(path.read_text())
        return cls(
            args=tuple(found.get("args", ())),
            env=found.get("env", {}),
            dirs=tuple(found.get("dirs", ())),
            root=found.get("root", ""),
            exit_code=found.get("exit_code", 0),
            stdout=found.get("stdout"),
        )

    def judge(self, outcome: Outcome) -> str:
        """Return "" when the outcome is as expected, otherwise what it was."""
        match outcome:
            case Finished(output=output) if self.exit_code == 0:
                wrong = self.stdout is not None and output.decode("utf-8", "replace") != self.stdout
                return f"wrote {output!r}" if wrong else ""
            case Threw(message=message) if message == f"it exited with status {self.exit_code}":
                return ""
        return str(outcome)


async def run_suite(modules: list[Path]) -> Counter[str]:
    """Run every module; print and count passed, failed, skipped."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as artifacts:
        builder, sandbox = Builder(artifacts=Path(artifacts)), Sandbox(artifacts=Path(artifacts))
        for module in modules:
            expectation, wasm = Expectation.read(module.with_suffix(".json")), _read(module)
            if (expectation.dirs or expectation.root) and module.stem not in READERS:
                verdict, why = "skipped", "writes to its folder"
            else:
                files = {module.name: wasm, **_files(module.parent, expectation)}
                verdict, why = await _verdict((builder, sandbox), module.name, files, expectation)
            counts[verdict] += 1
            print(f"{verdict:8}{module.name}  {why}".rstrip())
        await builder.close()
        await sandbox.close()
    return counts


def modules_in(folder: Path) -> list[Path]:
    """Return the modules of a suite."""
    return sorted(folder.rglob("*.wasm"))


def _read(module: Path) -> bytes:
    return module.read_bytes()


def _files(folder: Path, expectation: Expectation) -> dict[str, bytes]:
    """Return the files of a test's folders, by the paths that its command asks for."""
    base = folder / expectation.root
    within = [base] if expectation.root else [folder / name for name in expectation.dirs]
    found = (path for inner in within for path in inner.rglob("*") if path.is_file())
    return {path.relative_to(base).as_posix(): path.read_bytes() for path in found}


async def _verdict(
    ground: tuple[Builder, Sandbox], name: str, files: Mapping[str, bytes], expectation: Expectation
) -> tuple[str, str]:
    builder, sandbox = ground
    source = Source(kind=Kind.CGI, files=files, entry=name)
    try:
        program = sandbox.load((await builder.build(source)).artifact)
    except BuildError as error:
        return "failed", str(error)
    request = msgpack.packb({"env": dict(expectation.env), "stdin": b"", "args": list(expectation.args)})
    limits = Limits(cpu_ms=10_000, wall_ms=20_000)
    outcome = await sandbox.run(program, request, limits=limits, host=RecordingHost())
    why = expectation.judge(outcome)
    return ("failed", why) if why else ("passed", "")


def main() -> int:
    """Run the suite that the command line names."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print(__doc__)
        return 2
    counts = asyncio.run(run_suite(modules_in(Path(sys.argv[1]))))
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) or "no modules")
    return 2 if not counts else int(counts["failed"] > 0)


if __name__ == "__main__":
    sys.exit(main())
