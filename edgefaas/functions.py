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

``entries`` finds what is not said, ``functionfiles`` reads.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from edgefaas import bundling
from edgefaas.config import limits as read_limits
from edgefaas.config.kv import read_names
from edgefaas.control.bundle import Bundle
from edgefaas.entries import KIND_OF_SUFFIX, find_entry, kind_of
from edgefaas.errors import ConfigError, DeployError
from edgefaas.functionfiles import SETTINGS_FILE, read, read_named, refuse_outside, walk
from edgefaas.health import Health, read_health
from edgefaas.site import FunctionSpec
from edgefaas.table import Table, parse_toml
from sandbox.contract import Kind, Limits, Source

_ALONE = frozenset({Kind.EVENT, Kind.HTTP, Kind.CGI})  # kinds whose entry is the whole program


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
    files = read(path.parent, [path])
    source = Source(kind=kind_of(files[path.name], kind), files=files, entry=path.name)
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
    return table.text("entry") or find_entry(folder, table.text("name", folder.resolve().name))


def _read_folder(folder: Path, name: str | None) -> Bundle:
    table = _settings_of(folder)
    own_name = table.text("name", folder.resolve().name)
    declared = table.choice("kind", tuple(Kind), "") if "kind" in table else ""
    entry = table.text("entry") or find_entry(folder, own_name)
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
        refuse_outside(folder, folder / entry)
        files = read(folder, [folder / entry, *bundling.data_files(folder, walk(folder))])
        files[bundling.place_of(entry)] = files.pop(entry)
        entry = bundling.place_of(entry)
    else:
        files = read_named(folder, (entry, *beside)) if alone else read(folder, walk(folder))
    if entry not in files:
        raise table.refuse(
            "entry", f'is "{entry}", which is not among its files', "Name a file of the folder."
        )
    kind = Kind(declared) if declared else kind_of(files[entry], suffix_kind or Kind.EVENT)
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
