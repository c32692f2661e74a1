-- Who is parked on which other execution. `ends`: nothing but its end counts, so that it is looked at when that comes. The
-- reason of an execution, which says it too, may be sealed.
CREATE TABLE awaits (
    awaited text COLLATE "C" NOT NULL,
    n       bigint NOT NULL,
    ends    boolean NOT NULL,
    PRIMARY KEY (awaited, n)
);
-- What one awaits, when it does no longer.
CREATE INDEX awaits_n ON awaits (n);
-- Those that are looked at each time: what they wait for may also be a death, which nobody writes.
CREATE INDEX awaits_open ON awaits (n) WHERE NOT ends;
INSERT INTO awaits (awaited, n, ends)
    SELECT one.id, executions.n, bool_and(coalesce((part.one->>'ends')::boolean, false))
    FROM executions, jsonb_array_elements(reason::jsonb->'awaits') AS part(one),
        jsonb_array_elements_text(part.one->'executions') AS one(id)
    WHERE awaits AND jsonb_typeof(reason::jsonb->'awaits') = 'array' GROUP BY executions.n, one.id;
-- Some of that may have come already.
UPDATE executions SET stirred = true WHERE status IN ('waiting', 'sleeping') AND awaits;
