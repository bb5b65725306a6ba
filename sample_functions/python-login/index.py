"""A viewer-request function: a session is a cookie "user.signature", signed with a key of the environment."""

import hashlib
import hmac
import logging
import os
from http.cookies import SimpleCookie
from urllib.parse import quote

logger = logging.getLogger("login")
logger.setLevel(logging.INFO)


def lambda_handler(event, context):
    """Let the request go on, or send the viewer to the login page."""
    request = event["Records"][0]["cf"]["request"]
    user = signed_in(request["headers"].get("cookie", []))
    if user is not None:
        logger.info("%s asks for %s", user, request["uri"])
        request["headers"]["x-user"] = [{"key": "X-User", "value": user}]
        return request
    return {
        "status": "302",
        "headers": {
            "location": [{"key": "Location", "value": "/login?next=" + quote(request["uri"], safe="")}],
            "cache-control": [{"key": "Cache-Control", "value": "no-store"}],
        },
    }


def signed_in(cookies):
    """Return who has signed in; None when nobody has, or the signature is not ours."""
    for line in cookies:
        session = SimpleCookie(line["value"]).get("session")
        if session is not None:
            user, _, signature = session.value.rpartition(".")
            if hmac.compare_digest(signature, sign(user)):
                return user
    return None


def sign(user):
    """Return the signature of a user's name."""
    key = os.environ["SESSION_KEY"].encode()
    return hmac.new(key, user.encode(), hashlib.sha256).hexdigest()
