"""Tests of http-cache-tests that are not held against a cache, each with the reason.

The package 0.4.5 is of 2021 and follows RFC 7234; where RFC 9111 decided otherwise, or a test contradicts itself, a
correct cache fails. The repository mended most of those since. They run all the same, and are shown apart.
"""

_AGE_LIST = (
    "RFC 9111, 5.1 has the first member of Age used and an invalid one ignored; this expects the reverse"
)
_AGE_PARAMETER = (
    "RFC 9111, 5.1 has an invalid Age ignored, so the response is fresh; this expects it to be stale"
)
_PREMATURE_CLOSE = "expects a response where the origin closes without one and no stale answer is permitted"
_NOT_MODIFIED = (
    "RFC 9111, 3.2 has a 304 update every stored field but Content-Length; this wants the old value kept"
)
_WRONG_LENGTH = "the origin's Content-Range names six bytes and its body has five"

STILL_CONTESTED: dict[str, str] = {
    **{
        f"partial-store-partial-reuse-partial{name}": _WRONG_LENGTH
        for name in ("", "-byterange", "-absent", "-suffix")
    },
    "partial-store-partial-complete": (
        "wants parts combined that have no strong validator, which RFC 9111, 3.4 forbids"
    ),
    "headers-store-Transfer-Encoding": (
        "the origin names an unknown transfer coding; its framing is not known, so 502 is right (RFC 9112, 6.1)"
    ),
    "conditional-lm-fresh-no-lm": (
        "wants 304 although the stored Date is later than If-Modified-Since (RFC 9111, 4.3.2)"
    ),
    "vary-normalise-lang-select": (
        "wants one response for two Accept-Language values that do not mean the same (RFC 9111, 4.1)"
    ),
}

CONTESTED: dict[str, str] = {
    **{
        f"age-parse-{name}": _AGE_LIST
        for name in (
            "nonnumeric",
            "negative",
            "float",
            "prefix-twoline",
            "dup-0",
            "dup-0-twoline",
            "dup-old",
        )
    },
    **{f"age-parse-{name}": _AGE_PARAMETER for name in ("parameter", "numeric-parameter")},
    **{
        f"stale-close-{name}": _PREMATURE_CLOSE
        for name in ("must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=2")
    },
    **{
        f"304-etag-update-response-{name}": _NOT_MODIFIED
        for name in ("Content-Encoding", "Content-MD5", "Content-Range", "ETag")
    },
    **STILL_CONTESTED,
}
