"""Make signed URLs and cookies, for command lines and tests. Pure, but for the randomness of ECDSA."""

from urllib.parse import urlsplit

from edgefaas.signing.keys import DEFAULT_HASH, private_key, sign, to_url
from edgefaas.signing.policy import Policy, canned_text, custom_text


def sign_url(
    url: str,
    *,
    key_id: str,
    key_pem: bytes,
    policy: Policy | int,
    hash_name: str = DEFAULT_HASH,
) -> str:
    """Return ``url`` with a signature.

    ``policy`` is the instant (Unix seconds) at which a canned policy ends, or a custom policy. Raises
    ValueError for a key that cannot sign.
    """
    parts = _parts(url, key_pem=key_pem, policy=policy, hash_name=hash_name)
    parts["Key-Pair-Id"] = key_id
    joined = "&".join(f"{name}={value}" for name, value in parts.items())
    return f"{url}{'&' if urlsplit(url).query else '?'}{joined}"


def sign_cookies(
    url: str,
    *,
    key_id: str,
    key_pem: bytes,
    policy: Policy | int,
    hash_name: str = DEFAULT_HASH,
) -> dict[str, str]:
    """Return the cookies that let a viewer see ``url`` (canned) or what the custom policy names."""
    parts = _parts(url, key_pem=key_pem, policy=policy, hash_name=hash_name)
    parts["Key-Pair-Id"] = key_id
    return {f"CloudFront-{name}": value for name, value in parts.items()}


def _parts(url: str, *, key_pem: bytes, policy: Policy | int, hash_name: str) -> dict[str, str]:
    key = private_key(key_pem)
    if isinstance(policy, int):
        text, first = canned_text(url, policy), ("Expires", str(policy))
    else:
        text = custom_text(policy)
        first = ("Policy", to_url(text.encode()))
    parts = dict([first])
    parts["Signature"] = to_url(sign(key, text.encode(), hash_name))
    if hash_name != DEFAULT_HASH:
        parts["Hash-Algorithm"] = hash_name
    return parts
