import html
from urllib.parse import parse_qs

PAGE = """<!doctype html>
<title>Hello</title>
<p>Hello, {name}!
"""


def lambda_handler(event, context):
    query = parse_qs(event["Records"][0]["cf"]["request"]["querystring"])
    name = query.get("name", ["you"])[0]
    return {
        "status": 200,
        "headers": {
            "content-type": [{"key": "Content-Type", "value": "text/html; charset=utf-8"}],
            "set-cookie": [{"key": "Set-Cookie", "value": "a=1"}, {"key": "Set-Cookie", "value": "b=2"}],
        },
        "body": PAGE.format(name=html.escape(name)),
    }
