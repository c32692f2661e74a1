-- Limits by name, and how far each has got. `set_by` null: nobody has set it, calls name it.
CREATE TABLE limits (
    name         TEXT PRIMARY KEY,
    at_once      INTEGER,
    rate         INTEGER,
    period       INTEGER,
    burst        INTEGER,
    set_by       TEXT,
    set_at       INTEGER,
    due          INTEGER NOT NULL DEFAULT 0,
    closed_from  INTEGER,
    closed_until INTEGER,
    closed_by    TEXT,
    closed_why   TEXT,
    given        INTEGER NOT NULL DEFAULT 0,
    clock        INTEGER NOT NULL DEFAULT 0,
    looked_at    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Calls that have their turn (`state` 1), wait for it (0), or keep a place that is passed over (2).
CREATE TABLE turns (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    name     TEXT NOT NULL,
    n        INTEGER NOT NULL,
    call     BLOB NOT NULL,
    epoch    INTEGER NOT NULL,
    flow     TEXT NOT NULL,
    called   TEXT NOT NULL,
    rank     INTEGER NOT NULL,
    round    INTEGER NOT NULL,
    share    INTEGER NOT NULL,
    state    INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    UNIQUE (n, call)
);
-- Whose turn is next, and how many are before somebody.
CREATE INDEX turns_waiting ON turns (name, rank, round, share, id) WHERE state = 0;
-- How many have their turn.
CREATE INDEX turns_given ON turns (name) WHERE state = 1;
-- The last round of an execution.
CREATE INDEX turns_round ON turns (n, name, rank, round);
-- The last share of a flow in a round.
CREATE INDEX turns_share ON turns (name, rank, flow, round, share);
