"""Signed URLs and signed cookies: who may see what, until when, from where.

``authorise`` decides about a request; ``sign_url`` and ``sign_cookies`` make what it accepts.
"""

from edgefaas.signing.authorise import Denied, Granted, authorise
from edgefaas.signing.policy import Policy, canned_text, custom_text, read_policy
from edgefaas.signing.signer import sign_cookies, sign_url

__all__ = [
    "Denied",
    "Granted",
    "Policy",
    "authorise",
    "canned_text",
    "custom_text",
    "read_policy",
    "sign_cookies",
    "sign_url",
]
