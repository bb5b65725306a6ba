"""The tables of the control store, and how an older store becomes a newer one.

``live`` may only name a version that exists, and a version that is live cannot be deleted: the foreign keys hold it.
"""

from edgefaas.database import Layout

_SCRIPTS = (
    """
    CREATE TABLE versions (
        function    TEXT NOT NULL,
        version     TEXT NOT NULL,
        number      INTEGER NOT NULL,
        kind        TEXT NOT NULL,
        entry       TEXT NOT NULL,
        handler     TEXT NOT NULL,
        files       TEXT NOT NULL,   -- JSON: path -> SHA-256 of the blob
        settings    TEXT NOT NULL,   -- JSON: limits, environment, allow, encoding
        size_bytes  INTEGER NOT NULL,
        created_at_s REAL NOT NULL,
        PRIMARY KEY (function, version),
        UNIQUE (function, number)
    ) STRICT;
    CREATE TABLE builds (            -- what this machine made of a version; may be made again
        function    TEXT NOT NULL,
        version     TEXT NOT NULL,
        artifact    TEXT NOT NULL,
        facts       TEXT NOT NULL,
        warnings    TEXT NOT NULL,
        PRIMARY KEY (function, version),
        FOREIGN KEY (function, version) REFERENCES versions (function, version) ON DELETE CASCADE
    ) STRICT;
    CREATE TABLE live (
        function    TEXT PRIMARY KEY,
        version     TEXT NOT NULL,
        since_s     REAL NOT NULL,
        FOREIGN KEY (function, version) REFERENCES versions (function, version)
    ) STRICT;
    CREATE TABLE history (           -- append-only: every change of the live pointer
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        at_s        REAL NOT NULL,
        actor       TEXT NOT NULL,
        action      TEXT NOT NULL,   -- deploy, seed, rollback, rm
        function    TEXT NOT NULL,
        version     TEXT,            -- NULL: removed
        previous    TEXT
    ) STRICT;
    CREATE INDEX history_of_function ON history (function, id);
    CREATE TABLE seeds (
        function    TEXT PRIMARY KEY,
        version     TEXT NOT NULL
    ) STRICT;
    CREATE TABLE purges (
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        at_s        REAL NOT NULL,
        actor       TEXT NOT NULL,
        kind        TEXT NOT NULL,
        value       TEXT NOT NULL,
        soft        INTEGER NOT NULL,
        removed     INTEGER          -- NULL until every worker has confirmed it
    ) STRICT;
    CREATE TABLE tokens (
        name        TEXT PRIMARY KEY,
        digest      TEXT NOT NULL UNIQUE,
        scopes      TEXT NOT NULL,   -- JSON list
        created_at_s REAL NOT NULL,
        expires_at_s REAL            -- NULL: never
    ) STRICT;
    CREATE TABLE audit (             -- append-only: every request that asked for a change, and its end
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        at_s        REAL NOT NULL,
        request_id  TEXT NOT NULL,
        actor       TEXT NOT NULL,
        action      TEXT NOT NULL,
        target      TEXT NOT NULL,
        status      INTEGER NOT NULL,
        detail      TEXT NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE facts (             -- about the store itself
        name        TEXT PRIMARY KEY,
        value       TEXT NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE rollouts (          -- versions that may still be taken back; both ends are held by foreign keys
        function    TEXT PRIMARY KEY,
        version     TEXT NOT NULL,
        previous    TEXT NOT NULL,
        share       INTEGER NOT NULL,    -- hundredths of a percent; 10000: everybody
        affinity    TEXT NOT NULL,
        salt        TEXT NOT NULL,       -- the same for what was deployed together
        since_s     REAL NOT NULL,
        rule        TEXT,                -- JSON; NULL: not watched
        until_s     REAL,                -- NULL: watched for as long as it lasts
        FOREIGN KEY (function, version) REFERENCES versions (function, version),
        FOREIGN KEY (function, previous) REFERENCES versions (function, version)
    ) STRICT;
    CREATE TABLE garbage (           -- artefacts to be removed: noted with what referred to them last
        artifact    TEXT PRIMARY KEY
    ) STRICT;
    ALTER TABLE history ADD COLUMN reason TEXT NOT NULL DEFAULT '';
    """,
    """
    CREATE TABLE secrets (
        function    TEXT NOT NULL,   -- need not be deployed yet
        name        TEXT NOT NULL,
        key_id      TEXT NOT NULL,   -- which key opens it
        sealed      BLOB NOT NULL,
        digest      TEXT NOT NULL,
        created_at_s REAL NOT NULL,
        changed_at_s REAL NOT NULL,
        PRIMARY KEY (function, name)
    ) STRICT;
    """,
)


LAYOUT = Layout(
    scripts=_SCRIPTS,
    word="store",
    remedy="Restore it from a backup, or name another folder with --data.",
    checked=True,
)
