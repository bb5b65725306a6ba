"""Read a function from disk: a source file, or a folder with ``function.toml``.

``function.toml`` (every key has a default)::

    name = "country"              # the folder's name
    kind = "js"                   # by the entry's extension: .js .mjs .cjs, .py, .wasm, .wat
    entry = "index.js"            # index.*, main.*, NAME.*, lambda_function.*, or the only file with such an extension
    handler = "handler"
    encoding = "json"             # kind event: json or msgpack
    allow = ["api.example.com"]   # hosts that it may fetch from
    environment = { GREETING = "hello" }
    kv = "moved"                  # the key-value namespace that it uses, or a list, its own first
    [limits]                      # memory_mb, cpu_ms, wall_ms, output_bytes, log_bytes, host_calls
    [build]                       # how the entry is made; run by the author's tools, never by a POP
    command = ["zig", "build"]    # or bundle = true: by esbuild, as always for TypeScript; see ``bundling``
    [health]                      # how a new version proves itself; see ``health``
    event = "request.json"

A bundle never reaches outside its folder: links that lead out are refused, whatever they are called.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edgefaas import bundling
from edgefaas.config import limits as read_limits
from edgefaas.config.kv import read_names
from edgefaas.control.bundle import BUNDLE_MAX_BYTES, FILES_MAX, Bundle
from edgefaas.errors import ConfigError, DeployError
from edgefaas.health import Health, read_health
from edgefaas.site import FunctionSpec
from edgefaas.table import Table, parse_toml
from sandbox.binary import describe
from sandbox.contract import Kind, Limits, Source
from sandbox.errors import CompileError

SETTINGS_FILE = "function.toml"
KIND_OF_SUFFIX: Mapping[str, Kind] = {
    ".js": Kind.JS,
    ".mjs": Kind.JS,
    ".cjs": Kind.JS,
    ".py": Kind.PYTHON,
    ".wasm": Kind.EVENT,
    ".wat": Kind.EVENT,
}
_COMPONENT = b"\x00asm\x0d\x00\x01\x00"  # Component Model binary: version 0x0d, layer 1
_COMPONENT_TEXT = re.compile(rb"(?:\s|;;[^\n]*\n)*\(component\b")
_ALONE = frozenset({Kind.EVENT, Kind.HTTP, Kind.CGI})  # kinds whose entry is the whole program
# What stands beside a function for people and tests; it is not part of what is deployed.
_BESIDE = frozenset(
    {SETTINGS_FILE, "README.md", "request.json", "response.json", "event.json", "expected.json", "kv.json"}
)
_SKIPPED_FOLDERS = frozenset({"__pycache__", "tests"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How a function's entry is made from its sources."""

    command: tuple[str, ...]
    folder: Path
    needs: str = ""  # the toolchain, so that its absence can be explained


def read_function(path: Path, *, name: str | None = None) -> Bundle:
    """Return the function at ``path``; ``name`` goes over that of its file, folder or ``function.toml``.

    Raises:
        ConfigError: ``function.toml`` is wrong; names file, line and key.
        DeployError: a file is missing, unreadable, too large, or outside the folder.
    """
    if path.is_dir():
        return _read_folder(path, name)
    if not path.is_file():
        raise DeployError(
            f"There is no file or folder {path}",
            remedy="Name a source file, a function's folder, or a function of edgefaas.toml.",
        )
    kind = KIND_OF_SUFFIX.get(path.suffix)
    if path.suffix in bundling.TYPED:
        raise DeployError(
            f"{path.name} has to be bundled, and a file alone has no place for that",
            remedy="Put it into a folder of its own, and deploy that.",
        )
    if kind is None:
        raise DeployError(
            f"{path.name} has an extension that no kind of function has",
            remedy=f"Use one of {' '.join(KIND_OF_SUFFIX)}, or a folder with {SETTINGS_FILE}.",
        )
    content = _read_file(path, BUNDLE_MAX_BYTES)
    source = Source(kind=_kind_of(content, kind), files={path.name: content}, entry=path.name)
    return Bundle(name=name or path.stem, source=source)


def read_spec(spec: FunctionSpec) -> Bundle:
    """Return a function of the site; what ``edgefaas.toml`` says goes over what the function's file says."""
    bundle = read_function(spec.source, name=spec.name)
    return replace(
        bundle,
        environment={**bundle.environment, **spec.environment},
        limits=bundle.limits if spec.limits is None else spec.limits,
        kv=bundle.kv if spec.kv is None else spec.kv,
    )


def read_function_health(path: Path) -> Health:
    """Return how the function at ``path`` is checked when it is deployed. Raises ConfigError."""
    if not (path / SETTINGS_FILE).is_file():
        return Health()
    return read_health(_settings(path / SETTINGS_FILE).table("health"), path)


def read_build(path: Path) -> Build | None:
    """Return how the function in folder ``path`` is built, or None when it needs no building."""
    table = _settings_of(path)
    build = table.table("build")
    if command := build.strings("command"):
        return Build(command=command, folder=path, needs=build.text("needs"))
    entry = _written_entry(table, path)
    if not _is_bundled(build, entry, has_command=False):
        return None
    return Build(command=bundling.command(path, entry), folder=path, needs=bundling.ESBUILD)


def read_entry(path: Path) -> str:
    """Return the file that a folder's function begins with; it may not be built yet."""
    table = _settings_of(path)
    entry, build = _written_entry(table, path), table.table("build")
    bundled = _is_bundled(build, entry, has_command=bool(build.strings("command")))
    return bundling.output_of(entry) if bundled else entry


def _written_entry(table: Table, folder: Path) -> str:
    """Return the file that the author wrote, as the settings or the folder say."""
    return table.text("entry") or _find_entry(folder, table.text("name", folder.resolve().name))


def _read_folder(folder: Path, name: str | None) -> Bundle:
    table = _settings_of(folder)
    own_name = table.text("name", folder.resolve().name)
    declared = table.choice("kind", tuple(Kind), "") if "kind" in table else ""
    entry = table.text("entry") or _find_entry(folder, own_name)
    handler = table.text("handler")
    encoding = table.choice("encoding", ("json", "msgpack"), "json")
    allow = table.strings("allow")
    beside = table.strings("files")
    environment = table.string_map("environment")
    kv = read_names(table) or ()
    limits = read_limits(table.table("limits")) if "limits" in table else Limits()
    build = table.table("build")
    has_command = bool(build.strings("command"))
    bundled = _is_bundled(build, entry, has_command=has_command)
    has_build = bundled or has_command
    build.text("needs")
    build.done()
    table.text("description")
    read_health(table.table("health"), folder)
    table.done()
    entry = bundling.output_of(entry) if bundled else entry
    suffix_kind = KIND_OF_SUFFIX.get(Path(entry).suffix)
    if not declared and suffix_kind is None:
        raise table.refuse(
            "kind", f'is missing, and "{entry}" does not tell it', 'Add kind = "js" or another.'
        )
    if not os.path.lexists(folder / entry):
        raise DeployError(
            f'{folder / entry} does not exist, and it is the entry of "{name or own_name}"',
            remedy=f"Run edgefaas build {folder}." if has_build else f"Correct entry in {SETTINGS_FILE}.",
        )
    alone = (Kind(declared) if declared else suffix_kind) in _ALONE
    if bundled:
        _refuse_outside(folder, folder / entry)
        files = _read(folder, [folder / entry, *bundling.data_files(folder, _walk(folder))])
        files[bundling.place_of(entry)] = files.pop(entry)
        entry = bundling.place_of(entry)
    else:
        files = _read_named(folder, (entry, *beside)) if alone else _read(folder, _walk(folder))
    if entry not in files:
        raise table.refuse(
            "entry", f'is "{entry}", which is not among its files', "Name a file of the folder."
        )
    kind = Kind(declared) if declared else _kind_of(files[entry], suffix_kind or Kind.EVENT)
    if beside and kind is not Kind.CGI:
        raise table.refuse(
            "files",
            f"is for kind cgi, and this is {kind}",
            "Leave it out: js and python take all files of the folder.",
        )
    source = Source(kind=kind, files=files, entry=entry, handler=handler)
    return Bundle(
        name=name or own_name,
        source=source,
        limits=limits,
        environment=environment,
        allow=allow,
        encoding=encoding,
        kv=kv,
    )


def _is_bundled(build: Table, entry: str, *, has_command: bool) -> bool:
    """Return whether the entry is bundled: because it has to be, or because its author wants it."""
    wanted = build.boolean("bundle", default=False)
    if wanted and has_command:
        raise build.refuse("bundle", "stands beside a command", "Leave one of them out.")
    if wanted and Path(entry).suffix not in bundling.CODE:
        raise build.refuse(
            "bundle", f'is for JavaScript and TypeScript, and the entry is "{entry}"', "Leave it out."
        )
    return wanted or (not has_command and Path(entry).suffix in bundling.TYPED)


def _settings_of(folder: Path) -> Table:
    """Return the table of a folder's ``function.toml``; an empty one where there is none."""
    path = folder / SETTINGS_FILE
    return _settings(path) if os.path.lexists(path) else parse_toml(SETTINGS_FILE, "")


def _settings(path: Path) -> Table:
    """Return the table of ``function.toml``, named with its folder so that a refusal tells which one."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", remedy="Make it a readable UTF-8 file."
        ) from None
    return parse_toml(f"{path.parent.name}/{path.name}", text)


def _kind_of(content: bytes, by_suffix: Kind) -> Kind:
    """Return what a WebAssembly program is by what it exports; the suffix tells for everything else."""
    if by_suffix is not Kind.EVENT:
        return by_suffix
    if content[:8] == _COMPONENT or _COMPONENT_TEXT.match(content):
        return Kind.HTTP
    try:
        exports = describe(content).exports
    except CompileError:  # text, or nothing that can be built: the build says why
        return by_suffix
    return Kind.CGI if "_start" in exports and "alloc" not in exports else by_suffix


def _find_entry(folder: Path, name: str) -> str:
    suffixes = (*KIND_OF_SUFFIX, *bundling.TYPED)
    found = sorted(
        item.name for item in folder.iterdir() if item.suffix in suffixes and not item.name.startswith(".")
    )
    for stem in ("index", "main", name, "lambda_function", "handler", "app"):
        for suffix in suffixes:
            if f"{stem}{suffix}" in found:
                return f"{stem}{suffix}"
    if len(found) == 1:
        return found[0]
    listed = ", ".join(found[:8]) or "none"
    raise ConfigError(
        f"The folder {folder} has no clear entry; files that could be one: {listed}",
        remedy=f'Write entry = "FILE" in {folder / SETTINGS_FILE}.',
    )


def _read_named(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return files by name, and of folders all that is in them."""
    paths: list[Path] = []
    for name in names:
        path = folder / os.path.normpath(name)
        _refuse_outside(folder, path)
        if not path.exists():
            raise DeployError(
                f"{path} does not exist, and files names it", remedy=f"Correct {SETTINGS_FILE}."
            )
        paths += _walk(path) if path.is_dir() else [path]
    return _read(folder, paths)


def _read(folder: Path, paths: Iterable[Path]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = BUNDLE_MAX_BYTES
    for path in paths:
        if len(files) >= FILES_MAX:
            raise DeployError(
                f"{folder} has more than {FILES_MAX} files",
                remedy="Bundle the dependencies into fewer files.",
            )
        content = _read_file(path, left)
        left -= len(content)
        files[path.relative_to(folder).as_posix()] = content
    return files


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files to deploy, in a fixed order."""
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS
        )
        for name in folders:
            if (here / name).is_symlink():
                raise DeployError(
                    f"{here / name} is a link to a folder", remedy="Put the folder itself in its place."
                )
        for name in sorted(names):
            if name.startswith(".") or (here == folder and name in _BESIDE):
                continue
            _refuse_outside(folder, here / name)
            yield here / name


def _refuse_outside(folder: Path, path: Path) -> None:
    target = path.resolve()
    if not target.is_relative_to(folder.resolve()):
        raise DeployError(
            f"{path} leads outside the function's folder, to {target}",
            remedy="Copy the file into the folder.",
        )


def _read_file(path: Path, left: int) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DeployError(f"{path} is not a regular file", remedy="Remove it from the folder.")
        if status.st_size > left:
            raise DeployError(
                f"{path} has {status.st_size} bytes, and a function may have {BUNDLE_MAX_BYTES} in all",
                remedy="Leave out what it does not need at run time.",
            )
        return path.read_bytes()
    except OSError as error:
        raise DeployError(f"{path} cannot be read: {error.strerror}", remedy="Make it readable.") from None
