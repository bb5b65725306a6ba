"""Certificates of a POP: one per host, chosen by SNI, replaced without dropping a connection. Not pure: reads files.

``Certificates(...).context`` is one ``ssl.SSLContext`` for the life of the listener; ``reload()`` takes new files
into force for the handshakes from then on. HTTP/1.1 is what is offered by ALPN.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefaas.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate chain and its key (PEM files), for ``hosts``: names or ``*.names``; lower case."""

    hosts: tuple[str, ...]
    chain: Path
    key: Path


def choose(names: Sequence[str], server_name: str | None) -> str | None:
    """Return the entry of ``names`` for a server name: itself, else its wildcard, else None. Pure.

    A wildcard stands for exactly one label (RFC 6125, 6.4.3).
    """
    if server_name is None:
        return None
    wanted = server_name.lower().removesuffix(".")
    if wanted in names:
        return wanted
    wildcard = "*." + wanted.partition(".")[2]
    return wildcard if wildcard in names else None


class Certificates:
    """The certificates in force; the first is for viewers who send no name, or an unknown one."""

    def __init__(self, certificates: Sequence[Certificate]) -> None:
        """Load the files. Raises ConfigError."""
        if not certificates:
            raise ConfigError("There is no certificate", remedy="Name a certificate and its key.")
        self._certificates = tuple(certificates)
        self._default, self._by_name = self._load()
        self.context = _new_context()
        self._load_into(self.context, self._certificates[0])
        self.context.sni_callback = self._choose

    def reload(self) -> None:
        """Read the files again. Raises ConfigError, and then what was in force stays in force."""
        self._default, self._by_name = self._load()

    def _choose(self, connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
        name = choose(list(self._by_name), server_name)
        connection.context = self._default if name is None else self._by_name[name]

    def _load(self) -> tuple[ssl.SSLContext, dict[str, ssl.SSLContext]]:
        by_name: dict[str, ssl.SSLContext] = {}
        contexts: list[ssl.SSLContext] = []
        for certificate in self._certificates:
            context = _new_context()
            self._load_into(context, certificate)
            contexts.append(context)
            for host in certificate.hosts:
                by_name.setdefault(host.lower(), context)
        return contexts[0], by_name

    def _load_into(self, context: ssl.SSLContext, certificate: Certificate) -> None:
        try:
            context.load_cert_chain(certificate.chain, certificate.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"The certificate {certificate.chain} with key {certificate.key} cannot be used: {error}",
                remedy="Give a PEM chain and the unencrypted key that belongs to it.",
            ) from error


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
