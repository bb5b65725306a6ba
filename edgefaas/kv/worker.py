"""Key-value pairs as a worker has them: it reads the POP's file itself, and asks the supervisor to write."""

from collections.abc import Mapping
from pathlib import Path

from edgefaas.contract import AskSupervisor
from edgefaas.errors import KvAccessError, StateError
from edgefaas.kv.operations import GuestPairs, Operation, WriteOrder
from edgefaas.kv.pairfile import KV_FILE, PairFile
from edgefaas.site import KvNamespace


class WorkerPairs:
    """One in each worker. ``folder`` is the POP's data folder; the file is opened when it is first read."""

    def __init__(self, folder: Path, *, ask: AskSupervisor | None) -> None:
        self._path = folder / KV_FILE
        self._file: PairFile | None = None
        self._ask = ask
        self._guests = GuestPairs({}, self._opened, self._write if ask else None)

    def operations(self) -> dict[str, Operation]:
        """Return what guests may call, by name."""
        return self._guests.operations()

    def configure(self, namespaces: Mapping[str, KvNamespace]) -> None:
        """Obey another site."""
        self._guests.namespaces = namespaces

    def _opened(self) -> PairFile:
        if self._file is None:
            self._file = PairFile(self._path)
        return self._file

    async def _write(self, order: WriteOrder) -> int:
        if self._ask is None:
            raise KvAccessError("There is no store to write to here", remedy="Run it in a POP.")
        asked = {
            "function": order.function,
            "namespace": order.namespace.name,
            "key": order.key,
            "value": order.value,
            "etags": list(order.expected.etags),
            "absent": order.expected.absent,
        }
        answer = await self._ask("kv.write", asked)
        if not isinstance(answer, dict) or not isinstance(answer.get("revision"), int):
            raise StateError("The supervisor's answer is malformed", remedy="Start the POP again.")
        return int(answer["revision"])

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
