"""CloudFront's managed policies by name, and what of a request goes to the origin under a policy.

Pure. Sources: "Use managed cache policies", "Use managed origin request policies" and "Request and response
behavior for custom origins" (CloudFront developer guide).
"""

from collections.abc import Mapping

from edgefaas.message import Headers
from edgefaas.site import CachePolicy, OriginRequestPolicy, Selection

NONE = Selection(mode="none")
ALL = Selection(mode="all")

DAY_S = 86_400
YEAR_S = 31_536_000
ERROR_TTL_S = 10  # CloudFront's default for errors without a custom error response
MANAGED_PREFIX = "Managed-"  # how older pages and the API spell the names

_METHOD_HEADERS = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})


def _policy(
    ttls: tuple[float, float, float],
    *,
    query: Selection = NONE,
    headers: frozenset[str] = frozenset(),
    cookies: Selection = NONE,
    compress: bool = True,
) -> CachePolicy:
    """Return a cache policy with the minimum, default and maximum TTL in ``ttls``."""
    return CachePolicy(
        min_ttl_s=ttls[0],
        default_ttl_s=ttls[1],
        max_ttl_s=ttls[2],
        error_ttl_s=ERROR_TTL_S,
        query=query,
        headers=headers,
        cookies=cookies,
        stale_on_error=True,
        compress=compress,
    )


_ORIGIN_CONTROLLED = frozenset({"host", "origin"}) | _METHOD_HEADERS

CACHE_POLICIES: Mapping[str, CachePolicy] = {
    "CachingOptimized": _policy((1, DAY_S, YEAR_S)),
    "CachingOptimizedForUncompressedObjects": _policy((1, DAY_S, YEAR_S), compress=False),
    "CachingDisabled": _policy((0, 0, 0), compress=False),
    "UseOriginCacheControlHeaders": _policy((0, 0, YEAR_S), headers=_ORIGIN_CONTROLLED, cookies=ALL),
    "UseOriginCacheControlHeaders-QueryStrings": _policy(
        (0, 0, YEAR_S), headers=_ORIGIN_CONTROLLED, cookies=ALL, query=ALL
    ),
    "Amplify": _policy(
        (2, 2, 600),
        headers=frozenset({"authorization", "cloudfront-viewer-country", "host"}),
        cookies=ALL,
        query=ALL,
    ),
    "Elemental-MediaPackage": _policy(
        (0, DAY_S, YEAR_S),
        headers=frozenset({"origin"}),
        query=Selection(mode="only", names=frozenset({"aws.manifestfilter", "start", "end", "m"})),
    ),
}

CACHE_POLICY_IDS: Mapping[str, str] = {
    "2e54312d-136d-493c-8eb9-b001f22f67d2": "Amplify",
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": "CachingDisabled",
    "658327ea-f89d-4fab-a63d-7e88639e58f6": "CachingOptimized",
    "b2884449-e4de-46a7-ac36-70bc7f1ddd6d": "CachingOptimizedForUncompressedObjects",
    "08627262-05a9-4f76-9ded-b50ca2e3a84f": "Elemental-MediaPackage",
    "83da9c7e-98b4-4e11-a168-04f0df8e2c65": "UseOriginCacheControlHeaders",
    "4cc15a8a-d715-48a4-82b8-cc0b614638fe": "UseOriginCacheControlHeaders-QueryStrings",
}

CLOUDFRONT_HEADERS_2022_06 = (
    "CloudFront-Forwarded-Proto",
    "CloudFront-Is-Android-Viewer",
    "CloudFront-Is-Desktop-Viewer",
    "CloudFront-Is-IOS-Viewer",
    "CloudFront-Is-Mobile-Viewer",
    "CloudFront-Is-SmartTV-Viewer",
    "CloudFront-Is-Tablet-Viewer",
    "CloudFront-Viewer-ASN",
    "CloudFront-Viewer-Address",
    "CloudFront-Viewer-City",
    "CloudFront-Viewer-Country",
    "CloudFront-Viewer-Country-Name",
    "CloudFront-Viewer-Country-Region",
    "CloudFront-Viewer-Country-Region-Name",
    "CloudFront-Viewer-Http-Version",
    "CloudFront-Viewer-Latitude",
    "CloudFront-Viewer-Longitude",
    "CloudFront-Viewer-Metro-Code",
    "CloudFront-Viewer-Postal-Code",
    "CloudFront-Viewer-TLS",
    "CloudFront-Viewer-Time-Zone",
)


def _only(*names: str) -> Selection:
    return Selection(mode="only", names=frozenset(names))


_CORS = ("origin", "access-control-request-headers", "access-control-request-method")

ORIGIN_REQUEST_POLICIES: Mapping[str, OriginRequestPolicy] = {
    "AllViewer": OriginRequestPolicy(headers=ALL, cookies=ALL, query=ALL),
    "AllViewerAndCloudFrontHeaders-2022-06": OriginRequestPolicy(
        headers=ALL, cookies=ALL, query=ALL, location_headers=CLOUDFRONT_HEADERS_2022_06
    ),
    "AllViewerExceptHostHeader": OriginRequestPolicy(
        headers=Selection(mode="except", names=frozenset({"host"})), cookies=ALL, query=ALL
    ),
    "CORS-CustomOrigin": OriginRequestPolicy(headers=_only("origin")),
    "CORS-S3Origin": OriginRequestPolicy(headers=_only(*_CORS)),
    "Elemental-MediaTailor-PersonalizedManifests": OriginRequestPolicy(
        headers=_only(*_CORS, "user-agent", "x-forwarded-for"), query=ALL
    ),
    "HostHeaderOnly": OriginRequestPolicy(headers=_only("host")),
    "UserAgentRefererHeaders": OriginRequestPolicy(headers=_only("user-agent", "referer")),
}

ORIGIN_REQUEST_POLICY_IDS: Mapping[str, str] = {
    "216adef6-5c7f-47e4-b989-5492eafa07d3": "AllViewer",
    "33f36d7e-f396-46d9-90e0-52428a34d9dc": "AllViewerAndCloudFrontHeaders-2022-06",
    "b689b0a8-53d0-40ab-baf2-68738e2966ac": "AllViewerExceptHostHeader",
    "59781a5b-3903-41f3-afcb-af62929ccde1": "CORS-CustomOrigin",
    "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf": "CORS-S3Origin",
    "775133bc-15f2-49f9-abea-afb2e0bf67d2": "Elemental-MediaTailor-PersonalizedManifests",
    "bf0718e1-ba1e-49d1-88b1-f726733018ae": "HostHeaderOnly",
    "acba4595-bd28-49b8-b9fe-13317c0390fa": "UserAgentRefererHeaders",
}


def cache_policy(name: str) -> CachePolicy | None:
    """Return the managed cache policy of that name, with or without ``Managed-``; None when unknown."""
    return CACHE_POLICIES.get(name.removeprefix(MANAGED_PREFIX))


def origin_request_policy(name: str) -> OriginRequestPolicy | None:
    """Return the managed origin request policy of that name; None when unknown."""
    return ORIGIN_REQUEST_POLICIES.get(name.removeprefix(MANAGED_PREFIX))


ALWAYS_FORWARDED = frozenset(
    {
        *("accept-encoding", "content-encoding", "content-language", "content-length", "content-type"),
        *("content-disposition", "content-md5", "content-range", "if-match", "if-modified-since"),
        *("if-none-match", "if-range", "if-unmodified-since", "range", "transfer-encoding", "expect"),
        *("x-forwarded-for", "via", "cookie"),
    }
)
"""What goes to the origin whatever the policy says: framing, conditions, ranges, and what the POP adds.

``cookie`` is thinned out by the cookies of the policies instead.
"""

DEFAULT_USER_AGENT = "Amazon CloudFront"  # origins that were written for CloudFront look for it


def selects(selection: Selection, name: str) -> bool:
    """Return whether a member called ``name`` is meant."""
    match selection.mode:
        case "all" | "forward":
            return True
        case "only":
            return name in selection.names
        case "except":
            return name not in selection.names
        case _:
            return False


def origin_headers(headers: Headers, cache: CachePolicy, policy: OriginRequestPolicy) -> Headers:
    """Return the fields that go to the origin under an origin request policy.

    Fields of the cache key always go. A User-Agent that is not forwarded becomes CloudFront's; a Host that
    is not forwarded is left out, for the origin's own name to be put in. Location fields that the POP added
    go when the policy names them.
    """
    made = {name.lower() for name in policy.location_headers}
    lines: list[tuple[str, str]] = []
    for key, value in headers:
        name = key.lower()
        if name in ALWAYS_FORWARDED or name in cache.headers or name in made or selects(policy.headers, name):
            lines.append((key, value))
    result = Headers(lines)
    if "user-agent" not in result:
        result.add("User-Agent", DEFAULT_USER_AGENT)
    return with_cookies(result, cache.cookies, policy.cookies)


def with_cookies(headers: Headers, *selections: Selection) -> Headers:
    """Return the fields with only those cookies that one of the selections means."""
    values = headers.values("cookie")
    if not values or any(selection.mode in ("all", "forward") for selection in selections):
        return headers
    segments = [segment.strip() for value in values for segment in value.split(";")]
    kept = [
        segment
        for segment in segments
        if segment and any(selects(selection, segment.partition("=")[0]) for selection in selections)
    ]
    result = headers.copy()
    if kept:
        result.set("Cookie", "; ".join(kept))
    else:
        result.remove("cookie")
    return result


def origin_query(query: str, cache: CachePolicy, policy: OriginRequestPolicy) -> str:
    """Return the query string that goes to the origin: the members of the cache key and of the policy."""
    if "all" in (cache.query.mode, policy.query.mode):
        return query
    return "&".join(
        segment
        for segment in query.split("&")
        if segment
        and any(selects(chosen, segment.partition("=")[0]) for chosen in (cache.query, policy.query))
    )
