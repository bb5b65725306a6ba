"""How the origins of ``edgefaas.toml`` look to functions in the origin triggers.

Pure. A bucket's URL and a folder look like ``s3``, since functions written for a static site read
``request.origin.s3``; every other URL looks like ``custom``. A function in the origin's place has no description.
"""

import re
from urllib.parse import urlsplit

from edgefaas.events.origins import OriginDescription, S3Origin, describe_url
from edgefaas.site import DirectoryOrigin, Origin, UrlOrigin

# bucket.s3.amazonaws.com, bucket.s3.eu-central-1.amazonaws.com, bucket.s3-eu-west-1.amazonaws.com; the website
# endpoints (s3-website) are custom origins for CloudFront as well.
_BUCKET = re.compile(r"(?:.+\.)?s3(?:[.-](?P<region>(?!website)[a-z0-9-]+))?\.amazonaws\.com(?:\.cn)?")
FOLDER_DOMAIN = "s3.edgefaas.internal"


def describe_origin(origin: Origin) -> OriginDescription | None:
    """Return what ``request.origin`` shows for an origin of the site, or None when it shows nothing."""
    if isinstance(origin, DirectoryOrigin):
        return S3Origin(domain_name=f"{origin.name}.{FOLDER_DOMAIN}", region="local")
    if not isinstance(origin, UrlOrigin):
        return None
    seen = describe_url(
        origin.url, custom_headers=origin.headers, read_timeout_s=min(origin.first_byte_timeout_s, 120)
    )
    bucket = _BUCKET.fullmatch(urlsplit(origin.url).hostname or "")
    if bucket is None:
        return seen
    return S3Origin(
        domain_name=seen.domain_name,
        path=seen.path,
        region=bucket["region"] or "us-east-1",
        custom_headers=seen.custom_headers,
    )
