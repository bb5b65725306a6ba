"""router: where a viewer should be served. Location, latency, health and choice; no WebAssembly here."""

from router.address import is_beside
from router.choice import Chooser
from router.decision import ChoiceSettings, Decision, Reason
from router.distance import distance_km, fibre_bound_ms
from router.errors import (
    AddressError,
    DnsSettingsError,
    GeoDatabaseError,
    GossipError,
    HopError,
    MeshError,
    ProxyProtocolError,
    RouterError,
)
from router.explain import Explanation, PopView
from router.geo import ATTRIBUTION, GeoDatabase, database_type, install
from router.hashing import NodeRing
from router.health import Health, HealthPolicy, HealthState
from router.hop import HEADER as HOP_HEADER
from router.hop import Hop, sign_hop, verify_hop
from router.load import PopLoad
from router.location import UNKNOWN, Location
from router.mesh import Mesh, Pop
from router.places import address_in, is_country
from router.probe import ProbePolicy, Prober, ProbeResult, probe
from router.proxy_protocol import ProxyHeader, read_proxy_header
from router.steering import (
    AnswerHere,
    Arrival,
    NowhereToGo,
    ProxyTo,
    RedirectTo,
    Steer,
    Steering,
    SteeringPolicy,
    Way,
    retry_elsewhere,
)
from router.tcp_info import read_rtt_ms
from router.viewer import TrustPolicy, ViewerAddress, untrusted_header, viewer_address

__all__ = [
    "ATTRIBUTION",
    "HOP_HEADER",
    "UNKNOWN",
    "AddressError",
    "AnswerHere",
    "Arrival",
    "ChoiceSettings",
    "Chooser",
    "Decision",
    "DnsSettingsError",
    "Explanation",
    "GeoDatabase",
    "GeoDatabaseError",
    "GossipError",
    "Health",
    "HealthPolicy",
    "HealthState",
    "Hop",
    "HopError",
    "Location",
    "Mesh",
    "MeshError",
    "NodeRing",
    "NowhereToGo",
    "Pop",
    "PopLoad",
    "PopView",
    "ProbePolicy",
    "ProbeResult",
    "Prober",
    "ProxyHeader",
    "ProxyProtocolError",
    "ProxyTo",
    "Reason",
    "RedirectTo",
    "RouterError",
    "Steer",
    "Steering",
    "SteeringPolicy",
    "TrustPolicy",
    "ViewerAddress",
    "Way",
    "address_in",
    "database_type",
    "distance_km",
    "fibre_bound_ms",
    "install",
    "is_beside",
    "is_country",
    "probe",
    "read_proxy_header",
    "read_rtt_ms",
    "retry_elsewhere",
    "sign_hop",
    "untrusted_header",
    "verify_hop",
    "viewer_address",
]
