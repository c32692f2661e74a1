-- The keys by which values are sealed, and what those open. No row: the store is plain.
CREATE TABLE sealing (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    keys  TEXT NOT NULL,
    state BLOB NOT NULL
);
-- Of an execution's reason: the waits that it is parked on, as a list. The reason itself may be sealed.
ALTER TABLE executions ADD COLUMN parked_on TEXT NOT NULL DEFAULT '[]';
UPDATE executions SET parked_on = json_extract(reason, '$.waits') WHERE json_type(reason, '$.waits') = 'array';
-- By which key a part of a value is sealed, and whether a value's digest is a keyed one.
ALTER TABLE chunks ADD COLUMN sealed TEXT;
ALTER TABLE blobs ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
