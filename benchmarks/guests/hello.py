"""The hello function in Python: the response is made at the POP."""


def lambda_handler(event, context):
    """Answer every request."""
    return {
        "status": "200",
        "headers": {"content-type": [{"key": "Content-Type", "value": "text/plain"}]},
        "body": "hello from the edge\n",
    }
