//! The tables, as numbered migrations. The format version stands in `PRAGMA user_version`.
//!
//! Every index names the query it is for. Not here: any other statement.

/// Migrations from version n to n + 1, in order. Forward only.
pub const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE executions (
    n           INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    reversed    TEXT NOT NULL,
    flow        TEXT NOT NULL,
    status      TEXT NOT NULL,
    reason      TEXT,
    wake_at     INTEGER,
    owner       TEXT,
    epoch       INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER NOT NULL DEFAULT 0,
    parent      TEXT,
    parent_key  TEXT,
    forked_from TEXT,
    entry       TEXT NOT NULL,
    code        TEXT,
    tags        TEXT NOT NULL,
    inputs      TEXT NOT NULL,
    result      TEXT,
    error       TEXT,
    input_tokens  INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd    REAL NOT NULL DEFAULT 0,
    stop        TEXT,
    fruitless   INTEGER NOT NULL DEFAULT 0,
    last_seq    INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
);
-- `find` by suffix.
CREATE INDEX executions_reversed ON executions (reversed);
-- Lists by status or by flow, newest first, and the list of open ones.
CREATE INDEX executions_status ON executions (status, n);
CREATE INDEX executions_flow ON executions (flow, n, status);
-- What is due.
CREATE INDEX executions_wake ON executions (wake_at) WHERE wake_at IS NOT NULL;
-- Children of an execution.
CREATE INDEX executions_parent ON executions (parent) WHERE parent IS NOT NULL;

-- One integer is the key: a table by rowid takes an append at its end without touching the pages before, where
-- a tree with a key of two columns moves its last leaves' rows about (measured: 1.1 pages an event against 2.2).
CREATE TABLE journal (
    place    INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,
    call_key TEXT,
    payload  TEXT NOT NULL,
    epoch    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    n        INTEGER GENERATED ALWAYS AS (place >> 32) VIRTUAL,
    seq      INTEGER GENERATED ALWAYS AS (place & 4294967295) VIRTUAL
);

CREATE TABLE calls (
    n          INTEGER NOT NULL,
    key        TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    status     TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    ended_seq  INTEGER,
    reused     INTEGER NOT NULL DEFAULT 0,
    input_tokens  INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd   REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (n, key)
) WITHOUT ROWID;

CREATE TABLE waits (
    n           INTEGER NOT NULL,
    key         TEXT NOT NULL,
    name        TEXT NOT NULL,
    sleep       INTEGER NOT NULL,
    question    TEXT NOT NULL,
    schema      TEXT,
    data        TEXT,
    status      TEXT NOT NULL,
    answer      TEXT,
    answered_by TEXT,
    deadline    INTEGER,
    opened_at   INTEGER NOT NULL,
    closed_at   INTEGER,
    PRIMARY KEY (n, key)
) WITHOUT ROWID;
-- The inbox: open questions of all executions, oldest first.
CREATE INDEX waits_open ON waits (opened_at) WHERE status = 'open' AND sleep = 0;

CREATE TABLE artifacts (
    n        INTEGER NOT NULL,
    name     TEXT NOT NULL,
    value    TEXT NOT NULL,
    call_key TEXT,
    at       INTEGER NOT NULL,
    PRIMARY KEY (n, name)
) WITHOUT ROWID;

CREATE TABLE logs (
    n        INTEGER NOT NULL,
    line     INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    call_key TEXT,
    stream   TEXT NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (n, line)
) WITHOUT ROWID;

-- Large values by content; `chunks` lists chunk ids as varint differences.
CREATE TABLE blobs (
    digest BLOB PRIMARY KEY,
    len    INTEGER NOT NULL,
    chunks BLOB NOT NULL
) WITHOUT ROWID;

-- A chunk's bytes stand in `data`, or in a pack file at `pack`, `place`.
CREATE TABLE chunks (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    len    INTEGER NOT NULL,
    zstd   INTEGER NOT NULL,
    data   BLOB,
    pack   INTEGER,
    place  INTEGER,
    stored INTEGER NOT NULL
);
",
    "
-- A deleted execution's number is never given again: its events may be read by its replays.
CREATE TABLE moved (
    n           INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    reversed    TEXT NOT NULL,
    flow        TEXT NOT NULL,
    status      TEXT NOT NULL,
    reason      TEXT,
    wake_at     INTEGER,
    owner       TEXT,
    epoch       INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER NOT NULL DEFAULT 0,
    parent      TEXT,
    parent_key  TEXT,
    detached    INTEGER NOT NULL DEFAULT 0,
    key         TEXT,
    forked_from TEXT,
    base        INTEGER NOT NULL DEFAULT 0,
    entry       TEXT NOT NULL,
    code        TEXT,
    tags        TEXT NOT NULL,
    inputs      TEXT NOT NULL,
    result      TEXT,
    error       TEXT,
    input_tokens  INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd    REAL NOT NULL DEFAULT 0,
    stop        TEXT,
    fruitless   INTEGER NOT NULL DEFAULT 0,
    last_seq    INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
);
INSERT INTO moved (n, id, reversed, flow, status, reason, wake_at, owner, epoch, lease_until, parent, parent_key,
    forked_from, entry, code, tags, inputs, result, error, input_tokens, output_tokens, cost_usd, stop, fruitless,
    last_seq, created_at, updated_at)
SELECT n, id, reversed, flow, status, reason, wake_at, owner, epoch, lease_until, parent, parent_key,
    forked_from, entry, code, tags, inputs, result, error, input_tokens, output_tokens, cost_usd, stop, fruitless,
    last_seq, created_at, updated_at FROM executions;
DROP TABLE executions;
ALTER TABLE moved RENAME TO executions;
CREATE INDEX executions_reversed ON executions (reversed);
CREATE INDEX executions_status ON executions (status, n);
CREATE INDEX executions_flow ON executions (flow, n, status);
CREATE INDEX executions_wake ON executions (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX executions_parent ON executions (parent) WHERE parent IS NOT NULL;
-- Replays of an execution.
CREATE INDEX executions_forks ON executions (forked_from) WHERE forked_from IS NOT NULL;
-- The execution that a key has started.
CREATE INDEX executions_key ON executions (key) WHERE key IS NOT NULL;
-- Those that are parked on other executions.
CREATE INDEX executions_awaits ON executions (n) WHERE json_extract(reason, '$.executions') IS NOT NULL;

-- Whose events a replay reads before its own: of execution `source`, those up to `upto` that come after the segment
-- before. The whole chain stands here, so that it outlives what it leads through.
CREATE TABLE segments (
    n      INTEGER NOT NULL,
    upto   INTEGER NOT NULL,
    source INTEGER NOT NULL,
    PRIMARY KEY (n, upto)
) WITHOUT ROWID;
-- Whether an execution's events are read by others.
CREATE INDEX segments_source ON segments (source);

CREATE TABLE breakpoints (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    flow      TEXT NOT NULL,
    file      TEXT,
    before    TEXT NOT NULL,
    every     INTEGER NOT NULL,
    condition TEXT,
    by        TEXT NOT NULL,
    at        INTEGER NOT NULL,
    hits      INTEGER NOT NULL DEFAULT 0
);

-- What code digests are made of.
CREATE TABLE codes (
    digest TEXT PRIMARY KEY,
    parts  TEXT NOT NULL
) WITHOUT ROWID;

-- Whether an answer after the deadline is too late.
ALTER TABLE waits ADD COLUMN on_timeout TEXT;
UPDATE waits SET on_timeout = (
    SELECT json_extract(payload, '$.wait_opened.on_timeout') FROM journal
    WHERE place > waits.n << 32 AND place < waits.n + 1 << 32 AND kind = 'wait_opened' AND call_key = waits.key
    ORDER BY place DESC LIMIT 1
) WHERE deadline IS NOT NULL;
",
    "
-- The number of a commit's change (`feed`); 0: it was written before there were numbers.
ALTER TABLE journal ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

-- Who has something in a block of numbers, and how far it was before that block: its last event and line.
CREATE TABLE feed (
    block INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    line  INTEGER NOT NULL,
    PRIMARY KEY (block, n)
) WITHOUT ROWID;

-- What was deleted, for those who follow.
CREATE TABLE gone (
    n        INTEGER PRIMARY KEY,
    id       TEXT NOT NULL,
    revision INTEGER NOT NULL
);

-- Whether a parked execution may have something to go on with (`due`). Children are marked by their parents.
ALTER TABLE executions ADD COLUMN stirred INTEGER NOT NULL DEFAULT 0;
UPDATE executions SET stirred = 1 WHERE status IN ('waiting', 'sleeping') AND (
    EXISTS (SELECT 1 FROM waits WHERE waits.n = executions.n AND waits.status = 'answered')
    OR EXISTS (SELECT 1 FROM executions AS child WHERE child.parent = executions.id));
CREATE INDEX executions_stirred ON executions (n) WHERE stirred;
-- Children that run, or have lost their process: the death of an owner marks nobody.
CREATE INDEX executions_left ON executions (n) WHERE parent IS NOT NULL AND status IN ('running', 'interrupted');

-- The inbox: open questions of all executions that can still take an answer, oldest first.
ALTER TABLE waits ADD COLUMN over INTEGER NOT NULL DEFAULT 0;
UPDATE waits SET over = 1
WHERE status = 'open' AND n IN (SELECT n FROM executions WHERE status IN ('completed', 'cancelled'));
DROP INDEX waits_open;
CREATE INDEX waits_open ON waits (opened_at, n, key) WHERE status = 'open' AND sleep = 0 AND over = 0;
",
    // Tokens, links, the log of changes.
    include_str!("access.sql"),
    "
-- What a writer that works through a server sent last, and what came of it: sent again, it is told that again.
CREATE TABLE writers (
    n       INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,
    number  INTEGER NOT NULL,
    answers TEXT NOT NULL,
    at      INTEGER NOT NULL
);
",
    "
-- Who is parked on which other execution. `ends`: nothing but its end counts, so that it is looked at when that comes.
CREATE TABLE awaits (
    awaited TEXT NOT NULL,
    n       INTEGER NOT NULL,
    ends    INTEGER NOT NULL,
    PRIMARY KEY (awaited, n)
) WITHOUT ROWID;
CREATE INDEX awaits_n ON awaits (n);
-- Those that are looked at each time: what they wait for may also be a death, which nobody writes.
CREATE INDEX awaits_open ON awaits (n) WHERE NOT ends;
INSERT INTO awaits (awaited, n, ends)
    SELECT one.value, executions.n, min(coalesce(json_extract(some.value, '$.ends'), 0))
    FROM executions, json_each(executions.reason, '$.awaits') AS some, json_each(some.value, '$.executions') AS one
    WHERE json_extract(executions.reason, '$.executions') IS NOT NULL GROUP BY executions.n, one.value;
UPDATE executions SET stirred = 1 WHERE status IN ('waiting', 'sleeping') AND n IN (SELECT n FROM awaits);
DROP INDEX executions_awaits;
-- What was asked for and nobody has begun.
CREATE INDEX executions_unbegun ON executions (n) WHERE status = 'interrupted' AND epoch & 4294967295 = 0;
-- When a block was begun, so that those can go that nobody comes back to.
ALTER TABLE feed ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE feed SET at = unixepoch() * 1000;
",
    concat!(
        include_str!("pools.sql"),
        // Limits by name, and turns at them.
        include_str!("limits.sql"),
        include_str!("schedules.sql"),
        include_str!("releases.sql"),
        // What sealing needs (`crate::seal`).
        include_str!("seal.sql"),
    ),
];

/// The version that this code writes.
pub const VERSION: u32 = MIGRATIONS.len() as u32;
