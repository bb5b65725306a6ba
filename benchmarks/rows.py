"""What is compared: one row per workload, loop and number of connections."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.content import Workload

HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison.

    ``share`` is None for a closed loop. For an open loop it is the share of what the slower of ours and
    ``reference`` reached in the closed row of the same workload: the same fixed rate for every column.
    ``reference`` names the column that the headline ratio is taken against.
    """

    workload: Workload
    title: str
    reference: str
    connections: int
    share: float | None = None

    @property
    def name(self) -> str:
        """Return the row's name on the command line and in the results."""
        loop = f"-open{round(self.share * 100)}" if self.share is not None else ""
        return f"{self.workload}{loop}-c{self.connections}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A workload with everything that is measured of it."""

    workload: Workload
    title: str
    reference: str
    closed: tuple[int, ...]
    open: tuple[tuple[float, int], ...] = ()

    def rows(self) -> list[Row]:
        """Return the closed rows, then the open ones, which need their peaks."""
        return [self._row(n) for n in self.closed] + [self._row(n, share) for share, n in self.open]

    def _row(self, connections: int, share: float | None = None) -> Row:
        return Row(
            workload=self.workload,
            title=self.title,
            reference=self.reference,
            connections=connections,
            share=share,
        )


SUBJECTS = (
    Subject(
        workload=Workload.HIT_1K,
        title="cache hit, 1 kB",
        reference="nginx",
        closed=(1, 4, 32, 256),
        open=((HALF, 32),),
    ),
    Subject(
        workload=Workload.HELLO_EVENT,
        title="hello function, WebAssembly, fresh sandbox",
        reference="workerd",
        closed=(1, 4, 32, 256),
        open=((HALF, 32),),
    ),
    Subject(
        workload=Workload.HELLO_JS,
        title="hello function, JavaScript, fresh sandbox",
        reference="workerd",
        closed=(1, 4, 32, 256),
        open=((HALF, 32),),
    ),
    Subject(
        workload=Workload.HELLO_PYTHON,
        title="hello function, Python, fresh sandbox",
        reference="",
        closed=(1, 32),
    ),
    Subject(workload=Workload.HIT_100K, title="cache hit, 100 kB", reference="nginx", closed=(1, 32)),
    Subject(workload=Workload.HIT_10M, title="cache hit, 10 MB", reference="nginx", closed=(4,)),
    Subject(workload=Workload.FILE_1K, title="file of a folder, 1 kB", reference="nginx", closed=(1, 32)),
    Subject(
        workload=Workload.NOT_MODIFIED, title="revalidation answered 304", reference="nginx", closed=(1, 32)
    ),
    Subject(
        workload=Workload.MISS_1K,
        title="miss through to the origin, 1 kB",
        reference="nginx",
        closed=(1, 32, 256),
    ),
    Subject(
        workload=Workload.JS_ON_HIT,
        title="JavaScript viewer-request, then hit, 1 kB",
        reference="workerd",
        closed=(1, 32),
    ),
    Subject(
        workload=Workload.EVENT_2K, title="JavaScript, 2 kB of fields", reference="workerd", closed=(1, 32)
    ),
    Subject(
        workload=Workload.EVENT_40K,
        title="JavaScript, 40 kB event (body)",
        reference="workerd",
        closed=(1, 32),
    ),
)

QUICK_CONNECTIONS = (1, 32)


def choose(names: Sequence[str], *, quick: bool) -> list[Row]:
    """Return the rows whose name begins with any of ``names`` (all when none), in order.

    ``quick`` leaves 1 and 32 connections. A chosen open row brings its closed sibling along, for the rate.
    """
    rows = [row for subject in SUBJECTS for row in subject.rows()]
    if quick:
        rows = [
            row for row in rows if row.connections in QUICK_CONNECTIONS or row.workload is Workload.HIT_10M
        ]
    wanted = {row.name for row in rows if not names or any(row.name.startswith(name) for name in names)}
    wanted |= {peak_row(row) for row in rows if row.name in wanted and row.share is not None}
    return [row for row in rows if row.name in wanted]


def peak_row(row: Row) -> str:
    """Return the name of the closed row whose throughput is the peak of an open row."""
    return f"{row.workload}-c{row.connections}"
