-- What sealing needs (`crate::seal`). The keys by which values are sealed, and what those open; no row: the store is plain.
CREATE TABLE sealing (
    one   integer PRIMARY KEY CHECK (one = 1),
    keys  text NOT NULL,
    state bytea NOT NULL
);
-- By which key a part of a value is sealed, and whether a value's digest is a keyed one.
ALTER TABLE chunks ADD COLUMN sealed text;
ALTER TABLE blobs ADD COLUMN sealed boolean NOT NULL DEFAULT false;
-- It is given the keys now.
DROP FUNCTION IF EXISTS once(text, bigint, jsonb, text[], boolean, boolean, boolean, boolean, integer);
