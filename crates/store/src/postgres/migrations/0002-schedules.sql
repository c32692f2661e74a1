-- Schedules. `look_at`: when one is to be looked at; `decided`: up to when its ticks are. The rest is JSON.
CREATE TABLE schedules (
    name    text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    look_at bigint,
    decided bigint NOT NULL,
    body    text NOT NULL
);
-- Those that are to be looked at.
CREATE INDEX schedules_look ON schedules (look_at) WHERE look_at IS NOT NULL;
-- Those that were decided by a clock that was ahead.
CREATE INDEX schedules_decided ON schedules (decided);
