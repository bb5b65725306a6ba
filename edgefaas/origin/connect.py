"""Open a connection to an origin: happy eyeballs over its addresses (RFC 8305), then TLS when asked. Not pure."""

import asyncio
import contextlib
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
    running: set[asyncio.Task[P]] = set()
    waiting = list(addresses)
    last_error: OSError = OSError("no address")
    winner: P | None = None
    try:
        while winner is None and (waiting or running):
            if waiting:
                running.add(loop.create_task(attempt(waiting.pop(0))))
            done, running = await asyncio.wait(
                running,
                timeout=ATTEMPT_DELAY_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                error = task.exception()
                if error is None and winner is None:
                    winner = task.result()
                elif error is None:
                    _drop(task.result())
                elif isinstance(error, OSError):
                    last_error = error
                else:
                    raise error
    finally:
        for task in running:
            task.cancel()
        for task in running:
            with contextlib.suppress(asyncio.CancelledError, OSError):
                _drop(await task)
    if winner is None:
        raise last_error
    return winner


def _drop(protocol: asyncio.Protocol) -> None:
    transport = getattr(protocol, "transport", None)
    if transport is not None:
        transport.abort()
