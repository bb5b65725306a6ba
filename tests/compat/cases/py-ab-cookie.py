import random
from http.cookies import SimpleCookie


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    jar = SimpleCookie()
    for line in request["headers"].get("cookie", []):
        jar.load(line["value"])
    variant = jar["X-Variant"].value if "X-Variant" in jar else random.choice("AB")
    request["uri"] = f"/experiment-{variant.lower()}.html"
    return request
