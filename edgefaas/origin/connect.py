"""Open a connection to an origin: happy eyeballs over its addresses (RFC 8305), then TLS when asked. Not pure."""

import asyncio
import math
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from edgefaas.errors import ConfigError, OriginError, OriginTimeoutError
from edgefaas.origin.dns import Resolver

ATTEMPT_DELAY_S = 0.25  # RFC 8305, 5: the recommended pause before the next address is tried as well

P = TypeVar("P", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an origin listens. ``prefix`` is put before each path; ``authority`` is its own Host."""

    scheme: str
    host: str
    port: int
    authority: str
    prefix: str


def endpoint_of(url: str) -> Endpoint:
    """Return the endpoint that an origin's ``url`` names. Raises ConfigError."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or port == 0
        or parts.query
        or parts.fragment
    ):
        raise ConfigError(
            f"The origin url {url!r} is not usable", remedy="Write http://host:port or https://host."
        )
    default = 443 if parts.scheme == "https" else 80
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = name if port in (None, default) else f"{name}:{port}"
    return Endpoint(parts.scheme, parts.hostname, port or default, authority, parts.path.rstrip("/"))


async def open_connection(
    make_protocol: Callable[[], P],
    endpoint: Endpoint,
    *,
    resolver: Resolver,
    tls: ssl.SSLContext | None,
    timeout_s: float,
) -> P:
    """Return a connected protocol.

    Raises:
        OriginTimeoutError: no address took the connection (TLS included) within ``timeout_s``.
        OriginError: every address refused it, or the certificate is not good for the name.
    """
    try:
        async with asyncio.timeout(timeout_s):
            addresses = await resolver.resolve(endpoint.host)
            return await _race(make_protocol, endpoint, addresses, tls)
    except TimeoutError as error:
        raise OriginTimeoutError(
            f"{endpoint.scheme}://{endpoint.authority} took no connection within {timeout_s:g} s",
            remedy="Check that the origin is up, or raise its connect_timeout.",
        ) from error
    except OSError as error:  # ssl.SSLError is one
        raise OriginError(
            f"{endpoint.scheme}://{endpoint.authority} cannot be connected to: {error}",
            remedy="Check the origin's url, and that the origin is up"
            + (" with a certificate for its name." if tls is not None else "."),
        ) from error


async def _race(
    make_protocol: Callable[[], P], endpoint: Endpoint, addresses: tuple[str, ...], tls: ssl.SSLContext | None
) -> P:
    """Start on one address after the other, each a little later; the first to connect wins."""
    loop = asyncio.get_running_loop()

    async def attempt(address: str) -> P:
        _, protocol = await loop.create_connection(
            make_protocol,
            address,
            endpoint.port,
            ssl=tls,
            server_hostname=endpoint.host if tls is not None else None,
        )
        return protocol

    if len(addresses) == 1:
        return await attempt(addresses[0])
    tasks: list[asyncio.Task[P]] = []
    winner: asyncio.Task[P] | None = None
    try:
        for address in addresses:
            tasks.append(loop.create_task(attempt(address)))
            winner = await _first_success(tasks, timeout_s=ATTEMPT_DELAY_S)
            if winner is not None:
                break
        winner = winner or await _first_success(tasks, timeout_s=None)
        return (winner or tasks[-1]).result()
    finally:
        for task in tasks:
            if task is not winner:
                task.cancel()
                task.add_done_callback(_drop)


async def _first_success(tasks: list[asyncio.Task[P]], *, timeout_s: float | None) -> asyncio.Task[P] | None:
    """Return a task that has succeeded; None when all have failed, or after the time."""
    deadline_s = math.inf if timeout_s is None else asyncio.get_running_loop().time() + timeout_s
    while True:
        running = [task for task in tasks if not task.done()]
        succeeded = [task for task in tasks if task.done() and task.exception() is None]
        left_s = deadline_s - asyncio.get_running_loop().time()
        if succeeded or not running or left_s <= 0:
            return succeeded[0] if succeeded else None
        await asyncio.wait(
            running, timeout=None if timeout_s is None else left_s, return_when=asyncio.FIRST_COMPLETED
        )


def _drop(task: "asyncio.Task[P]") -> None:
    """Close what a loser of the race has connected."""
    if task.cancelled() or task.exception() is not None:
        return
    transport = getattr(task.result(), "transport", None)
    if transport is not None:
        transport.abort()
