"""CPython for WebAssembly, as the package componentize-py carries it: its shared libraries and the standard library.

The package (PyPI, Bytecode Alliance) has no interface for them: they lie in its native library as zstd frames. They
are recognised by what they are (a shared library that exports this, an archive with that in it), so a wheel for another
machine works, too; one of another version is refused. Nothing of it is kept in this repository.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import zstandard

from sandbox.errors import CompileError
from sandbox.python import dylib
from sandbox.python.dylib import Library
from sandbox.python.instructions import LinkError

PACKAGE, VERSION = "componentize-py", "0.25.1"
PYTHON_VERSION = "3.14"
LIBRARY_ROOT = f"/usr/lib/python{PYTHON_VERSION}"
_FRAME_MAGIC = b"\x28\xb5\x2f\xfd"
_FRAME_MAX_BYTES = 64 * 1024 * 1024
# Which libraries are wanted, in the order in which symbols are looked for, and what tells them.
_LIBRARIES = (
    ("libpython", "Py_InitializeFromInitConfig"),
    ("libwasi-emulated-signal", "raise"),
    ("libwasi-emulated-getpid", "getpid"),
    ("libwasi-emulated-process-clocks", "times"),
    ("libwasi-emulated-mman", "mmap"),
    ("libc", "malloc"),
)
_UNWANTED = (
    "idlelib/", "tkinter/", "turtledemo/", "ensurepip/", "venv/", "pydoc_data/", "test/", "curses/", "_pyrepl/",
    "site-packages/", "config-", "turtle.py", "dbm/", "unittest/_", "ctypes/",
)  # fmt: skip


@cache
def package_path() -> Path:
    """Return the package's native library. Raises CompileError: it is not installed, or another version."""
    install = f"Run pip install 'edgefaas[python]' (it brings {PACKAGE} {VERSION})."
    try:
        found = distribution(PACKAGE).version
    except PackageNotFoundError:
        raise CompileError(
            f"functions of kind python need the package {PACKAGE}, which is not installed", remedy=install
        ) from None
    if found != VERSION:
        raise CompileError(
            f"functions of kind python need {PACKAGE} {VERSION}, but found {found}", remedy=install
        )
    spec = find_spec("componentize_py")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("*.so")):
            return path
    raise CompileError(f"{PACKAGE} {VERSION} has no native library here", remedy=install)


@cache
def package_digest() -> str:
    """Return what tells this build of the package from another."""
    path = package_path()
    with path.open("rb") as stream:
        return f"{VERSION} {hashlib.file_digest(stream, 'sha256').hexdigest()}"


def cpython() -> tuple[list[Library], dict[str, bytes]]:
    """Return the libraries in their order, and the standard library's files by absolute path. Raises CompileError."""
    libraries: dict[str, Library] = {}
    files: dict[str, bytes] = {}
    for content in frames(package_path().read_bytes()):
        if content.startswith(b"\0asm"):
            _recognise(content, libraries)
        elif not files:
            files = _library_files(content)
    missing = [name for name, _ in _LIBRARIES if name not in libraries] + (
        [] if files else ["standard library"]
    )
    if missing:
        raise CompileError(
            f"{PACKAGE} {VERSION} does not carry {', '.join(missing)} where it is expected",
            remedy="Report it.",
        )
    return [libraries[name] for name, _ in _LIBRARIES], files


def frames(data: bytes) -> Iterator[bytes]:
    """Yield what the zstd frames in these bytes hold; bytes that only look like a frame are passed over. Pure."""
    at = data.find(_FRAME_MAGIC)
    while at >= 0:
        reader = zstandard.ZstdDecompressor(max_window_size=_FRAME_MAX_BYTES).decompressobj()
        try:
            content = reader.decompress(memoryview(data)[at:])
            if reader.eof and len(content) <= _FRAME_MAX_BYTES:
                yield content
                at = len(data) - len(reader.unused_data) - 1
        except zstandard.ZstdError:
            pass
        at = data.find(_FRAME_MAGIC, at + 1)


def _recognise(content: bytes, libraries: dict[str, Library]) -> None:
    try:
        library = dylib.read("library", content)
    except LinkError:  # modules of other kinds are there, too
        return
    imports = {one.name for one in library.imports}
    for name, symbol in _LIBRARIES:
        found = library.exports.get(symbol)
        if (
            found is not None
            and found[0] == dylib.FUNCTION
            and symbol not in imports
            and name not in libraries
        ):
            library.name = name
            libraries[name] = library
            return


def _library_files(content: bytes) -> dict[str, bytes]:
    """Return the files of an archive of the standard library; nothing when it is another archive."""
    files = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".py") and not member.name.startswith(_UNWANTED):
                    stream = archive.extractfile(member)
                    assert stream is not None
                    files[f"{LIBRARY_ROOT}/{member.name}"] = stream.read()
    except tarfile.TarError:
        return {}
    return files if f"{LIBRARY_ROOT}/encodings/__init__.py" in files else {}
