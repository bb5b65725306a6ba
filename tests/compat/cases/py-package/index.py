import json
from pathlib import Path

from rules import match

MOVED = json.loads((Path(__file__).parent / "moved.json").read_text("utf-8"))


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    to = match(request["uri"], MOVED)
    if to is None:
        return request
    return {"status": "301", "headers": {"location": [{"key": "Location", "value": to}]}}
