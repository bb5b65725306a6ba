HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubdomains; preload",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'",
}


def lambda_handler(event, context):
    response = event["Records"][0]["cf"]["response"]
    for name, value in HEADERS.items():
        response["headers"][name.lower()] = [{"key": name, "value": value}]
    response["headers"].pop("server", None)
    return response
