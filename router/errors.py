"""Every error that the router raises on purpose.

RouterError
├── GeoDatabaseError        a GeoIP file is missing, damaged or not a location database: the operator
├── AddressError            a trusted network or an address is not written as one: the operator
├── ProxyProtocolError      the connection does not begin with a PROXY header: its sender; close it
├── HopError                a hop header is forged, stale, or of another mesh: treat the sender as a viewer
├── MeshError               POPs that cannot form a mesh (a name twice, no such POP): the operator
├── GossipError             a peer's gossip is not in the agreed form: drop it
└── DnsSettingsError        the DNS zone cannot be served as configured: the operator

The seam in ``edgefaas`` that calls the router translates them into its own tree.
"""


class RouterError(Exception):
    """Root of the tree. ``remedy`` is one imperative sentence for the reader."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class GeoDatabaseError(RouterError):
    """A GeoIP database cannot be used; the one before it, if any, stays in force."""


class AddressError(RouterError):
    """An address or network is not written as one."""


class ProxyProtocolError(RouterError):
    """The bytes are not a PROXY protocol header; the connection must be closed without an answer."""


class HopError(RouterError):
    """A hop header does not prove what it says."""


class MeshError(RouterError):
    """The POPs given cannot form a mesh."""


class GossipError(RouterError):
    """What a peer sent is not gossip."""


class DnsSettingsError(RouterError):
    """The zone cannot be served as configured."""
