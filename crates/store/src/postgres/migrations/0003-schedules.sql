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

CREATE FUNCTION write_schedule(p_one jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF p_one->>'seen' IS NULL THEN
        INSERT INTO schedules (name, version, look_at, decided, body)
        VALUES (p_one->>'name', (p_one->>'version')::bigint, (p_one->>'look_at')::bigint, (p_one->>'decided')::bigint,
            p_one->>'body') ON CONFLICT (name) DO NOTHING;
    ELSE
        UPDATE schedules SET version = (p_one->>'version')::bigint, look_at = (p_one->>'look_at')::bigint,
            decided = (p_one->>'decided')::bigint, body = p_one->>'body'
        WHERE name = p_one->>'name' AND version = (p_one->>'seen')::bigint;
    END IF;
    IF NOT FOUND THEN
        RETURN conflict(CASE WHEN p_one->>'seen' IS NULL THEN format('there is a schedule %s already', p_one->>'name')
            ELSE format('the schedule %s has changed meanwhile', p_one->>'name') END);
    END IF;
    PERFORM nextval('revision');
    RETURN 'true'::jsonb;
END $$;
