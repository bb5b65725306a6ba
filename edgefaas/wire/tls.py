"""Certificates of a POP: one per host, chosen by SNI, replaced without dropping a connection. Not pure: reads files.

``Certificates(...).context`` is one ``ssl.SSLContext`` for the life of the listener; ``reload()`` takes new files
into force for the handshakes from then on, ``replace(certificates)`` others. HTTP/1.1 is what is offered by ALPN
(and first HTTP/2, where ``http2`` says so).
"""

import ssl
from collections.abc import Sequence

from edgefaas.errors import ConfigError
from edgefaas.site import Certificate


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

    def __init__(self, certificates: Sequence[Certificate], *, http2: bool = False) -> None:
        """Load the files. Raises ConfigError."""
        self._protocols = ["h2", "http/1.1"] if http2 else ["http/1.1"]
        self.replace(certificates)
        self.context = self._new_context()
        _load_into(self.context, self._certificates[0])
        self.context.sni_callback = self._choose

    def reload(self) -> None:
        """Read the files again. Raises ConfigError, and then what was in force stays in force."""
        self.replace(self._certificates)

    def replace(self, certificates: Sequence[Certificate]) -> None:
        """Take other files into force. Raises ConfigError, and then what was in force stays in force."""
        if not certificates:
            raise ConfigError("There is no certificate", remedy="Name a certificate and its key.")
        by_name: dict[str, ssl.SSLContext] = {}
        contexts: list[ssl.SSLContext] = []
        for certificate in certificates:
            context = self._new_context()
            _load_into(context, certificate)
            contexts.append(context)
            for host in certificate.hosts:
                by_name.setdefault(host.lower(), context)
        self._certificates, self._default, self._by_name = tuple(certificates), contexts[0], by_name

    def _choose(self, connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
        name = choose(list(self._by_name), server_name)
        connection.context = self._default if name is None else self._by_name[name]

    def _new_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(self._protocols)
        return context


def _load_into(context: ssl.SSLContext, certificate: Certificate) -> None:
    try:
        # Without a password of ours OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(certificate.chain, certificate.key, password="")
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"The certificate {certificate.chain} with key {certificate.key} cannot be used: {error}",
            remedy="Give a PEM chain and the unencrypted key that belongs to it.",
        ) from error
