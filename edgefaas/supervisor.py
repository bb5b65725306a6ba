"""The life of a POP: owns its sockets, its workers and its control plane; starts, serves, drains.

The order of the start, in a data folder that is locked: store, sockets, workers with what is live, functions of the
site's file, purges of the last day, and only then viewers. SIGTERM and Ctrl-C drain; SIGHUP reads the site again.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from edgefaas.background import Background
from edgefaas.control.api import Guard, make_app
from edgefaas.control.catalogue import endpoints
from edgefaas.control.folder import DataFolder
from edgefaas.control.front_door import admin_server
from edgefaas.control.hub import LogHub
from edgefaas.control.keyring import KeyRing
from edgefaas.control.plane import ControlPlane, open_shelf
from edgefaas.control.purging import boot_id
from edgefaas.control.workshop import Builder
from edgefaas.errors import EdgeError, UnknownFunctionError
from edgefaas.fleet import Fleet
from edgefaas.listen import bind, bound_address, withdraw
from edgefaas.onlooker import Onlooker
from edgefaas.quiet import QuietServer
from edgefaas.runningpop import RunningPop
from edgefaas.sampling import Sampler
from edgefaas.signals import Signals
from edgefaas.site import Site
from edgefaas.tracing.exporter import Exporter
from edgefaas.upoptions import UpOptions, bind_all, secure_address
from edgefaas.workerprocess import Hearers, Launch

RELOAD = "POST /v1/site/reload"  # what SIGHUP counts as in the audit log

log = logging.getLogger("edgefaas.supervisor")


class Supervisor:
    """One running POP."""

    def __init__(self, options: UpOptions, site: Site, folder: DataFolder, builder: Builder) -> None:
        self._options = options
        self._folder = folder
        self._builder = builder
        self._background = Background()
        self._watching = Background()  # what goes on for ever: a drain does not wait for it

        shelf = open_shelf(folder)
        hub = LogHub(folder.logs)
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
            Hearers(logs=hub.take, spans=self._exporter.take, ask=self._asked),
        )
        self._signals = Signals(reload=self._hang_up, kill=self._fleet.kill)
        self._sampler = Sampler(
            self._fleet,
            site,
            onlooker=lambda site: Onlooker(site, self._watching, _wall_s),
            wall_s=_wall_s,
        )
        self._plane = ControlPlane(
            shelf,
            hub,
            folder=folder.path,
            keys=KeyRing(folder.path, given=options.keys, where=options.keys_where),
            builder=builder,
            workers=self._fleet,
            clock=_wall_s,
        )
        self._pop = RunningPop(
            options,
            site,
            fleet=self._fleet,
            plane=self._plane,
            sampler=self._sampler,
            exporter=self._exporter,
        )

    @property
    def interrupted(self) -> bool:
        """Say whether it was ended by Ctrl-C."""
        return self._signals.interrupted

    async def run(self) -> None:
        """Start, serve until told to stop, drain. Raises EdgeError when the start fails."""
        self._signals.take()
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
            if not self._signals.stop.is_set():
                sys.stdout.write(f"ready {listen.url}{f' {tls}' if tls else ''}\n")
                sys.stdout.flush()
            await self._signals.stop.wait()
            await self._end(server)
        except BaseException:
            self._fleet.kill()
            raise
        finally:
            self._folder.withdraw()
            withdraw(self._options.listen)
            self._plane.close()

    async def _asked(self, op: str, args: Mapping[str, Any]) -> Any:
        """Answer a worker, which may be a stranger's by now."""
        if op == "kv.write":
            return await self._plane.keeper.write_for(args, mono_s=time.monotonic())
        raise EdgeError(f"The supervisor has no operation {op[:80]!r}", remedy="Start the POP again.")

    async def _started(self) -> QuietServer | None:
        """Start; return None when told to stop meanwhile, at once: what a kill would leave whole, this does too."""
        loop = asyncio.get_running_loop()
        starting, stopped = loop.create_task(self._start()), loop.create_task(self._signals.stop.wait())
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
        self._plane.hub.end_streams()
        await self._watching.close()
        await self._close()

    async def _start(self) -> QuietServer:
        plane = self._plane
        await plane.load(self._pop.site)
        for warning in await plane.deployer.restore():
            log.warning("%s", warning)
        refused = await self._fleet.start(plane.workers.equip(plane.deployer.running))
        for name, reason in refused.items():
            log.warning("function %s is left out: %s", name, reason)
            plane.deployer.leave_out(name)
        plane.workers.started(plane.deployer.running)
        for warning in await plane.seed(self._pop.site):
            log.warning("%s", warning)
        self._refuse_missing()
        await plane.purger.repeat(boot=boot_id())
        self._background.start(self._builder.prepare(), name="spare builder")
        self._watching.keep(self._sampler.run, name="sampler")
        watch = plane.rollout_watch(stats=self._fleet.stats, mono_s=time.monotonic)
        self._watching.keep(watch.run, name="rollouts")
        self._watching.keep(
            lambda: plane.deployer.house.tidy(lambda: self._pop.site.keep_versions), name="pruning"
        )
        server = self._admin_server()
        self._background.start(server.serve(sockets=[self._admin_socket]), name="admin API")
        await self._fleet.serve()
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event
            await asyncio.sleep(0.002)
        return server

    def _refuse_missing(self) -> None:
        """Refuse to serve a site one of whose functions has no version that runs."""
        for name in self._pop.site.functions:
            if name not in self._plane.deployer.live:
                raise UnknownFunctionError(
                    f'Function "{name}" of {self._options.config.name} has no version that runs',
                    remedy="Correct its source, and start again.",
                )

    def _admin_server(self) -> QuietServer:
        guard = Guard(
            access=self._plane.access,
            audit=self._plane.audit,
            background=self._background,
            clock=_wall_s,
        )
        return admin_server(make_app(endpoints(self._plane, pop=self._pop), guard))

    async def _end(self, server: QuietServer) -> None:
        """Stop changes, drain viewers, and close."""
        self._plane.hub.end_streams()
        await self._watching.close()
        server.should_exit = True
        policy = self._pop.site.listening
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
        await self._plane.hub.close()
        await self._exporter.close()

    def _hang_up(self) -> None:
        self._background.start(self._reload_quietly(), name="reload")

    async def _reload_quietly(self) -> None:
        status, detail = 200, ""
        try:
            for warning in await self._pop.reload():
                log.warning("%s", warning)
            log.warning("the site %s was read again", self._pop.site.name)
        except EdgeError as error:
            log.error("the site is not changed: %s", error.advice)  # noqa: TRY400
            status, detail = 422, str(error)  # as for who asks the admin API
        await self._plane.audit.note(actor="SIGHUP", action=RELOAD, target="", status=status, detail=detail)


def _wall_s() -> float:
    return time.time()  # noqa: TID251  # the clock's edge of the supervisor
