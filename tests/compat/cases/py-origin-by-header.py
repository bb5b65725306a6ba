def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    if request["headers"].get("x-beta", [{}])[0].get("value") == "1":
        request["origin"]["custom"]["domainName"] = "beta.example.com"
        request["headers"]["host"] = [{"key": "Host", "value": "beta.example.com"}]
    return request
