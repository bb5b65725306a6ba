"""A Lambda@Edge handler: it sees a viewer's request before the cache, and may change it or answer itself."""


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    print(request["method"], request["uri"])

    if request["uri"] == "/hello":
        return {
            "status": "200",
            "headers": {"content-type": [{"key": "Content-Type", "value": "text/plain"}]},
            "body": "Hello from {{name}}\n",
        }
    return request  # go on with it: to the cache, and then to the origin
