
-- What became of the versions of flows' code, in order. A release never changes, and the rest is JSON.
CREATE TABLE releases (
    flow TEXT NOT NULL,
    n    INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (flow, n)
) WITHOUT ROWID;
