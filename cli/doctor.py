"""``edgefaas doctor``: is this machine fit to run a POP and to build functions? What is to be done?"""

import os
import resource
import shutil
import socket
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import click

from cli import words
from cli.admin import data_folder, find_config, find_remote
from cli.remote import Remote
from cli.toolchains import NAMES, missing

FILES_WANTED = 4_096
FREE_WANTED_BYTES = 1 << 30
CLOCK_SANE_AFTER_S = 1_735_689_600  # 2025-01-01: before this code was written
SOMAXCONN_WANTED = 1_024


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: ``state`` is ok, note (nothing has to be done) or bad."""

    state: str
    what: str
    remedy: str = ""


@click.command()
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="The site's file.")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The POP's data folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(config: Path | None, data: Path | None, as_json: bool) -> int:  # noqa: FBT001  # click passes it by name
    """Check this machine, and say what to do. Ends with 1 when something has to be done."""
    config = config or find_config()
    findings: list[Finding] = []
    for check in (_software, _limits, _clock, _geoip, _toolchains):
        findings += check()
    findings += _site(config)
    findings += _folder(data_folder(data, config))
    findings += _running(config, data)
    bad = [finding for finding in findings if finding.state == "bad"]
    value = {"fit": not bad, "findings": [asdict(finding) for finding in findings]}
    words.result(value, as_json=as_json, text="\n".join(map(_line, findings)))
    return 1 if bad else 0


def _line(finding: Finding) -> str:
    mark, colour = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "red")}[
        finding.state
    ]
    line = f"{click.style(mark, fg=colour)} {finding.what}"
    return f"{line}\n     {finding.remedy}" if finding.remedy else line


def _software() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("ok", f"Python {python}, {os.cpu_count()} cores, {sys.platform}")
    for package in ("edgefaas", "wasmtime", "uvicorn"):
        try:
            yield Finding("ok", f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding("bad", f"{package} is not installed", "Run make install, or pip install edgefaas.")
    engine = find_spec("sandbox")
    assert engine is not None
    assert engine.origin is not None
    built = (Path(engine.origin).parent / "js" / "engine.wasm").is_file()
    if built:
        yield Finding("ok", "the JavaScript engine is built")
    else:
        yield Finding(
            "bad", "the JavaScript engine is not built", "Run make install: it needs ziglang, once."
        )


def _limits() -> Iterator[Finding]:
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files >= FILES_WANTED:
        yield Finding("ok", f"{files} open files per process")
    else:
        yield Finding(
            "note",
            f"only {files} open files per process: about {files // 2} viewers at once",
            f"Run ulimit -n {min(most, 65536) if most > 0 else 65536} before edgefaas up.",
        )
    backlog = _number(Path("/proc/sys/net/core/somaxconn"))
    if backlog is not None and backlog < SOMAXCONN_WANTED:
        yield Finding(
            "note", f"net.core.somaxconn is {backlog}", f"Run sysctl net.core.somaxconn={SOMAXCONN_WANTED}."
        )


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _clock() -> Iterator[Finding]:
    now_s = time.time()  # noqa: TID251  # what the check is about
    if now_s < CLOCK_SANE_AFTER_S:
        yield Finding("bad", f"the clock says {words.moment(now_s)}", "Set it: ages and signatures go by it.")
    else:
        yield Finding("ok", f"the clock says {words.moment(now_s)}")


def _geoip() -> Iterator[Finding]:
    from router import GeoDatabase, RouterError

    try:
        yield Finding("ok", f"GeoIP: {GeoDatabase.open(None, None).description}")
    except RouterError as error:
        yield Finding("bad", str(error), error.remedy)


def _toolchains() -> Iterator[Finding]:
    for name in NAMES:
        if install := missing(name, Path()):
            yield Finding("note", f"toolchain {name} is not installed", f"Only if you want it: {install}.")
        else:
            yield Finding("ok", f"toolchain {name}")


def _site(config: Path | None) -> Iterator[Finding]:
    from edgefaas.config import load_site
    from edgefaas.errors import ConfigError
    from router import GeoDatabase, RouterError

    if config is None:
        yield Finding("note", "there is no edgefaas.toml here or above", "Write one, or run edgefaas init.")
        return
    try:
        site = load_site(config)
    except ConfigError as error:
        yield Finding("bad", str(error), error.remedy)
        return
    yield Finding("ok", f"{config} is good")
    for path in (site.router.geoip_city, site.router.geoip_asn):
        if path is not None:
            try:
                GeoDatabase.open(site.router.geoip_city, site.router.geoip_asn)
            except RouterError as error:
                yield Finding("bad", str(error), error.remedy)
            else:
                yield Finding("ok", f"GeoIP file {path}")


def _folder(folder: Path) -> Iterator[Finding]:
    there = folder if folder.is_dir() else folder.parent
    if not os.access(there, os.W_OK):
        yield Finding("bad", f"the data folder {folder} cannot be written", "Name another with --data.")
        return
    free = shutil.disk_usage(there).free
    if free < FREE_WANTED_BYTES:
        yield Finding(
            "note", f"{words.size(free)} are free for {folder}", "Free some room: caches and logs grow."
        )
    else:
        yield Finding("ok", f"data folder {folder}, {words.size(free)} free")
    token = folder / "admin-token"
    if token.is_file() and token.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding("bad", f"{token} can be read by others", f"Run chmod 600 {token}.")


def _running(config: Path | None, data: Path | None) -> Iterator[Finding]:
    from edgefaas.errors import EdgeError

    try:
        remote: Remote = find_remote(admin=None, token=None, data=data, config=config, as_json=False)
        health = remote.get("/v1/health")
    except EdgeError:
        yield Finding("note", "no POP of this site runs here", "Start one with edgefaas up.")
        yield from map(_port, (8080, 8079))
        return
    state = "ok" if health["status"] == "ok" else "bad"
    running = f"{health['running']} of {health['workers']} workers"
    yield Finding(state, f"a POP runs: {running}", "" if state == "ok" else "See edgefaas logs --level warn.")


def _port(number: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            option = "--listen" if number == 8080 else "--admin"  # noqa: PLR2004  # the default
            return Finding(
                "note", f"port {number} is in use", f"Stop what uses it, or choose {option} HOST:PORT."
            )
    return Finding("ok", f"port {number} is free")
