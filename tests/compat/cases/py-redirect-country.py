EDITIONS = {"AT": "de", "DE": "de", "FR": "fr"}


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    country = request["headers"].get("cloudfront-viewer-country", [{"value": ""}])[0]["value"]
    edition = EDITIONS.get(country)
    if edition is None or request["uri"].startswith(f"/{edition}/"):
        return request
    return {
        "status": "302",
        "statusDescription": "Found",
        "headers": {"location": [{"key": "Location", "value": f"/{edition}{request['uri']}"}]},
    }
