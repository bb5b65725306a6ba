import base64
import hashlib
import hmac
import json
import os


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token, key):
    signed, _, signature = token.rpartition(".")
    expected = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(decoded(signature), expected):
        raise ValueError("the signature is wrong")
    header, _, payload = signed.partition(".")
    if json.loads(decoded(header))["alg"] != "HS256":
        raise ValueError("another algorithm")
    return json.loads(decoded(payload))


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    try:
        scheme, token = request["headers"]["authorization"][0]["value"].split()
        claims = claims_of(token, os.environ["KEY"].encode())
    except (KeyError, ValueError):
        return {
            "status": "401",
            "headers": {"www-authenticate": [{"key": "WWW-Authenticate", "value": "Bearer"}]},
        }
    request["headers"]["x-subject"] = [{"key": "X-Subject", "value": claims["sub"]}]
    del request["headers"]["authorization"]
    return request
