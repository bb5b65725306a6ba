"""A process to be killed: writes pair after pair, many at once, and says which are acknowledged."""

import sys
from collections import deque
from concurrent.futures import Future
from pathlib import Path

from edgefaas.kv.pairs import ANYTHING, Batch, Facts
from edgefaas.kv.store import PairStore
from edgefaas.site import KvNamespace

AT_ONCE = 8
NAMESPACE = KvNamespace(name="n")


def main() -> None:
    path, first = Path(sys.argv[1]), int(sys.argv[2])
    store = PairStore(path)
    store.make(NAMESPACE, None, now_s=1.0).result()
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    waiting: deque[tuple[int, Future[Facts]]] = deque()
    for number in range(first, first + 1_000_000):
        # Two pairs in one write: they must never be seen apart.
        batch = Batch(puts=((b"a%d" % number, b"x" * 300), (b"b%d" % number, b"y")))
        waiting.append((number, store.write(NAMESPACE, batch, ANYTHING, now_s=float(number))))
        if len(waiting) == AT_ONCE:
            done, future = waiting.popleft()
            future.result()
            sys.stdout.write(f"{done}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
