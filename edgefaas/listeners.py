"""The listening sockets of one worker, open to viewers: plain, and with TLS.

uvicorn's server counts and drains the connections of all of them; limits, networks and certificates are the
site's, and change with it for the connections from then on. Not pure: owns sockets, reads certificates.
"""

import asyncio
import logging
import resource
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from edgefaas import wire
from edgefaas.contract import ViewerSide
from edgefaas.crowd import Crowd, Door, TurnedAway
from edgefaas.errors import ConfigError
from edgefaas.listen import BACKLOG
from edgefaas.site import Certificate, ListenPolicy, Site
from edgefaas.watching import Snapshot, snapshot

if TYPE_CHECKING:
    from edgefaas.http2 import Http2

CERTIFICATES_LOOK_S = 2.0
OWN_DESCRIPTORS = 2048  # of a worker beside its viewers': origins, bodies that are kept open, the engine's

log = logging.getLogger("edgefaas.listeners")


@dataclass(frozen=True, slots=True)
class Inherited:
    """The sockets that a worker was given; ``tls`` may be missing."""

    plain: socket.socket
    tls: socket.socket | None = None

    def close(self) -> None:
        """Let go of them in this process."""
        self.plain.close()
        if self.tls is not None:
            self.tls.close()


class Listeners:
    """What viewers of one worker reach it by."""

    def __init__(self, pop: ViewerSide, sockets: Inherited, site: Site, *, http2: bool = False) -> None:
        """Load the certificates. Raises ConfigError."""
        self._sockets = sockets
        self._site = site
        self._certificates: wire.Certificates | None = None
        self._seen: Snapshot = {}
        self._accepting: list[Crowd] = []
        if sockets.tls is not None:
            self._seen = snapshot(_files(site.certificates))
            self._certificates = wire.Certificates(site.certificates, http2=http2)
        settings = _settings(site.listening)
        self._plain = wire.bind(pop, settings)
        self._secure = wire.bind(pop, replace(settings, proxy_trusted=()))
        self._http2 = _over_http2(pop, settings) if http2 else None

    async def open(self, server: uvicorn.Server) -> None:
        """Take viewers from now on, in the name of a server that has started."""
        await self._listen(server, self._sockets.plain, self._plain)
        if self._sockets.tls is not None and self._certificates is not None:
            await self._listen(server, self._sockets.tls, self._secure, self._certificates.context)

    async def _listen(
        self,
        server: uvicorn.Server,
        sock: socket.socket,
        protocol: type[wire.WireProtocol],
        context: ssl.SSLContext | None = None,
    ) -> None:
        loop, state = asyncio.get_running_loop(), server.server_state

        # With TLS a refusal needs a handshake first, and perhaps HTTP/2: there the connection itself refuses.
        door = Door(state, protocol) if context is None else None

        def connected() -> asyncio.Protocol:
            if door is not None and door.is_full(0):
                return TurnedAway(door)
            if context is not None and self._http2 is not None:
                return self._http2.protocol(state, lambda: protocol(None, state))
            return protocol(None, state)

        # The handshake is part of what the head's deadline is for.
        timeout_s = None if context is None else self._site.listening.head_timeout_s
        if sock.family == socket.AF_UNIX:
            opened = await loop.create_unix_server(connected, sock=sock, backlog=BACKLOG)
        else:
            opened = await loop.create_server(
                connected, sock=sock, backlog=BACKLOG, ssl=context, ssl_handshake_timeout=timeout_s
            )
        server.servers.append(opened)
        self._accepting.append(Crowd(sock.dup(), connected, door, context, timeout_s))

    def close(self) -> None:
        """Take no more of a crowd; the server stops the rest."""
        for crowd in self._accepting:
            crowd.close()

    def apply(self, site: Site) -> None:
        """Follow a site that was read again. Raises ConfigError, and then nothing has changed."""
        if self._certificates is not None:
            seen = snapshot(_files(site.certificates))
            self._certificates.replace(site.certificates)
            self._seen = seen
        self._site = site
        settings = _settings(site.listening)
        self._plain.settings = settings
        self._secure.settings = replace(settings, proxy_trusted=())
        if self._http2 is not None:
            self._http2.apply(settings)

    async def watch(self) -> None:
        """Take certificates into force as their files are replaced, until cancelled."""
        if self._certificates is None:
            return
        while True:
            await asyncio.sleep(CERTIFICATES_LOOK_S)
            self.look(self._certificates)

    def look(self, certificates: wire.Certificates) -> None:
        """Read the certificates again if a file of theirs was replaced since the last look."""
        seen = snapshot(_files(self._site.certificates))
        if seen == self._seen:
            return
        self._seen = seen
        try:
            certificates.reload()
        except ConfigError as error:  # perhaps the key is still to come; that changes a file again
            log.warning("the certificates stay as they were: %s", error.advice)


def _over_http2(pop: ViewerSide, settings: wire.WireSettings) -> "Http2":
    from edgefaas.http2 import Http2  # an optional dependency, and slow to load

    return Http2(pop, settings)


def _files(certificates: Sequence[Certificate]) -> list[Path]:
    return [path for item in certificates for path in (item.chain, item.key)]


def _settings(policy: ListenPolicy) -> wire.WireSettings:
    return wire.WireSettings(
        head_timeout_s=policy.head_timeout_s,
        body_idle_timeout_s=policy.body_timeout_s,
        keep_alive_timeout_s=policy.idle_timeout_s,
        write_stall_timeout_s=policy.write_timeout_s,
        body_limit_bytes=policy.body_limit_bytes,
        connections_max=allow_connections(policy.connections_max),
        proxy_trusted=policy.proxy_protocol,
    )


def allow_connections(wanted: int) -> int:
    """Raise this process's limit of open files to what so many viewers need; return how many it allows.

    Fewer than ``wanted`` where the hard limit is lower: viewers on top are then refused, not left waiting.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OWN_DESCRIPTORS
    unlimited = hard == resource.RLIM_INFINITY
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if unlimited else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    allowed = max(soft - OWN_DESCRIPTORS, soft // 2)
    log.warning(
        "this system allows a worker %d open files, so it takes %d connections, not %d", soft, allowed, wanted
    )
    return allowed
