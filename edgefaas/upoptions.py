"""What ``edgefaas up`` was asked for, and what follows from it and the site: addresses, sockets, refusals."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from edgefaas.config import load_site
from edgefaas.control.keyring import KEY_FILE, Key
from edgefaas.errors import UsageError
from edgefaas.listen import Address, UnixAddress, bind, parse_address
from edgefaas.listeners import Inherited
from edgefaas.pretence import pretending
from edgefaas.site import Pretence, Site


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
