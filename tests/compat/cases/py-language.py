import dataclasses
import datetime
import enum
import itertools
import re
from collections import Counter, defaultdict
from functools import lru_cache, reduce


class Kind(enum.Enum):
    PAGE = "page"
    FILE = "file"


@dataclasses.dataclass(frozen=True, order=True)
class Thing:
    name: str
    kind: Kind = dataclasses.field(default=Kind.PAGE, compare=False)


@lru_cache(maxsize=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def numbers():
    received = yield 1
    yield from (received, received * 2)


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    generator = numbers()
    groups = defaultdict(list)
    for word in re.findall(r"[a-z]+", request["uri"]):
        groups[len(word)].append(word)
    match request:
        case {"method": "GET" | "HEAD" as method, "uri": str(uri)} if uri:
            matched = method.lower()
        case _:
            matched = "none"
    said = [
        f"{fibonacci(90):,}",
        repr(sorted([Thing("b"), Thing("a", Kind.FILE)])[0].kind),
        repr([next(generator), generator.send(5), next(generator)]),
        repr(dict(groups)),
        repr(Counter("abracadabra").most_common(2)),
        matched,
        repr(list(itertools.accumulate([1, 2, 3]))),
        str(reduce(lambda a, b: a * b, range(1, 30))),
        f"{datetime.date(2024, 2, 29) + datetime.timedelta(days=366):%A %d}",
        repr([*range(3)][::-1]),
        f"{1 / 3:.20f} {10**20 % 97} {-7 // 2} {round(2.675, 2)}",
        "äß€😀".encode("utf-8").hex(),
        "ǅ".lower() + "ı".upper() + "straße".casefold(),
        str((lambda *args, key=1, **rest: (args, key, rest))(1, 2, key=3, more=4)),
    ]
    return {"status": "200", "body": "\n".join(said)}
