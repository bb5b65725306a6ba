"""What is deployed, durably: which version of each function is live, which are on their way, and how that came.

One connection, one writer: the supervisor holds the data folder's lock, and calls from one thread at a time. Time is an
argument. Whoever has a table of their own (``versions``, ``purges``, ``tokens``, ``audit``, ``vault``) keeps it here.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edgefaas.control import rollouts, schema, versions
from edgefaas.control.records import Change, Note, Version
from edgefaas.control.rollout import Rollout
from edgefaas.control.versions import VersionTable, unknown_function
from edgefaas.database import Database


class Store(Database):
    """What is live, its history, and the tables beside it. Open it once; close it at the end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, schema.LAYOUT)
        self.versions = VersionTable(self)
        self.removed: Callable[[str], None] = lambda _function: None  # told after a removal, in its thread

    def live(self) -> dict[str, Version]:
        """Return the live version of every function, by name."""
        rows = self.query(
            f"SELECT {versions.COLUMNS} FROM versions NATURAL JOIN live ORDER BY function"  # noqa: S608  # constant
        )
        return {version.function: version for version in map(versions.read, rows)}

    def live_version(self, function: str) -> Version | None:
        """Return the live version of one function, None where it has none."""
        rows = self.query(
            f"SELECT {versions.COLUMNS} FROM versions NATURAL JOIN live WHERE function = ?",  # noqa: S608  # constant
            (function,),
        )
        return next(map(versions.read, rows), None)

    def live_since(self) -> dict[str, float]:
        """Return when each function's live version became live (Unix seconds)."""
        return dict(self.query("SELECT function, since_s FROM live"))

    def set_live(
        self,
        versions: Mapping[str, str],
        note: Note,
        *,
        watched: Sequence[Rollout] = (),
        ended: Sequence[Rollout] = (),
    ) -> None:
        """Point every named function to its version, all in one transaction, and note it in the history.

        Whatever of them was on its way ends, and so do the canaries ``ended``; ``watched`` begins. ``note.action``
        seed also notes that the site's file was the source.
        """
        with self.transaction() as db:
            for function, version in versions.items():
                _must_be_there(db, function, version)
                previous = db.execute("SELECT version FROM live WHERE function = ?", (function,)).fetchone()
                db.execute("INSERT OR REPLACE INTO live VALUES (?, ?, ?)", (function, version, note.at_s))
                _remember(db, note, function, version, previous and previous[0])
                if note.action == "seed":
                    db.execute("INSERT OR REPLACE INTO seeds VALUES (?, ?)", (function, version))
            rollouts.end(db, [*versions, *(item.function for item in ended)])
            for item in ended:
                if versions.get(item.function) != item.version:
                    _remember(db, note, item.function, item.version, None)
            rollouts.begin(db, watched)

    def begin_canaries(self, canaries: Sequence[Rollout], note: Note) -> None:
        """Let every canary begin, or change its share, all in one transaction."""
        with self.transaction() as db:
            rollouts.end(db, [canary.function for canary in canaries])
            for canary in canaries:
                _must_be_there(db, canary.function, canary.version)
                _remember(db, note, canary.function, canary.version, canary.previous)
            rollouts.begin(db, canaries)

    def end_rollouts(self, ended: Sequence[Rollout], note: Note | None) -> None:
        """Forget rollouts, all in one transaction; ``note`` is for the history, where viewers get another version."""
        with self.transaction() as db:
            rollouts.end(db, [item.function for item in ended])
            if note is not None:
                for item in ended:
                    _remember(db, note, item.function, item.version, None)

    def rollouts(self) -> dict[str, Rollout]:
        """Return everything that is on its way, by function."""
        rows = self.query(f"SELECT {rollouts.COLUMNS} FROM rollouts ORDER BY function")  # noqa: S608  # constant
        return {item.function: item for item in map(rollouts.read, rows)}

    def remove(self, function: str, note: Note) -> None:
        """Forget a function with all its versions and secrets; its history stays. Raises UnknownFunctionError."""
        with self.transaction() as db:
            rollouts.end(db, [function])
            live = db.execute("SELECT version FROM live WHERE function = ?", (function,)).fetchone()
            db.execute("DELETE FROM live WHERE function = ?", (function,))
            db.execute("DELETE FROM seeds WHERE function = ?", (function,))
            db.execute(
                "INSERT OR IGNORE INTO garbage SELECT artifact FROM builds WHERE function = ?", (function,)
            )
            if db.execute("DELETE FROM versions WHERE function = ?", (function,)).rowcount == 0:
                raise unknown_function(function)
            # Whoever takes the name next is somebody else.
            db.execute("DELETE FROM secrets WHERE function = ?", (function,))
            _remember(db, note, function, None, live and live[0])
        self.removed(function)

    def history(self, function: str | None = None, *, limit: int = 100) -> list[Change]:
        """Return the last changes, the newest first."""
        rows = self.query(
            "SELECT at_s, actor, action, function, version, previous, reason FROM history"
            " WHERE ?1 IS NULL OR function = ?1 ORDER BY id DESC LIMIT ?2",
            (function, limit),
        )
        return [
            Change(
                at_s=row[0],
                actor=row[1],
                action=row[2],
                function=row[3],
                version=row[4],
                previous=row[5],
                reason=row[6],
            )
            for row in rows
        ]

    def seeded(self) -> dict[str, str]:
        """Return, by function, the version last seeded from the site's file."""
        return dict(self.query("SELECT function, version FROM seeds"))

    def handled(self, function: str) -> set[str]:
        """Return the versions that somebody deployed, tried out or took back since the last seed."""
        rows = self.query(
            "SELECT version FROM history WHERE function = ?1 AND version IS NOT NULL AND id >"
            " coalesce((SELECT max(id) FROM history WHERE function = ?1 AND action = 'seed'), 0)",
            (function,),
        )
        return {row[0] for row in rows}

    def note_refused(self, function: str, version: str, note: Note) -> None:
        """Note that a version was not let out."""
        with self.transaction() as db:
            _remember(db, note, function, version, None)


def _must_be_there(db: sqlite3.Connection, function: str, version: str) -> None:
    """Raise UnknownFunctionError for a version that was removed since it was prepared."""
    if not db.execute(
        "SELECT 1 FROM versions WHERE function = ? AND version = ?", (function, version)
    ).fetchone():
        raise unknown_function(function)


def _remember(
    db: sqlite3.Connection, note: Note, function: str, version: str | None, previous: str | None
) -> None:
    db.execute(
        "INSERT INTO history (at_s, actor, action, function, version, previous, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (note.at_s, note.actor, note.action, function, version, previous, note.reason[:500]),
    )
