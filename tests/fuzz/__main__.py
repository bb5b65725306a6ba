"""Fuzz the boundaries for a while: ``python -m tests.fuzz [--seconds 60] [--seed N] [TARGET ...]``, or ``make fuzz``.

With atheris (``pip install atheris``) inputs are chosen by what code they reach, without it by chance alone. What
breaks a target is written into ``tests/fuzz/found``, whose files every run of the tests replays.
"""

import argparse
import hashlib
import logging
import os
import random
import subprocess
import sys
import time
import traceback
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.mutate import LENGTH_MAX, mutated

FOUND = Path(__file__).parent / "found"
CORPUS = Path(__file__).parent / ".corpus"  # of atheris: kept from one run to the next
CORPUS_MAX = 400


def keep(name: str, data: bytes) -> Path:
    """Write an input that broke a target, in hexadecimal digits."""
    FOUND.mkdir(exist_ok=True)
    path = FOUND / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}.hex"
    path.write_text(data.hex() + "\n")
    return path


def by_chance(name: str, seconds: float, seed: int) -> int:
    """Fuzz a target without looking at the code; return how many inputs broke it, at most one."""
    from tests.fuzz.targets import TARGETS  # atheris must come before

    target, chance = TARGETS[name], random.Random(seed)  # to be repeated, not to be secret
    corpus, count, until = [*target.seeds, b""], 0, time.monotonic() + seconds
    while time.monotonic() < until:
        data = mutated(chance, corpus, target.words, target.step)
        try:
            target.run(data)
        except Exception:
            traceback.print_exc()
            print(f"{name}: broken by {keep(name, data)}")
            return 1
        count += 1
        if len(corpus) < CORPUS_MAX and chance.random() < 0.02:  # a corpus that drifts
            corpus.append(data)
    print(f"{name}: {count} inputs, nothing found (seed {seed})")
    return 0


def by_coverage(name: str, seconds: float, seed: int) -> int:
    """Fuzz a target with atheris, in a process of its own: it ends its process itself."""
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "--atheris",
        name,
        "--seconds",
        str(seconds),
        "--seed",
        str(seed),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stderr.splitlines()
    last = [line for line in said if line.startswith("Done ")][-1:]
    print(f"{name}: {' '.join(last)}" if not done.returncode else f"{name}: broken\n{done.stderr[-3000:]}")
    for crash in (CORPUS / name).glob("broken-*"):
        print(f"{name}: broken by {keep(name, crash.read_bytes())}")
        crash.unlink()
    return int(done.returncode != 0)


def run_atheris(name: str, seconds: float, seed: int) -> None:
    """Run atheris on a target in this process. Does not return."""
    import atheris  # type: ignore[import-not-found,unused-ignore]  # optional

    with atheris.instrument_imports(include=["edgefaas", "router", "sandbox"]):
        from tests.fuzz.targets import TARGETS  # instrumented as it is imported

    target = TARGETS[name]
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate((*target.seeds, *target.words)):
        (corpus / f"seed-{number}").write_bytes(data)
    options = [f"-max_total_time={int(seconds)}", f"-max_len={LENGTH_MAX}", f"-seed={seed}", "-timeout=20"]
    atheris.Setup([sys.argv[0], str(corpus), f"-artifact_prefix={corpus}/broken-", *options], target.run)
    atheris.Fuzz()


def main() -> int:
    """Fuzz what the command line names."""
    from tests.fuzz import names

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "targets", nargs="*", choices=[*names(), []], metavar="TARGET", help=", ".join(names())
    )
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together (default: 60)")
    parser.add_argument(
        "--seed", type=int, default=int.from_bytes(os.urandom(3), "big"), help="of the choices"
    )
    parser.add_argument("--atheris", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    logging.disable()
    chosen = given.targets or names()
    if given.atheris:
        run_atheris(chosen[0], given.seconds, given.seed)
    guided = find_spec("atheris") is not None
    print("guided by coverage (atheris)" if guided else "by chance; pip install atheris for more")
    each = given.seconds / len(chosen)
    broken = sum((by_coverage if guided else by_chance)(name, each, given.seed) for name in chosen)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
