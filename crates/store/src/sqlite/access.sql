-- Small, and read by key: one for each request that shows one.
CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    scope      TEXT NOT NULL,
    digest     BLOB NOT NULL,
    by         TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    used_at    INTEGER
) WITHOUT ROWID;

CREATE TABLE links (
    id           TEXT PRIMARY KEY,
    digest       BLOB NOT NULL,
    execution_id TEXT NOT NULL,
    key          TEXT NOT NULL,
    question     BLOB NOT NULL,
    by           TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    used_at      INTEGER
) WITHOUT ROWID;
-- Those that ended long ago.
CREATE INDEX links_expires ON links (expires_at);

CREATE TABLE audit (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    by       TEXT NOT NULL,
    token    TEXT,
    origin   TEXT NOT NULL,
    act      TEXT NOT NULL,
    target   TEXT,
    given    TEXT NOT NULL,
    before   TEXT,
    after    TEXT,
    outcome  TEXT,
    ended_at INTEGER
);
-- What somebody did, newest first: by name, or by token.
CREATE INDEX audit_by ON audit (by, id);
CREATE INDEX audit_token ON audit (token, id) WHERE token IS NOT NULL;
