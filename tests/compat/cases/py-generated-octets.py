import base64
import gzip


def lambda_handler(event, context):
    octets = gzip.decompress(gzip.compress(bytes(range(16))))
    return {
        "status": "200",
        "headers": {"content-type": [{"key": "Content-Type", "value": "application/octet-stream"}]},
        "body": base64.b64encode(octets).decode("ascii"),
        "bodyEncoding": "base64",
    }
