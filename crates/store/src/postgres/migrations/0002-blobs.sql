-- Where the bytes of large parts of values lie, if not in their rows; no row: there is no such place. `id` stands in the
-- place's own marker too; not `ready`: that may not have been put yet.
CREATE TABLE shelf (
    one     integer PRIMARY KEY CHECK (one = 1),
    address text NOT NULL,
    id      text NOT NULL,
    ready   boolean NOT NULL
);
-- The name that the bytes of a part have there, which begins with its digest. Each put has a name of its own.
ALTER TABLE chunks ADD COLUMN place text, ALTER COLUMN data DROP NOT NULL,
    ADD CONSTRAINT chunks_somewhere CHECK ((data IS NULL) <> (place IS NULL));
-- It is given places now, and tells which it did not need.
DROP FUNCTION IF EXISTS put_chunks(integer, text, text, bytea[], bigint[], boolean[], bytea[]);
