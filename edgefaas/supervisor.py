"""``edgefaas up``: one POP in the foreground. Owns the data folder, the sockets, the store and the workers.

The order of the start: lock, sockets, store, workers with what is live, functions of the site's file, purges
of the last day, and only then viewers. SIGTERM and Ctrl-C drain; SIGHUP reads the site's file again.
"""

import asyncio
import importlib.util
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import uvloop

from edgefaas.background import Background
from edgefaas.config import load_site
from edgefaas.control.access import Access
from edgefaas.control.api import Guard, make_app
from edgefaas.control.audit import AuditLog
from edgefaas.control.blobs import Blobs
from edgefaas.control.catalogue import ControlPlane, endpoints
from edgefaas.control.deploy import HEALTH_CHECK, Builder, Deployer, Shelf
from edgefaas.control.equipment import EquippedWorkers
from edgefaas.control.folder import DataFolder
from edgefaas.control.front_door import admin_server
from edgefaas.control.hub import LogHub
from edgefaas.control.keyring import KEY_FILE, Key, KeyRing
from edgefaas.control.kv import KvKeeper
from edgefaas.control.purging import Purger, boot_id
from edgefaas.control.rollout import Rollout
from edgefaas.control.rollout_watch import RolloutWatch, Watched
from edgefaas.control.seeding import seed
from edgefaas.control.store import Store
from edgefaas.control.thread import DiskThread
from edgefaas.control.vault import Vault
from edgefaas.errors import EdgeError, UnknownFunctionError, UsageError
from edgefaas.fleet import Fleet
from edgefaas.listen import Address, UnixAddress, bind, bound_address, is_loopback, parse_address, withdraw
from edgefaas.listeners import Inherited
from edgefaas.named import named
from edgefaas.onlooker import Onlooker
from edgefaas.pretence import pretending
from edgefaas.quiet import QuietServer
from edgefaas.sampling import Sampler
from edgefaas.site import Pretence, Site
from edgefaas.tracing.exporter import Exporter
from edgefaas.workerprocess import Launch

RELOAD = "POST /v1/site/reload"  # what SIGHUP counts as in the audit log

log = logging.getLogger("edgefaas.supervisor")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What ``edgefaas up`` was asked for. ``app`` and ``builder`` are ``module:Class``."""

    config: Path
    listen: Address | UnixAddress
    admin: Address
    data: Path
    workers: int
    listen_tls: Address | None = None  # None: as the site says
    http2: bool = False
    drain_s: float | None = None  # None: as the site says
    keys: tuple[Key, ...] = ()  # that seal secrets; none: those of the data folder
    keys_where: str = KEY_FILE
    app: str = "edgefaas.app:PopApp"
    builder: str = "sandbox:Builder"
    pretence: Pretence | None = None  # of a POP for who writes its functions


class BuilderFactory(Protocol):
    """How the supervisor makes its builder."""

    def __call__(self, *, artifacts: Path) -> Builder:
        """Return a builder that leaves what it makes in ``artifacts``."""
        ...


class Supervisor:
    """One running POP."""

    def __init__(self, options: UpOptions, site: Site, folder: DataFolder, builder: Builder) -> None:
        self._options = options
        self._site = site
        self._folder = folder
        self._builder = builder
        self._background = Background()
        self._watching = Background()  # what goes on for ever: a drain does not wait for it
        self._reloading = asyncio.Lock()
        self._stop = asyncio.Event()
        self._started_s = time.monotonic()
        self._had_terminal = _has_terminal()
        self.interrupted = False

        self._disk = DiskThread()
        self._store = Store(folder.store)
        self._access = Access(self._store, folder=folder.path)
        self._audit = AuditLog(self._store, self._disk, clock=_wall_s)
        self._hub = LogHub(folder.logs)
        self._shelf = Shelf(
            store=self._store,
            blobs=Blobs(folder.blobs),
            artifacts=folder.artifacts,
            disk=self._disk,
        )
        self._tls = secure_address(options, site)
        self._sockets = bind_all(options, self._tls)
        (self._admin_socket,) = bind(options.admin, count=1, option="--admin")
        launch = Launch(
            artifacts=str(folder.artifacts), data=str(folder.pop), app=options.app, http2=options.http2
        )
        self._exporter = Exporter(site)
        self._fleet = Fleet(
            self._sockets,
            launch,
            site,
            on_logs=self._hub.take,
            on_spans=self._exporter.take,
            on_ask=self._asked,
        )
        self._sampler = Sampler(
            self._fleet,
            site,
            onlooker=lambda site: Onlooker(site, self._watching, _wall_s),
            wall_s=_wall_s,
        )
        self._vault = Vault(self._store, KeyRing(folder.path, given=options.keys, where=options.keys_where))
        self._equipped = EquippedWorkers(self._fleet, self._vault, disk=self._disk, clock=_wall_s)
        self._deployer = Deployer(self._shelf, builder=builder, workers=self._equipped, clock=_wall_s)
        self._purger = Purger(self._store, self._disk, workers=self._fleet, clock=_wall_s)
        self._kv = KvKeeper(folder.path, live=self._deployer.functions, clock=_wall_s)

    # What the admin API asks

    @property
    def site(self) -> Site:
        """Return the site that is served."""
        return self._site

    async def reload(self) -> list[str]:
        """Read the site's file again and serve it. Raises EdgeError; then the old site stays."""
        async with self._reloading:
            site = await self._disk.run(read_site, self._options)
            warnings = await self._seed(site)
            await self._kv.configure(site.kv)
            try:
                await self._fleet.reconfigure(site)
            except BaseException:
                await self._kv.configure(self._site.kv)
                raise
            self._exporter.apply(site)
            if self._options.listen_tls is None and site.listening.tls != self._site.listening.tls:
                warnings.append("listen.tls is changed: that takes a restart")
            self._site = site
            self._sampler.reconfigure(site)
        return warnings

    async def _asked(self, op: str, args: Mapping[str, Any]) -> Any:
        """Answer a worker, which may be a stranger's by now."""
        if op == "kv.write":
            return await self._kv.write_for(args, mono_s=time.monotonic())
        raise EdgeError(f"The supervisor has no operation {op[:80]!r}", remedy="Start the POP again.")

    async def invoke(self, function: str, event: bytes) -> dict[str, Any]:
        """Run a function once."""
        return await self._fleet.invoke(function, event)

    async def explain(self, address: str) -> dict[str, Any]:
        """Say where a viewer would be served, and why. Raises ConfigError."""
        return await self._fleet.explain(address)

    async def stats(self) -> list[dict[str, Any]]:
        """Return every worker's counters."""
        return await self._fleet.stats()

    async def live(self, *, history: bool, idle: bool) -> dict[str, Any]:
        """Return what this POP and its mesh do just now."""
        return await self._sampler.live(history=history, idle=idle)

    @property
    def workers(self) -> list[dict[str, Any]]:
        """Return every worker's state."""
        return self._fleet.state

    @property
    def own_metrics(self) -> dict[str, float]:
        """Return the supervisor's own numbers."""
        return {
            "uptime_seconds": time.monotonic() - self._started_s,
            "workers": len(self._sockets),
            "worker_restarts_total": self._fleet.restarts,
            "functions": len(self._deployer.functions()),
            "spans_exported_total": self._exporter.exported,
            "spans_dropped_total": self._exporter.dropped,
            "log_lines_dropped_total": self._hub.lost_lines,
        }

    # Life

    async def run(self) -> None:
        """Start, serve until told to stop, drain. Raises EdgeError when the start fails."""
        self._take_signals()
        listen = bound_address(self._options.listen, self._sockets[0].plain)
        admin = bound_address(self._options.admin, self._admin_socket)
        secure = self._sockets[0].tls
        tls = bound_address(self._tls, secure).secure_url if self._tls and secure else ""
        try:
            server = await self._started()
            if server is None:  # told to stop before anything was served
                await self._give_up()
                return
            self._folder.announce(admin=admin.url, listen=listen.url)
            if not self._stop.is_set():
                sys.stdout.write(f"ready {listen.url}{f' {tls}' if tls else ''}\n")
                sys.stdout.flush()
            await self._stop.wait()
            await self._end(server)
        except BaseException:
            self._fleet.kill()
            raise
        finally:
            self._folder.withdraw()
            withdraw(self._options.listen)
            self._disk.close()
            self._store.close()
            self._kv.close()

    async def _started(self) -> QuietServer | None:
        """Start; return None when told to stop meanwhile, at once: what a kill would leave whole, this does too."""
        loop = asyncio.get_running_loop()
        starting, stopped = loop.create_task(self._start()), loop.create_task(self._stop.wait())
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if starting.done():
            return starting.result()
        starting.cancel()
        await asyncio.wait({starting})
        return None if starting.cancelled() else starting.result()

    async def _give_up(self) -> None:
        """End everything that a start had begun; no viewer was there."""
        await self._fleet.abandon()
        self._hub.end_streams()
        await self._watching.close()
        await self._close()

    async def _start(self) -> QuietServer:
        await self._disk.run(self._access.load, now_s=_wall_s())
        await self._disk.run(self._store.prune, now_s=_wall_s())
        await self._disk.run(self._vault.load)
        await self._deployer.house.collect()
        await self._kv.configure(self._site.kv)
        await self._hub.load()
        for warning in await self._deployer.restore():
            log.warning("%s", warning)
        refused = await self._fleet.start(self._equipped.equip(self._deployer.running))
        for name, reason in refused.items():
            log.warning("function %s is left out: %s", name, reason)
            self._deployer.leave_out(name)
        self._equipped.started(self._deployer.running)
        for warning in await self._seed(self._site):
            log.warning("%s", warning)
        self._refuse_missing()
        await self._purger.repeat(boot=boot_id())
        self._background.start(self._builder.prepare(), name="spare builder")
        self._watching.keep(self._sampler.run, name="sampler")
        self._watching.keep(self._rollout_watch().run, name="rollouts")
        self._watching.keep(
            lambda: self._deployer.house.tidy(lambda: self._site.keep_versions), name="pruning"
        )
        server = self._admin_server()
        self._background.start(server.serve(sockets=[self._admin_socket]), name="admin API")
        await self._fleet.serve()
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event
            await asyncio.sleep(0.002)
        return server

    async def _seed(self, site: Site) -> list[str]:
        return await seed(site.functions, deployer=self._deployer, store=self._store, disk=self._disk)

    def _refuse_missing(self) -> None:
        """Refuse to serve a site one of whose functions has no version that runs."""
        for name in self._site.functions:
            if name not in self._deployer.live:
                raise UnknownFunctionError(
                    f'Function "{name}" of {self._options.config.name} has no version that runs',
                    remedy="Correct its source, and start again.",
                )

    def _rollout_watch(self) -> RolloutWatch:
        return RolloutWatch(
            Watched(
                deploys=self._deployer,
                rollouts=lambda: self._disk.run(self._store.rollouts),
                stats=self._fleet.stats,
                clock=time.monotonic,
                told=self._taken_back,
            )
        )

    async def _taken_back(self, group: Sequence[Rollout], reason: str) -> None:
        """Write what the POP took back by itself where everybody's changes are written."""
        await self._audit.note(
            actor=HEALTH_CHECK,
            action="rollback",
            target=", ".join(item.function for item in group),
            status=200,
            detail=reason,
        )

    def _admin_server(self) -> QuietServer:
        plane = ControlPlane(
            pop=self,
            shelf=self._shelf,
            deployer=self._deployer,
            workers=self._equipped,
            purger=self._purger,
            vault=self._vault,
            keeper=self._kv,
            hub=self._hub,
            access=self._access,
            audit=self._audit,
        )
        guard = Guard(
            access=self._access,
            audit=self._audit,
            background=self._background,
            clock=_wall_s,
        )
        return admin_server(make_app(endpoints(plane), guard))

    async def _end(self, server: QuietServer) -> None:
        """Stop changes, drain viewers, and close."""
        self._hub.end_streams()
        await self._watching.close()
        server.should_exit = True
        policy = self._site.listening
        timeout_s = policy.drain_timeout_s if self._options.drain_s is None else self._options.drain_s
        await asyncio.gather(
            self._fleet.drain(grace_s=policy.drain_grace_s, timeout_s=timeout_s),
            self._background.drain(timeout_s=timeout_s),
        )
        await self._close()

    async def _close(self) -> None:
        """Let go of what serves no viewer, and write the last lines."""
        await self._background.close()
        await self._builder.close()
        await self._hub.close()
        await self._exporter.close()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _interrupt(self) -> None:
        """Drain at the first Ctrl-C, end at the second."""
        if self.interrupted:
            self._fleet.kill()
            os._exit(130)
        self.interrupted = True
        self._stop.set()

    def _hang_up(self) -> None:
        """Read the site again; but a terminal that was closed means the end."""
        if self._had_terminal and not _has_terminal():
            self._stop.set()
            return
        self._background.start(self._reload_quietly(), name="reload")

    async def _reload_quietly(self) -> None:
        status, detail = 200, ""
        try:
            for warning in await self.reload():
                log.warning("%s", warning)
            log.warning("the site %s was read again", self._site.name)
        except EdgeError as error:
            log.error("the site is not changed: %s", error.advice)  # noqa: TRY400
            status, detail = 422, str(error)  # as for who asks the admin API
        await self._audit.note(actor="SIGHUP", action=RELOAD, target="", status=status, detail=detail)


def up(options: UpOptions) -> int:
    """Run a POP until it is told to stop; return the exit code. Raises EdgeError when it cannot start."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="edgefaas: %(levelname)s %(message)s"
    )
    os.umask(0o077)  # the data folder holds environments and a token
    site = read_site(options)
    if options.http2:
        refuse_http2(options, site)
    make_builder: BuilderFactory = named(options.builder)
    folder = DataFolder(options.data)

    async def live() -> int:
        supervisor = Supervisor(options, site, folder, make_builder(artifacts=folder.artifacts))
        await supervisor.run()
        return 130 if supervisor.interrupted else 0

    if not is_loopback(options.admin):
        log.warning(
            "the admin API listens on %s without encryption: let only a network that you trust reach it",
            options.admin.host,
        )
    with folder.locked(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(live())


def read_site(options: UpOptions) -> Site:
    """Return the site as it is to be served. Raises ConfigError."""
    site = load_site(options.config)
    return site if options.pretence is None else pretending(site, options.pretence)


def secure_address(options: UpOptions, site: Site) -> Address | None:
    """Return where to listen with TLS, if anywhere. Raises UsageError: there is no certificate."""
    if options.listen_tls is None:
        return parse_address(site.listening.tls, option="listen.tls") if site.listening.tls else None
    if not site.certificates:
        raise UsageError(
            f"--listen-tls needs a certificate, and {options.config.name} has none",
            remedy="Add [[certificates]] with hosts, certificate and key.",
        )
    return options.listen_tls


def refuse_http2(options: UpOptions, site: Site) -> None:
    """Refuse HTTP/2 where it cannot be had. Raises UsageError."""
    if importlib.util.find_spec("hypercorn") is None:
        raise UsageError(
            "--http2 needs hypercorn, which is not installed", remedy="pip install 'edgefaas[http2]'"
        )
    if options.listen_tls is None and not site.listening.tls:
        raise UsageError(
            "--http2 needs a listener with TLS, where viewers choose it",
            remedy="Add --listen-tls HOST:PORT and [[certificates]].",
        )


def bind_all(options: UpOptions, tls: Address | None) -> list[Inherited]:
    """Return the sockets of every worker. Raises StateError."""
    plain = bind(options.listen, count=options.workers, option="--listen")
    if tls is None:
        return [Inherited(sock) for sock in plain]
    secure = bind(tls, count=options.workers, option="--listen-tls")
    return [Inherited(*pair) for pair in zip(plain, secure, strict=True)]


def _has_terminal() -> bool:
    """Say whether standard input is this session's terminal; one that was closed is none."""
    try:
        return os.tcgetpgrp(0) > 0
    except OSError:
        return False


def _wall_s() -> float:
    return time.time()  # noqa: TID251  # the clock's edge of the supervisor
