"""Requests that wait at another POP can be taken back, however often somebody says so."""

import asyncio
from collections import Counter

from edgefaas.message import Request, Response
from edgefaas.passing import Passing
from edgefaas.site import UrlOrigin
from router import Pop

FRA, IAD = (Pop(name=name, latitude=0, longitude=0, url=f"http://{name}.example") for name in ("fra", "iad"))


class _Fetches:
    """A POP that answers, and one that never does."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()

    async def fetch(self, origin: UrlOrigin, request: Request) -> Response:
        if origin.name == "fra":
            self.waiting.set()
            await asyncio.Event().wait()
        return Response(status=200, body=origin.name.encode())


class _Ledger:
    def sent(self, pop: str) -> None: ...
    def finished(self, pop: str) -> None: ...


def test_a_request_that_is_taken_back_while_it_is_being_taken_back_goes_elsewhere() -> None:
    async def main() -> tuple[Response | None, Counter[str]]:
        fetches = _Fetches()

        def failed(pop: str) -> None:  # as neighbours do: a failure takes back what else waits there
            passing.take_back(pop)

        passing = Passing(
            fetch=fetches, ledger=_Ledger(), failed=failed, here="", secret=b"", wall_s=lambda: 0.0
        )
        requests = [Request(method="GET", path="/") for _ in range(3)]
        sending = asyncio.gather(*(passing.send(FRA, request, [IAD]) for request in requests))
        await fetches.waiting.wait()
        passing.take_back("fra")
        answers = await sending
        assert {answer.body for answer in answers if answer is not None} == {b"iad"}
        return answers[0], passing.failed

    answer, failed = asyncio.run(main())
    assert answer is not None
    assert failed == {"fra": 3}
