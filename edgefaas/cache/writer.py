"""One thread that writes to disk, many works to a commit.

Works that are handed in while a commit runs share the next one, so the cost of reaching the disk is paid
once for all of them. What waits is bounded.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

WAITING_MAX_BYTES = 64 * 1024 * 1024
BATCH_MAX = 200  # works to a commit: other processes wait for the lock meanwhile

Work = Callable[[Any], Any]
Batch = list[tuple[Work, "Future[Any]"]]


class WriterThread:
    """Hands batches of works to ``commit``, in order, in a thread of its own.

    ``commit`` sets the result of each future. When it raises, each work of the batch is tried alone, so
    that one that cannot be done does not take the others with it.
    """

    def __init__(
        self, commit: Callable[[Batch], None], *, name: str, waiting_max_bytes: int = WAITING_MAX_BYTES
    ) -> None:
        self._commit = commit
        self._waiting_max_bytes = waiting_max_bytes
        self._waiting: deque[tuple[Work, Future[Any], int]] = deque()
        self._waiting_bytes = 0
        self._closing = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Work, weight_bytes: int = 0, *, urgent: bool = False) -> "Future[Any]":
        """Queue ``work``, before all others when it is ``urgent``.

        Raises BufferError when more than the bound is waiting, or after ``close``.
        """
        future: Future[Any] = Future()
        with self._condition:
            if self._closing:
                raise BufferError("the writer is closed")
            if weight_bytes and self._waiting_bytes + weight_bytes > self._waiting_max_bytes:
                raise BufferError(f"more than {self._waiting_max_bytes} bytes wait to be written")
            add = self._waiting.appendleft if urgent else self._waiting.append
            add((work, future, weight_bytes))
            self._waiting_bytes += weight_bytes
            self._condition.notify()
        return future

    def close(self) -> None:
        """Write what waits, and end the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._waiting and not self._closing:
                    self._condition.wait()
                if not self._waiting:
                    return
                taken = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
                self._waiting_bytes -= sum(weight for _, _, weight in taken)
            self._write(
                [(work, future) for work, future, _ in taken if future.set_running_or_notify_cancel()]
            )

    def _write(self, batch: Batch) -> None:
        if not batch:
            return
        try:
            self._commit(batch)
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for work, future in batch:
                if not future.done():
                    self._write([(work, future)])
