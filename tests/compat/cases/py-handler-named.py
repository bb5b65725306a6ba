class Redirect(Exception):
    def __init__(self, to):
        super().__init__(to)
        self.to = to


def check(request):
    if request["uri"].endswith("/"):
        raise Redirect(request["uri"] + "index.html")


def main(event, _context):
    request = event["Records"][0]["cf"]["request"]
    try:
        check(request)
    except Redirect as redirect:
        request["uri"] = redirect.to
    return request
