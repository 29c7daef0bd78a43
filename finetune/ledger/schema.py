"""The ledger's one table, and what marks a file as a ledger."""

APPLICATION = 0x42534C47
"""SQLite's ``application_id`` of a ledger ("BSLG")."""

VERSION = 1
"""Of the table; in SQLite's ``user_version``."""

STATUSES = ("planned", "running", "done", "failed", "diverged")

CREATE = """
CREATE TABLE runs (
    position       INTEGER PRIMARY KEY,           -- order of planning, and of running
    id             TEXT NOT NULL UNIQUE,          -- RunConfig.id
    study          TEXT NOT NULL,
    purpose        TEXT NOT NULL,                 -- measure | tune
    label          TEXT NOT NULL,                 -- for people
    seed           INTEGER NOT NULL,
    config         TEXT NOT NULL,                 -- RunConfig, JSON, in full
    status         TEXT NOT NULL DEFAULT 'planned'
                   CHECK (status IN ('planned', 'running', 'done', 'failed', 'diverged')),
    attempts       INTEGER NOT NULL DEFAULT 0,    -- times it was started
    kills          INTEGER NOT NULL DEFAULT 0,    -- times its process died under it since the last retry
    owner          TEXT,                          -- host:pid:start of who runs it, while running
    heartbeat      REAL,                          -- UTC seconds of the owner's last sign of life
    progress       TEXT,                          -- step, steps, dev_loss of the last beat, JSON
    created        TEXT NOT NULL,                 -- UTC, ISO 8601
    started        TEXT,
    finished       TEXT,
    trainer_config TEXT,                          -- Trainer arguments and PET config, JSON, in full
    measures       TEXT,                          -- numbers by name, JSON
    history        TEXT,                          -- metrics by step, JSON
    surroundings   TEXT,                          -- versions, hardware, git, JSON
    wall_seconds   REAL,                          -- by a monotonic clock
    peak_memory    INTEGER,                       -- bytes
    tokens         REAL,                          -- target tokens trained on
    cost           REAL,                          -- in the study's unit
    error          TEXT,
    traceback      TEXT
) STRICT
"""

INDEX = "CREATE INDEX runs_by_status ON runs (status, position)"
