import base64
from urllib.parse import parse_qs, urlencode


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    form = parse_qs(base64.b64decode(request["body"]["data"]).decode("utf-8"))
    if form["admin"] == ["1"]:
        return {"status": "403"}
    form["checked"] = ["yes"]
    request["body"] = {"action": "replace", "encoding": "text", "data": urlencode(form, doseq=True)}
    return request
