"""Build ``engine.wasm``: QuickJS-ng's C source from the package registry, and the shim beside this file.

Run by ``hatch_build.py`` at every build and install; by hand: ``python sandbox/js/engine_build.py``.
Standard library, pip and ziglang only; no C compiler, no address of a registry: pip is asked by name, as it
is configured on the machine. The result is kept in the user's cache: built once per machine and version.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SDIST = "quickjs-ng==0.17.0.2"
SDIST_SHA256 = "43d2e48272208721a7aaea8e3f02d4b9318f12ef20cc4f5421b59d9a470706ef"
HERE = Path(__file__).resolve().parent
ENGINE = HERE / "engine.wasm"
SHIM = ("engine.c", "codec.h", "heap.h", "json.h", "modules.h", "natives.h")
STACK_BYTES = 262_144
FLAGS = (
    "-target", "wasm32-wasi", "-O3", "-mexec-model=reactor", "-nostartfiles", "-Wl,--no-entry",
    f"-Wl,-z,stack-size={STACK_BYTES}", "-s", "-w",
)  # fmt: skip

# pip prepares the metadata of a source distribution even when it is only downloaded. This stands in for
# its build backend: nothing of the archive is run, and no build tool is needed.
_BACKEND = """
import os
def get_requires_for_build_wheel(config_settings=None):
    return []
get_requires_for_build_sdist = get_requires_for_build_wheel
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name = "quickjs_ng-{version}.dist-info"
    os.makedirs(os.path.join(folder, name))
    for file, text in (
        ("METADATA", "Metadata-Version: 2.1\\nName: quickjs-ng\\nVersion: {version}\\n"),
        ("WHEEL", "Wheel-Version: 1.0\\nGenerator: edgefaas\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"),
    ):
        with open(os.path.join(folder, name, file), "w") as stream:
            stream.write(text)
    return name
"""


class EngineBuildError(Exception):
    """The engine could not be built; the message says why and what to do."""


def build_key() -> str:
    """Return the digest of everything the engine is made of: shim, source archive, compiler, flags."""
    try:
        compiler = version("ziglang")
    except PackageNotFoundError:
        raise EngineBuildError("ziglang is not installed; run: pip install ziglang==0.17.1") from None
    digest = hashlib.sha256(f"{SDIST_SHA256} {compiler} {FLAGS}".encode())
    for name in SHIM:
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()[:32]


def ensure_engine(say: Callable[[str], None] = lambda _line: None) -> Path:
    """Return the path of an up-to-date ``engine.wasm``, built if need be. Raises EngineBuildError."""
    kept = _cache_folder() / f"engine-{build_key()}.wasm"
    if not kept.is_file():
        say("building the JavaScript engine from source: about a minute, once per machine")
        _write(kept, _compile(say))
    wanted = kept.read_bytes()
    if not ENGINE.is_file() or ENGINE.read_bytes() != wanted:
        _write(ENGINE, wanted)
    return ENGINE


def _compile(say: Callable[[str], None]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="edgefaas-engine-") as folder:
        work = Path(folder)
        source = _source(work)
        output = work / "engine.wasm"
        command = [sys.executable, "-m", "ziglang", "cc", *FLAGS]
        command += ["-I", str(source), "-I", str(HERE), "-o", str(output), str(HERE / "engine.c")]
        with _progress(say):
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=work)  # noqa: S603
        if done.returncode or not output.is_file():
            raise EngineBuildError(f"the C compiler failed:\n{done.stderr[-4000:]}")
        return output.read_bytes()


def _source(work: Path) -> Path:
    """Fetch and check the source archive; return the folder of its C files."""
    backend = work / "backend" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").write_text("")
    (backend / "build_meta.py").write_text(_BACKEND.replace("{version}", SDIST.partition("==")[2]))
    wanted = work / "requirements.txt"
    wanted.write_text(f"{SDIST} --hash=sha256:{SDIST_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
    command += ["-r", str(wanted), "-d", str(work)]
    environment = {**os.environ, "PYTHONPATH": str(backend.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    archives = list(work.glob("quickjs_ng-*.tar.gz"))
    if done.returncode or not archives:
        raise EngineBuildError(
            f"pip could not download {SDIST} (is the package registry within reach?):\n{done.stderr[-2000:]}"
        )
    if hashlib.sha256(archives[0].read_bytes()).hexdigest() != SDIST_SHA256:
        raise EngineBuildError(f"{archives[0].name} has another digest than the one pinned here")
    with tarfile.open(archives[0]) as archive:
        members = [m for m in archive.getmembers() if m.isfile() and "/upstream-quickjs/" in m.name]
        source = work / "source"
        source.mkdir()
        for member in members:
            stream = archive.extractfile(member)
            assert stream is not None
            (source / Path(member.name).name).write_bytes(stream.read())
    return source


@contextmanager
def _progress(say: Callable[[str], None]) -> Iterator[None]:
    """Say every ten seconds that the compiler is still at work."""
    done = threading.Event()
    begun = time.monotonic()

    def tell() -> None:
        while not done.wait(10):
            say(f"compiling QuickJS-ng to WebAssembly … {time.monotonic() - begun:.0f} s")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
    say(f"JavaScript engine built in {time.monotonic() - begun:.0f} s")


def _cache_folder() -> Path:
    """Return a folder that can be written: the user's cache, else one beside the sources."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    for folder in (Path(base) / "edgefaas", HERE.parent.parent / ".cache" / "edgefaas"):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    raise EngineBuildError("no cache folder can be written; set XDG_CACHE_HOME to one that can")


def _write(path: Path, data: bytes) -> None:
    """Write anew and rename: another process may be reading the old file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.rename(path)


if __name__ == "__main__":
    try:
        print(ensure_engine(lambda line: print(f"edgefaas: {line}", flush=True)).name)
    except EngineBuildError as error:
        sys.exit(f"edgefaas: {error}")
