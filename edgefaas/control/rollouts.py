"""The table of rollouts: rows in, rows out. The store holds the transactions around it."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import orjson

from edgefaas.control.rollout import Rollout, rule_from_json, rule_to_json
from edgefaas.split import read_affinity

COLUMNS = "function, version, previous, share, affinity, salt, since_s, rule, until_s"


def begin(db: sqlite3.Connection, rollouts: Iterable[Rollout]) -> None:
    """Write rows."""
    for item in rollouts:
        rule = None if item.rule is None else orjson.dumps(rule_to_json(item.rule)).decode()
        db.execute(
            f"INSERT INTO rollouts ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # constant
            (
                item.function,
                item.version,
                item.previous,
                item.share,
                str(item.affinity),
                item.salt,
                item.since_s,
                rule,
                item.until_s,
            ),
        )


def end(db: sqlite3.Connection, functions: Iterable[str]) -> None:
    """Delete rows; of functions that have none, nothing."""
    db.executemany("DELETE FROM rollouts WHERE function = ?", [(name,) for name in functions])


def read(row: tuple[Any, ...]) -> Rollout:
    """Return what a row says."""
    return Rollout(
        function=row[0],
        version=row[1],
        previous=row[2],
        share=row[3],
        affinity=read_affinity(row[4]),
        salt=row[5],
        since_s=row[6],
        rule=None if row[7] is None else rule_from_json(orjson.loads(row[7])),
        until_s=row[8],
    )
