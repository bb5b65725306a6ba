from urllib.parse import parse_qsl, urlencode


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    pairs = parse_qsl(request["querystring"].lower(), keep_blank_values=True)
    request["querystring"] = urlencode(sorted(pairs))
    return request
