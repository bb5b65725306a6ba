"""What a site is: origins, functions, behaviours, POPs. Frozen values that are known to be good.

``config.py`` makes them from ``edgefaas.toml`` and checks every input once; everybody else only reads them.
Pure. Durations are seconds unless the name says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sandbox.contract import Limits

KEEP_VERSIONS = 50


class Trigger(StrEnum):
    """The four places where a function may act, in CloudFront's order."""

    VIEWER_REQUEST = "viewer-request"
    ORIGIN_REQUEST = "origin-request"
    ORIGIN_RESPONSE = "origin-response"
    VIEWER_RESPONSE = "viewer-response"


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlOrigin:
    """An HTTP origin. ``url`` has scheme, host and optional port and path prefix (no trailing slash)."""

    name: str
    url: str
    host_header: str | None = None  # None: the origin's own authority
    headers: Mapping[str, str] = field(default_factory=dict)
    connect_timeout_s: float = 5.0
    first_byte_timeout_s: float = 30.0
    idle_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryOrigin:
    """A folder of static files; ``directory`` is absolute."""

    name: str
    directory: Path
    index: str = "index.html"
    fallback: str | None = None  # a single-page application's document, served for unknown paths


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionOrigin:
    """A function that answers as the origin."""

    name: str
    function: str


Origin = UrlOrigin | DirectoryOrigin | FunctionOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which members of a set are meant: ``mode`` is none, all, only or except."""

    mode: str = "all"
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """How a behaviour caches. The defaults are the RFCs' rules (see docs/architecture.md).

    ``cookies.mode == "forward"`` sends cookies to the origin without keying on them. ``stale_on_error`` lets
    an expired response stand in for an origin's 5xx even without stale-if-error, as CloudFront does.
    ``compress`` offers gzip, br and zstd to viewers who accept them.
    """

    min_ttl_s: float = 0
    default_ttl_s: float = 0
    max_ttl_s: float = 31_536_000
    error_ttl_s: float = 0
    query: Selection = Selection(mode="all")
    headers: frozenset[str] = frozenset()  # lower-case names that join the key
    cookies: Selection = Selection(mode="forward")
    store_set_cookie: bool = True
    stale_on_error: bool = False
    compress: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginRequestPolicy:
    """What of the viewer's request goes to the origin beside what is in the cache key.

    ``headers.mode`` is none, all, only or except, as are ``cookies`` and ``query``; names are lower case for
    headers, exact for cookies and query. ``location_headers`` are made by the POP and sent as well.
    """

    headers: Selection = Selection(mode="none")
    cookies: Selection = Selection(mode="none")
    query: Selection = Selection(mode="none")
    location_headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """What viewers get in place of an origin's ``status``.

    ``path`` is the page's own path ("" for none: only the TTL differs); ``response_status`` is None to keep
    the origin's. ``ttl_s`` is None for the behaviour's error TTL.
    """

    status: int
    path: str = ""
    response_status: int | None = None
    ttl_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginGroup:
    """Origins in order of preference: on one of ``statuses``, or no answer, the next one is asked."""

    name: str
    origins: tuple[str, ...]
    statuses: frozenset[int] = frozenset({500, 502, 503, 504})


class ViewerProtocol(StrEnum):
    """What is done with plain HTTP."""

    ALLOW_ALL = "allow-all"
    REDIRECT_TO_HTTPS = "redirect-to-https"
    HTTPS_ONLY = "https-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """A function as ``edgefaas.toml`` names it.

    ``source`` is absolute: a file, or a folder with a ``function.toml``. ``limits`` and ``kv`` (the key-value
    namespaces that it names) are None where the site leaves them to the function's own file.
    """

    name: str
    source: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits | None = None
    kv: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What is done with requests whose path matches ``pattern``; the first match wins."""

    pattern: str
    origin: str | None
    methods: frozenset[str] | None = None  # None: all methods
    cache: CachePolicy = field(default_factory=CachePolicy)
    triggers: Mapping[Trigger, str] = field(default_factory=dict)
    include_body: bool = False
    location_headers: tuple[str, ...] = ()
    origin_request: OriginRequestPolicy | None = None  # None: everything, as the RFCs have it
    trusted_keys: tuple[str, ...] = ()  # key pair ids; with any, viewers need a signed URL or cookies
    viewer_protocol: ViewerProtocol = ViewerProtocol.ALLOW_ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop:
    """A point of presence: where it is (degrees) and where it answers (``url``, no trailing slash).

    ``nodes`` are the addresses of its machines, where it has several; ``addresses`` what DNS answers for it.
    ``admin`` is where its admin API is reached by the commands ("" where that is not said).
    """

    name: str
    latitude: float
    longitude: float
    url: str
    city: str = ""
    nodes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    admin: str = ""


class Steering(StrEnum):
    """What a router does with a viewer who is better served elsewhere."""

    ANSWER = "answer"
    PROXY = "proxy"
    REDIRECT = "redirect"
    DNS = "dns"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterPolicy:
    """How viewers are located and steered.

    ``pop`` names the POP of this process ("" for a router in front that serves nothing itself).
    ``trusted`` are the networks (CIDR) whose forwarding header is believed. ``node`` is which of its POP's nodes
    this process is. ``side_probes`` says that viewers may be asked to open connections to other POPs.
    ``capacity`` is how many requests in flight a worker takes before viewers go elsewhere.
    """

    pop: str = ""
    steering: Steering = Steering.ANSWER
    trusted: tuple[str, ...] = ()
    forwarding_header: str = "x-forwarded-for"
    geoip_city: Path | None = None
    geoip_asn: Path | None = None
    mesh_secret: str = ""
    health_path: str = "/.edgefaas/health"
    node: str = ""
    side_probes: bool = False
    capacity: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsPolicy:
    """The zone that is answered for, and where; TTLs are seconds. See ``router.dns_answer.DnsZone``."""

    listen: str
    zone: str
    nameservers: Mapping[str, tuple[str, ...]]
    hosts: tuple[str, ...] = ("@", "*")
    mailbox: str = "hostmaster"
    ttl_s: int = 30
    unrest_ttl_s: int = 5
    extra_pop: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSizes:
    """How much is kept: memory of each worker, and disk for the whole POP (0: none)."""

    memory_bytes: int = 128 * 1024 * 1024
    disk_bytes: int = 4 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate chain and its key (PEM files), for ``hosts``: names or ``*.names``; lower case."""

    hosts: tuple[str, ...]
    chain: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenPolicy:
    """How viewers' connections are taken. Times are seconds, sizes bytes; see ``wire.WireSettings``.

    ``tls`` is ``HOST:PORT`` of a listener with TLS ("" for none). ``proxy_protocol`` are the networks (CIDR) whose
    connections begin with a PROXY protocol header; not on the listener with TLS. ``connections_max`` is for one
    worker. ``drain_grace_s`` is how long a POP that ends says so in its health before it stops accepting, and
    ``drain_timeout_s`` how long it then lets viewers finish.
    """

    tls: str = ""
    proxy_protocol: tuple[str, ...] = ()
    connections_max: int = 16_384
    head_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    idle_timeout_s: float = 75.0
    write_timeout_s: float = 60.0
    body_limit_bytes: int = 1 << 30
    drain_grace_s: float = 0.0
    drain_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLogPolicy:
    """The access log's file (None for none, absolute), its format, and how much of it is kept.

    ``file_bytes`` is how long one file gets, ``files_kept`` how many there are. ``cookies``: log the Cookie field.
    """

    file: Path | None = None
    format: str = "json"
    file_bytes: int = 64 * 1024 * 1024
    files_kept: int = 8
    cookies: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryPolicy:
    """Where traces go: ``otlp`` is the base URL of a collector ("" for none), ``headers`` are sent to it.

    ``sample_ratio`` (0 to 1) is for requests that belong to no trace yet; ``traces_per_second`` bounds what one
    worker records, whoever asks for it. ``service_name`` is ``service.name`` of OpenTelemetry.
    """

    otlp: str = ""
    service_name: str = ""
    sample_ratio: float = 1.0
    traces_per_second: float = 100.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KvNamespace:
    """A key-value namespace: who may use it, and how much it holds.

    ``ids`` are other names by which functions ask for it, such as CloudFront's id of the store it came from.
    ``readers`` and ``writers`` are functions (``*``: any); a function also has to name the namespace itself.
    ``bytes_max`` counts keys and values; ``writes_per_s`` holds for each function. ``seed`` is imported when
    the namespace is made.
    """

    name: str
    ids: tuple[str, ...] = ()
    readers: tuple[str, ...] = ("*",)
    writers: tuple[str, ...] = ()
    key_bytes_max: int = 1024
    value_bytes_max: int = 1024 * 1024
    bytes_max: int = 64 * 1024 * 1024
    writes_per_s: float = 100.0
    seed: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretence:
    """What ``edgefaas dev`` lets a POP pretend for those who write its functions; see ``edgefaas.pretence``.

    ``viewer`` is the address that viewers beside the POP seem to have ("" for their own), ``pop`` the name of the POP
    that seems to answer ("" for the site's own), and ``round_trip_ms`` how far away it seems to be. Without ``caches``
    nothing is stored.
    """

    viewer: str = ""
    pop: str = ""
    round_trip_ms: float = 0.0
    caches: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything one ``edgefaas.toml`` says; ``pretence`` is not from there."""

    name: str
    hosts: tuple[str, ...] = ("*",)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    functions: Mapping[str, FunctionSpec] = field(default_factory=dict)
    behaviours: tuple[Behaviour, ...] = ()
    pops: Mapping[str, Pop] = field(default_factory=dict)
    router: RouterPolicy = field(default_factory=RouterPolicy)
    origin_groups: Mapping[str, OriginGroup] = field(default_factory=dict)
    error_pages: Mapping[int, ErrorPage] = field(default_factory=dict)
    public_keys: Mapping[str, bytes] = field(default_factory=dict)  # key pair id → PEM
    compatibility: str = "edgefaas"  # or "aws": AWS's own limits hold too
    cache_sizes: CacheSizes = CacheSizes()
    access_log: str = "requests"  # all but hits; or "all", "off"
    server_timing: str = "asked"  # by the viewer's X-Edge-Server-Timing field; or "always", "never"
    default_root: str = ""  # the object served for "/", without its slash
    listening: ListenPolicy = ListenPolicy()
    certificates: tuple[Certificate, ...] = ()  # the first is for viewers who name no host, or an unknown one
    dns: DnsPolicy | None = None
    telemetry: TelemetryPolicy = TelemetryPolicy()
    kv: Mapping[str, KvNamespace] = field(default_factory=dict)
    access_file: AccessLogPolicy = AccessLogPolicy()
    keep_versions: int = KEEP_VERSIONS  # of each function; 0: all
    pretence: Pretence | None = None  # None where real viewers are served
