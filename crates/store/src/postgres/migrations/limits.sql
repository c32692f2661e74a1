-- Turns at limits, asked for and looked at in one call each: the statements that are on the way of every limited call.
--
-- What they decide is what `crate::limits::rules` decides, and `kitaru_core::limit::Gate`, for all else that is asked of
-- limits; the conformance suite holds both to the same answers. Whoever changes something holds its limit's row until the
-- end. Times: `p_now` as whoever asks says, in milliseconds; turns in microseconds.

-- What time counts as now, and what a limit is then (`Gate::mend`): a clock that was set back makes nobody wait for a time
-- that has been.
CREATE OR REPLACE FUNCTION limit_now(p_limit limits, p_now bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN p_now + 10000 < p_limit.clock THEN p_now ELSE greatest(p_now, p_limit.clock) END $$;

CREATE OR REPLACE FUNCTION limit_mended(p_limit limits, p_now bigint) RETURNS limits LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_limit limits := p_limit;
BEGIN
    IF p_now + 10000 < v_limit.clock THEN
        IF v_limit.closed_from IS NOT NULL THEN
            v_limit.closed_until := p_now + (v_limit.closed_until - v_limit.closed_from);
            v_limit.closed_from := p_now;
        END IF;
        v_limit.due := least(v_limit.due, p_now * 1000);
        v_limit.clock := p_now;
    END IF;
    IF v_limit.closed_until <= limit_now(v_limit, p_now) THEN
        v_limit.closed_from := NULL;
        v_limit.closed_until := NULL;
        v_limit.closed_by := NULL;
        v_limit.closed_why := NULL;
    END IF;
    RETURN v_limit;
END $$;

-- The row of a limit, held. It is made if it is not there.
CREATE OR REPLACE FUNCTION limit_held(p_name text) RETURNS limits LANGUAGE plpgsql AS $$
DECLARE
    v_limit limits;
BEGIN
    SELECT * INTO v_limit FROM limits WHERE name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO limits (name) VALUES (p_name) ON CONFLICT (name) DO NOTHING;
        SELECT * INTO v_limit FROM limits WHERE name = p_name FOR UPDATE;
    END IF;
    RETURN v_limit;
END $$;

-- How far apart turns are, and how far ahead of that a burst may be (`Rate`); null: there is no rate.
CREATE OR REPLACE FUNCTION limit_distance(p_limit limits) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT (p_limit.period * 1000 + greatest(p_limit.rate, 1) - 1) / greatest(p_limit.rate, 1) $$;

CREATE OR REPLACE FUNCTION limit_slack(p_limit limits) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT least(limit_distance(p_limit)::numeric * greatest(p_limit.burst - 1, 0), 9223372036854775807)::bigint $$;

-- When the next turn is, were there a place (`Gate::next_at`).
CREATE OR REPLACE FUNCTION limit_next_at(p_limit limits, p_now bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT greatest(greatest(p_now, p_limit.closed_until) * 1000, p_limit.due - limit_slack(p_limit)) $$;

-- Why nobody gets a turn now, while so many have one (`Gate::give`); null: somebody does. A turn is given up to half a
-- second before its time.
CREATE OR REPLACE FUNCTION limit_holds(p_limit limits, p_now bigint, p_running bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE
    WHEN limit_next_at(p_limit, p_now) > p_now * 1000 + 500000
        THEN CASE WHEN p_limit.closed_from IS NULL THEN 'rate' ELSE 'closed' END
    WHEN p_running >= p_limit.at_once THEN 'full' END $$;

-- How many have their turn there and are held as they were then; not counted where that does not matter.
CREATE OR REPLACE FUNCTION limit_running(p_limit limits) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_limit.at_once IS NULL THEN
        RETURN 0;
    END IF;
    RETURN (SELECT count(*) FROM turns WHERE state = 1 AND name = p_limit.name AND EXISTS (SELECT 1 FROM executions AS e
        WHERE e.n = turns.n AND e.epoch = turns.epoch AND e.owner IS NOT NULL));
END $$;

-- Gives all turns that are due, to whomever they belong (`rules::pump`). Its row is held.
CREATE OR REPLACE FUNCTION limit_pump(p_stored limits, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_limit limits := limit_mended(p_stored, p_now);
    v_now bigint := limit_now(v_limit, p_now);
    v_running bigint;
    v_turn bigint;
    v_at bigint;
BEGIN
    v_running := limit_running(v_limit);
    LOOP
        EXIT WHEN limit_holds(v_limit, v_now, v_running) IS NOT NULL;
        SELECT id INTO v_turn FROM turns WHERE state = 0 AND name = v_limit.name AND EXISTS (SELECT 1 FROM executions AS e
            WHERE e.n = turns.n AND e.epoch = turns.epoch AND e.owner IS NOT NULL)
        ORDER BY rank, round, share, id LIMIT 1;
        EXIT WHEN NOT FOUND;
        v_at := limit_next_at(v_limit, v_now);
        UPDATE turns SET state = 1, at = v_at WHERE id = v_turn;
        IF v_limit.rate IS NOT NULL THEN
            v_limit.due := greatest(v_limit.due, v_at) + limit_distance(v_limit);
        END IF;
        v_limit.clock := greatest(v_limit.clock, v_now);
        v_limit.given := v_limit.given + 1;
        v_running := v_running + 1;
    END LOOP;
    IF v_limit IS DISTINCT FROM p_stored THEN
        UPDATE limits SET due = v_limit.due, clock = v_limit.clock, given = v_limit.given,
            closed_from = v_limit.closed_from, closed_until = v_limit.closed_until, closed_by = v_limit.closed_by,
            closed_why = v_limit.closed_why
        WHERE name = v_limit.name;
    END IF;
END $$;

-- How a call stands (`rules::standing`): when it begins, or how many are before it, for what it waits, and when its turn
-- is to be expected. Null: it has no place.
CREATE OR REPLACE FUNCTION limit_standing(p_id text, p_epoch bigint, p_call bytea, p_now bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_turn turns;
    v_limit limits;
    v_now bigint;
    v_before bigint;
    v_at bigint;
BEGIN
    SELECT t.* INTO v_turn FROM executions AS e JOIN turns AS t ON t.n = e.n
    WHERE e.id = p_id AND t.call = p_call AND t.epoch = p_epoch;
    IF NOT FOUND OR v_turn.state = 2 THEN
        RETURN NULL;
    ELSIF v_turn.state = 1 THEN
        RETURN jsonb_build_object('at', v_turn.at);
    END IF;
    SELECT * INTO v_limit FROM limits WHERE name = v_turn.name;
    v_limit.name := v_turn.name;
    v_limit.due := coalesce(v_limit.due, 0);
    v_limit.clock := coalesce(v_limit.clock, 0);
    v_limit := limit_mended(v_limit, p_now);
    v_now := limit_now(v_limit, p_now);
    SELECT count(*) INTO v_before FROM (SELECT 1 FROM turns AS t WHERE t.state = 0 AND t.name = v_turn.name
        AND (t.rank, t.round, t.share, t.id) < (v_turn.rank, v_turn.round, v_turn.share, v_turn.id) LIMIT 10000) AS before;
    v_at := limit_next_at(v_limit, v_now);
    RETURN jsonb_build_object('before', v_before,
        'holds', limit_holds(v_limit, v_now, limit_running(v_limit)),
        'expects', CASE WHEN v_limit.rate IS NULL THEN v_at ELSE greatest(v_at, greatest(v_limit.due, v_at)
            + v_before * limit_distance(v_limit) - limit_slack(v_limit)) END);
END $$;

-- By how much later it is than whoever asks has said, where it had to wait for the store for a second and more.
CREATE OR REPLACE FUNCTION limit_late(p_waited bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_waited bigint := p_waited + floor(extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000)::bigint;
BEGIN
    RETURN CASE WHEN v_waited < 1000 THEN 0 ELSE v_waited END;
END $$;

-- A call asks for its turn (`rules::ask`): it gets the place that it had, or one behind those that came before. False: its
-- execution is not held at that epoch.
CREATE OR REPLACE FUNCTION limit_ask(p_id text, p_epoch bigint, p_call bytea, p_limit text, p_flow text, p_called text,
    p_rank bigint, p_now bigint, p_waited bigint) RETURNS jsonb LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_n bigint;
    v_limit limits;
    v_turn turns;
    v_round bigint;
    v_first bigint;
    v_least bigint;
    v_last bigint;
    v_share bigint;
BEGIN
    -- When the database goes down, its clients are told, and ask again.
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT n INTO v_n FROM executions WHERE id = p_id AND epoch = p_epoch AND owner IS NOT NULL;
    IF NOT FOUND THEN
        RETURN 'false'::jsonb;
    END IF;
    v_limit := limit_held(p_limit);
    SELECT * INTO v_turn FROM turns WHERE n = v_n AND call = p_call;
    IF FOUND AND v_turn.name <> p_limit THEN
        -- The decorator names another limit now.
        DELETE FROM turns WHERE id = v_turn.id;
        v_turn := NULL;
    END IF;
    IF v_turn.id IS NULL THEN
        SELECT round, share INTO v_round, v_first FROM turns WHERE state = 0 AND name = p_limit AND rank = p_rank
        ORDER BY round, share, id LIMIT 1;
        v_round := coalesce(v_round, 0);
        v_least := v_round;
        SELECT max(round) INTO v_last FROM turns WHERE n = v_n AND name = p_limit AND rank = p_rank;
        v_round := greatest(v_round, v_last + 1);
        v_least := CASE WHEN v_round = v_least THEN coalesce(v_first, 0) ELSE 0 END;
        SELECT max(share) INTO v_share FROM turns
        WHERE name = p_limit AND rank = p_rank AND flow = p_flow AND round = v_round;
        INSERT INTO turns (name, n, call, epoch, flow, called, rank, round, share, state, asked_at, at)
        VALUES (p_limit, v_n, p_call, p_epoch, p_flow, p_called, p_rank, v_round, greatest(v_least, v_share + 1), 0, p_now, 0);
    ELSIF v_turn.state <> 1 OR v_turn.epoch <> p_epoch THEN
        UPDATE turns SET epoch = p_epoch, state = 0 WHERE id = v_turn.id;
    END IF;
    PERFORM limit_pump(v_limit, p_now + limit_late(p_waited));
    RETURN limit_standing(p_id, p_epoch, p_call, p_now + limit_late(p_waited));
END $$;

-- How calls stand, each as `limit_standing` says. Turns that are due are given first, where there are any: else nothing is
-- written, and nobody waits. Planned once: with lists of so many lengths each look would be planned anew.
CREATE OR REPLACE FUNCTION limit_look(p_ids text[], p_epochs bigint[], p_calls bytea[], p_now bigint, p_waited bigint)
RETURNS jsonb LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_name text;
    v_limit limits;
    v_now bigint;
    v_holds text;
    v_at bigint;
    -- Of each limit: for what whoever waits there waits, when the next turn is, how far apart they are, and since when.
    v_known jsonb := '{}';
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    -- In one order for all.
    FOR v_name IN SELECT DISTINCT t.name FROM unnest(p_ids, p_epochs, p_calls) AS g(id, epoch, call)
        JOIN executions AS e ON e.id = g.id JOIN turns AS t ON t.n = e.n AND t.call = g.call AND t.epoch = g.epoch
        WHERE t.state = 0 ORDER BY 1
    LOOP
        FOR again IN 0..1 LOOP
            SELECT * INTO v_limit FROM limits WHERE name = v_name;
            v_limit.name := v_name;
            v_limit.due := coalesce(v_limit.due, 0);
            v_limit.clock := coalesce(v_limit.clock, 0);
            v_limit := limit_mended(v_limit, p_now + limit_late(p_waited));
            v_now := limit_now(v_limit, p_now + limit_late(p_waited));
            v_holds := limit_holds(v_limit, v_now, limit_running(v_limit));
            EXIT WHEN again = 1 OR v_holds IS NOT NULL;
            PERFORM limit_pump(limit_held(v_name), p_now + limit_late(p_waited));
        END LOOP;
        v_at := limit_next_at(v_limit, v_now);
        v_known := v_known || jsonb_build_object(v_name, jsonb_build_object('holds', v_holds, 'at', v_at,
            'apart', limit_distance(v_limit), 'from', greatest(v_limit.due, v_at) - limit_slack(v_limit)));
    END LOOP;
    RETURN (
        SELECT jsonb_agg(CASE
            WHEN t.state = 1 THEN jsonb_build_object('at', t.at)
            WHEN t.state = 0 AND v_known ? t.name THEN jsonb_build_object('before', b.before, 'holds', v_known->t.name->'holds',
                'expects', greatest((v_known->t.name->>'at')::bigint,
                    (v_known->t.name->>'from')::bigint + b.before * (v_known->t.name->>'apart')::bigint))
            END ORDER BY g.place)
        FROM unnest(p_ids, p_epochs, p_calls) WITH ORDINALITY AS g(id, epoch, call, place)
        LEFT JOIN executions AS e ON e.id = g.id
        LEFT JOIN turns AS t ON t.n = e.n AND t.call = g.call AND t.epoch = g.epoch
        LEFT JOIN LATERAL (SELECT count(*) AS before FROM (SELECT 1 FROM turns AS o WHERE o.state = 0 AND o.name = t.name
            AND (o.rank, o.round, o.share, o.id) < (t.rank, t.round, t.share, t.id) LIMIT 10000) AS others) AS b ON t.state = 0);
END $$;
