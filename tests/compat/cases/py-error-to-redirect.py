def lambda_handler(event, context):
    cf = event["Records"][0]["cf"]
    response = cf["response"]
    if int(response["status"]) >= 400:
        response["status"] = 302
        response["statusDescription"] = "Found"
        response["body"] = ""
        response["headers"]["location"] = [{"key": "Location", "value": "/sorry?for=" + cf["request"]["uri"]}]
    return response
