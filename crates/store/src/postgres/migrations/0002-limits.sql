-- Limits by name, and how far each has got. `set_by` null: nobody has set it, calls name it.
CREATE TABLE limits (
    name         text PRIMARY KEY,
    at_once      bigint,
    rate         bigint,
    period       bigint,
    burst        bigint,
    set_by       text,
    set_at       bigint,
    due          bigint NOT NULL DEFAULT 0,
    closed_from  bigint,
    closed_until bigint,
    closed_by    text,
    closed_why   text,
    given        bigint NOT NULL DEFAULT 0,
    clock        bigint NOT NULL DEFAULT 0,
    looked_at    bigint NOT NULL DEFAULT 0
);

-- Calls that have their turn (`state` 1), wait for it (0), or keep a place that is passed over (2).
CREATE TABLE turns (
    id       bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name     text NOT NULL,
    n        bigint NOT NULL,
    call     bytea NOT NULL,
    epoch    bigint NOT NULL,
    flow     text NOT NULL,
    called   text NOT NULL,
    rank     bigint NOT NULL,
    round    bigint NOT NULL,
    share    bigint NOT NULL,
    state    bigint NOT NULL,
    asked_at bigint NOT NULL,
    at       bigint NOT NULL,
    UNIQUE (n, call)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
-- Whose turn is next, and how many are before somebody.
CREATE INDEX turns_waiting ON turns (name, rank, round, share, id) WHERE state = 0;
-- How many have their turn.
CREATE INDEX turns_given ON turns (name) WHERE state = 1;
-- The last round of an execution.
CREATE INDEX turns_round ON turns (n, name, rank, round);
-- The last share of a flow in a round.
CREATE INDEX turns_share ON turns (name, rank, flow, round, share);
