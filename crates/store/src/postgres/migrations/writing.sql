-- The writing statements: one call of `once` is one transaction, and all that a process has to write at that moment.
--
-- What is written comes as JSON from `items.rs`, payloads of events apart. Each item is tested first and written then,
-- so that what is refused has written nothing and leaves the others as they are. What an event changes is decided in
-- Rust (kitaru_core::project); a sequence that is not known there yet is given as its place behind this number:
-- 1099511627776 + place.

-- Times are told by this clock.
CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

-- Numbers begin behind one that is never given.
SELECT nextval('revision');

-- How far all is settled: what has a number up to `settled` is there for good, and nothing will come below it. `last` is
-- the last number that was given, `writing` how many are about to write.
CREATE OR REPLACE FUNCTION settled(p_space integer, OUT settled bigint, OUT last bigint, OUT writing bigint, OUT now bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_low bigint;
BEGIN
    -- First the number, then who writes: whoever begins in between takes later numbers.
    SELECT last_value INTO last FROM revision;
    -- A number is announced by its low 31 bits; one that is ahead of `last` is of a writer that began in between.
    SELECT count(*), max((last - objid::bigint) & 2147483647)
        FILTER (WHERE ((last - objid::bigint) & 2147483647) < 1073741824) INTO writing, v_low
    FROM pg_locks WHERE locktype = 'advisory' AND classid = p_space::oid AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
    settled := last - coalesce(v_low, 0);
    now := now_ms();
END $$;

-- Until when an owner is believed whose lease ends then. While the database was away no lease could be extended: whoever
-- held one when it went has as long again as a lease lasts to be heard of.
CREATE OR REPLACE FUNCTION held_until(p_lease bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_started bigint := floor(extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint;
BEGIN
    RETURN CASE WHEN p_lease > v_started - 600000 THEN greatest(p_lease, v_started + 15000) ELSE p_lease END;
END $$;

CREATE OR REPLACE FUNCTION placed(p_seq bigint, p_first bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN p_seq >= 1099511627776 THEN p_seq - 1099511627776 + p_first ELSE p_seq END $$;

-- To be called before the first number is taken: what has a number above this one may not be seen yet (see `feed.rs`).
CREATE OR REPLACE FUNCTION announce(p_space integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock_shared(p_space, (pg_sequence_last_value('revision') & 2147483647)::integer) THEN
        RAISE 'somebody else holds an advisory lock of this store' USING ERRCODE = 'lock_not_available';
    END IF;
    RETURN true;
END $$;

-- To be called when an execution has ended, or is gone: marks what is parked on it.
CREATE OR REPLACE FUNCTION stir_awaiting(p_id text) RETURNS void LANGUAGE sql AS $$
    UPDATE executions SET stirred = true WHERE n IN (SELECT n FROM awaits WHERE awaited = p_id) AND NOT stirred
        AND status IN ('waiting', 'sleeping') $$;

-- To be called when an execution has moved in a way that it, or one above it, may wait for. `p_anew`: its status has
-- changed, so that what it was marked for is past.
CREATE OR REPLACE FUNCTION stir(p_n bigint, p_anew boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_at bigint := p_n;
    v_one record;
    v_awaits boolean;
    v_is boolean;
BEGIN
    -- Its row is this transaction's by now.
    SELECT id, status, stirred, parked_on, parent, detached INTO v_one FROM executions WHERE n = p_n;
    v_awaits := EXISTS (SELECT 1 FROM awaits WHERE n = p_n);
    IF p_anew AND v_awaits THEN
        -- Whom it awaits may be about to end: that is waited for, or waits for this one, which it will see.
        PERFORM 1 FROM executions WHERE id IN (SELECT awaited FROM awaits WHERE n = p_n) ORDER BY id FOR SHARE;
    END IF;
    v_is := v_one.stirred AND NOT p_anew;
    IF NOT v_is AND v_one.status IN ('waiting', 'sleeping') THEN
        v_is := v_awaits AND EXISTS (SELECT 1 FROM awaits LEFT JOIN executions AS other ON other.id = awaits.awaited
                WHERE awaits.n = p_n AND coalesce(other.status IN ('completed', 'failed', 'cancelled'), true))
            OR EXISTS (SELECT 1 FROM waits WHERE waits.n = p_n AND waits.status = 'answered'
                AND waits.key = ANY (v_one.parked_on));
    END IF;
    -- It is written only where that says something.
    IF v_is <> v_one.stirred THEN
        UPDATE executions SET stirred = v_is WHERE n = p_n;
    END IF;
    IF p_anew AND v_one.status IN ('completed', 'failed', 'cancelled') THEN
        PERFORM stir_awaiting(v_one.id);
    END IF;
    IF v_one.parent IS NULL OR v_one.detached THEN
        RETURN;
    END IF;
    FOR v_deep IN 1..1000 LOOP
        SELECT above.n INTO v_at FROM executions AS one JOIN executions AS above ON above.id = one.parent
        WHERE one.n = v_at AND NOT one.detached;
        EXIT WHEN NOT FOUND;
        UPDATE executions SET stirred = true WHERE n = v_at AND NOT stirred AND status IN ('waiting', 'sleeping');
    END LOOP;
END $$;

-- What changes of calls' rows, each of another call.
CREATE OR REPLACE FUNCTION change_calls(p_n bigint, p_first bigint, p_rows jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    -- A row whose record is another one was dropped and runs anew: it is taken over, its usage keeps adding. A failed try
    -- (`retrying`) has no record of its own. What only begins (`running`, `waiting`) says nothing of attempts.
    INSERT INTO calls AS c (n, key, seq, name, kind, status, attempts, started_at, ended_at, ended_seq, input_tokens,
        output_tokens, cost_usd)
    SELECT p_n, r.key, placed(r.record, p_first), r.name, r.kind, r.status, coalesce(r.attempts, 0), r.started_at,
        r.ended_at, placed(r.ended_seq, p_first), coalesce(r.input_tokens, 0), coalesce(r.output_tokens, 0),
        coalesce(r.cost_usd, 0)
    FROM jsonb_to_recordset(p_rows) AS r(key text, record bigint, name text, kind text, status text, attempts bigint,
        started_at bigint, ended_at bigint, ended_seq bigint, input_tokens bigint, output_tokens bigint,
        cost_usd double precision)
    ON CONFLICT (n, key) DO UPDATE SET
        status = excluded.status,
        attempts = CASE WHEN excluded.status NOT IN ('running', 'waiting') THEN excluded.attempts
            WHEN c.seq = excluded.seq THEN c.attempts ELSE 0 END,
        started_at = CASE WHEN c.seq = excluded.seq OR excluded.status = 'retrying' THEN c.started_at
            ELSE excluded.started_at END,
        seq = CASE WHEN excluded.status = 'retrying' THEN c.seq ELSE excluded.seq END,
        ended_at = excluded.ended_at, ended_seq = excluded.ended_seq, reused = false,
        input_tokens = c.input_tokens + excluded.input_tokens,
        output_tokens = c.output_tokens + excluded.output_tokens,
        cost_usd = c.cost_usd + excluded.cost_usd;
    RETURN true;
END $$;

-- `p_claim`: it is taken up with it. One statement, since a row is written anew into all of its indexes with each.
CREATE OR REPLACE FUNCTION change_execution(p_n bigint, p_one jsonb, p_claim jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE executions AS e SET
        epoch = CASE WHEN p_claim IS NULL THEN e.epoch ELSE e.epoch + 1 END,
        lease_until = CASE WHEN p_claim IS NULL THEN e.lease_until ELSE (p_claim->>'lease')::bigint END,
        last_seq = CASE WHEN p_claim IS NULL THEN e.last_seq ELSE e.last_seq + (p_claim->>'count')::bigint END,
        updated_at = CASE WHEN p_claim IS NULL THEN e.updated_at ELSE (p_claim->>'at')::bigint END,
        assigned_until = CASE WHEN p_claim IS NULL THEN e.assigned_until ELSE 0 END,
        entry = CASE WHEN p_claim IS NULL THEN e.entry ELSE coalesce(p_claim->>'entry', e.entry) END,
        status = coalesce(p_one->>'status', e.status),
        reason = CASE WHEN p_one ? 'reason' THEN p_one->>'reason' ELSE e.reason END,
        awaits = CASE WHEN p_one ? 'reason' THEN (p_one->>'awaits')::boolean ELSE e.awaits END,
        parked_on = CASE WHEN p_one ? 'reason' THEN ARRAY(SELECT jsonb_array_elements_text(p_one->'parked_on'))
            ELSE e.parked_on END,
        wake_at = CASE WHEN p_one ? 'wake_at' THEN (p_one->>'wake_at')::bigint ELSE e.wake_at END,
        owner = CASE WHEN p_one ? 'owner' THEN p_one->>'owner' WHEN p_claim IS NULL THEN e.owner ELSE p_claim->>'owner' END,
        result = coalesce(p_one->>'result', e.result),
        error = CASE WHEN p_one ? 'error' THEN p_one->>'error' ELSE e.error END,
        stop = CASE WHEN p_one ? 'stop' THEN p_one->>'stop' ELSE e.stop END,
        input_tokens = e.input_tokens + coalesce((p_one->>'input_tokens')::bigint, 0),
        output_tokens = e.output_tokens + coalesce((p_one->>'output_tokens')::bigint, 0),
        cost_usd = e.cost_usd + coalesce((p_one->>'cost_usd')::double precision, 0),
        fruitless = CASE p_one->>'fruitless' WHEN 'add' THEN e.fruitless + 1 WHEN 'reset' THEN 0 ELSE e.fruitless END
    WHERE e.n = p_n;
    IF p_one ? 'reason' THEN
        DELETE FROM awaits WHERE n = p_n;
        INSERT INTO awaits (awaited, n, ends) SELECT a.one->>0, p_n, (a.one->>1)::boolean
        FROM jsonb_array_elements(p_one->'awaited') AS a(one);
    END IF;
    IF p_one->>'status' IN ('completed', 'cancelled') THEN
        -- Nobody can answer any more.
        UPDATE waits SET over = true WHERE n = p_n AND status = 'open';
    END IF;
END $$;

-- The other changes of rows, each rare beside those of calls.
CREATE OR REPLACE FUNCTION change_other(p_n bigint, p_first bigint, p_at bigint, p_one jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE p_one->>'c'
    WHEN 'usage' THEN
        UPDATE calls SET input_tokens = input_tokens + coalesce((p_one->>'input_tokens')::bigint, 0),
            output_tokens = output_tokens + coalesce((p_one->>'output_tokens')::bigint, 0),
            cost_usd = cost_usd + coalesce((p_one->>'cost_usd')::double precision, 0)
        WHERE n = p_n AND key = p_one->>'key';
    WHEN 'drop' THEN
        UPDATE calls SET status = 'dropped', reused = false
        WHERE n = p_n AND seq = ANY (ARRAY(SELECT value::bigint FROM jsonb_array_elements_text(p_one->'records')));
    WHEN 'reused' THEN
        UPDATE calls AS c SET reused = NOT c.reused WHERE c.n = p_n AND c.reused <> EXISTS
            (SELECT 1 FROM jsonb_array_elements(p_one->'ranges') AS r(one)
             WHERE c.seq BETWEEN (r.one->>0)::bigint AND (r.one->>1)::bigint);
    WHEN 'wait_opened' THEN
        INSERT INTO waits (n, key, name, sleep, question, schema, data, status, deadline, on_timeout, opened_at)
        VALUES (p_n, p_one->>'key', p_one->>'name', (p_one->>'sleep')::boolean, p_one->>'question', p_one->>'schema',
            p_one->>'data', 'open', (p_one->>'deadline')::bigint, p_one->>'on_timeout', p_at)
        ON CONFLICT (n, key) DO UPDATE SET name = excluded.name, sleep = excluded.sleep, question = excluded.question,
            schema = excluded.schema, data = excluded.data, status = 'open', answer = NULL, answered_by = NULL,
            deadline = excluded.deadline, on_timeout = excluded.on_timeout, opened_at = excluded.opened_at,
            closed_at = NULL, over = false;
    WHEN 'wait_closed' THEN
        UPDATE waits SET status = p_one->>'status', answer = p_one->>'answer', answered_by = p_one->>'by',
            closed_at = p_at
        WHERE n = p_n AND key = p_one->>'key';
        UPDATE calls SET status = p_one->>'call', ended_at = p_at, ended_seq = placed((p_one->>'seq')::bigint, p_first)
        WHERE n = p_n AND key = p_one->>'key';
    WHEN 'hit' THEN
        DELETE FROM breakpoints WHERE id = (p_one->>'id')::bigint AND NOT every;
        UPDATE breakpoints SET hits = hits + 1 WHERE id = (p_one->>'id')::bigint;
    WHEN 'artifact' THEN
        INSERT INTO artifacts (n, name, value, call_key, at)
        VALUES (p_n, p_one->>'name', p_one->>'value', p_one->>'call', p_at)
        ON CONFLICT (n, name) DO UPDATE SET value = excluded.value, call_key = excluded.call_key, at = excluded.at;
    WHEN 'fruitless' THEN
        UPDATE executions SET fruitless = 0 WHERE n = p_n AND fruitless <> 0;
    END CASE;
END $$;

-- Writes events whose sequences are reserved, and what they change. `p_claim`: with what is first changed of the execution
-- it is taken up.
CREATE OR REPLACE FUNCTION record(p_n bigint, p_first bigint, p_epoch bigint, p_at bigint, p_one jsonb, p_payloads text[],
    p_claim jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_from integer := (p_one->>'from')::integer;
    v_changes jsonb := p_one->'changes';
    v_change jsonb;
    v_done boolean;
BEGIN
    INSERT INTO journal (n, seq, kind, call_key, payload, epoch, at, revision)
    SELECT p_n, p_first + e.place - 1, e.one->>0, e.one->>1, p_payloads[v_from + e.place], p_epoch, p_at,
        nextval('revision')
    FROM jsonb_array_elements(p_one->'events') WITH ORDINALITY AS e(one, place);
    FOR v_place IN 0..jsonb_array_length(v_changes) - 1 LOOP
        v_change := v_changes->v_place;
        IF v_change->>'c' = 'calls' THEN
            v_done := change_calls(p_n, p_first, v_change->'rows');
        ELSIF v_change->>'c' = 'execution' THEN
            PERFORM change_execution(p_n, v_change, p_claim);
            p_claim := NULL;
        ELSE
            PERFORM change_other(p_n, p_first, p_at, v_change);
        END IF;
    END LOOP;
    IF p_claim IS NOT NULL THEN
        PERFORM change_execution(p_n, '{}', p_claim);
    END IF;
    IF p_one ? 'blobs' THEN
        INSERT INTO blobs (digest, len, chunks, sealed)
        SELECT decode(b.one->>'digest', 'hex'), (b.one->>'len')::bigint, decode(b.one->>'packed', 'hex'),
            coalesce((b.one->>'sealed')::boolean, false)
        FROM jsonb_array_elements(p_one->'blobs') AS b(one)
        ON CONFLICT (digest) DO NOTHING;
    END IF;
    IF p_one ? 'stir' THEN
        PERFORM stir(p_n, (p_one->>'stir')::boolean);
    END IF;
    RETURN true;
END $$;

-- What an item refers to and is not there; null: all is. Whoever removes values waits for this transaction.
CREATE OR REPLACE FUNCTION lacks(p_one jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_lost jsonb;
BEGIN
    -- Each may stand under one of some names.
    SELECT jsonb_agg(d.one->>0) INTO v_lost FROM jsonb_array_elements(p_one->'needs') AS d(one)
    WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements_text(d.one) AS h(hex) JOIN blobs
        ON blobs.digest = decode(h.hex, 'hex'));
    IF v_lost IS NOT NULL THEN
        RETURN jsonb_build_object('no', 'value', 'digests', v_lost);
    END IF;
    PERFORM 1 FROM jsonb_array_elements(p_one->'blobs') AS b(one), jsonb_array_elements_text(b.one->'chunks') AS d(id)
    WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.id = d.id::bigint);
    IF FOUND THEN
        RETURN jsonb_build_object('no', 'chunk');
    END IF;
    SELECT jsonb_agg(d.id) INTO v_lost FROM jsonb_array_elements_text(p_one->'hits') AS d(id)
    WHERE NOT EXISTS (SELECT 1 FROM breakpoints WHERE id = d.id::bigint FOR UPDATE);
    IF v_lost IS NOT NULL THEN
        RETURN jsonb_build_object('no', 'conflict', 'why', format('breakpoint %s is gone', v_lost->>0));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION unknown(p_id text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
$$ SELECT jsonb_build_object('no', 'unknown', 'id', p_id) $$;

CREATE OR REPLACE FUNCTION conflict(p_why text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
$$ SELECT jsonb_build_object('no', 'conflict', 'why', p_why) $$;

-- What is sealed is bound to the place that it is for: `place` says which number of an execution and which first sequence,
-- or line, that is. Where another came first nothing is written, and whoever asked seals it for its new place.
CREATE OR REPLACE FUNCTION not_there() RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT '{"no": "place"}'::jsonb $$;

-- Whether an item was sealed for this place; null place: it is plain.
CREATE OR REPLACE FUNCTION stands(p_one jsonb, p_n bigint, p_first bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT NOT p_one ? 'place' OR (p_one->'place'->>0)::bigint = p_n AND (p_one->'place'->>1)::bigint = p_first $$;

-- Whether these are the keys of the store. Whoever changes them waits for all that write, from here to their commits.
CREATE OR REPLACE FUNCTION has_keys(p_space integer, p_keys text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_keys text := pg_advisory_xact_lock_shared((p_space::bigint << 8) | 3);
BEGIN
    SELECT keys INTO v_keys FROM sealing;
    RETURN coalesce(v_keys, '') = p_keys;
END $$;

-- Stores new parts of values. It is not awaited to the disk: the commit that refers to them comes after it, and takes it
-- along. What has no data lies at its place already. Returns the places that are in no row, where others were faster. Null:
-- the store has other keys by now.
CREATE OR REPLACE FUNCTION put_chunks(p_space integer, p_keys text, p_key text, p_digests bytea[], p_lens bigint[], p_zstd boolean[],
    p_data bytea[], p_stored bigint[], p_places text[]) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
    IF NOT has_keys(p_space, p_keys) THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    -- Where two store the same at once, each waits for the other in one order.
    INSERT INTO chunks (digest, len, zstd, data, stored, sealed, place)
    SELECT DISTINCT ON (new.digest) new.digest, new.len, new.zstd, new.data, new.stored, p_key, new.place
    FROM unnest(p_digests, p_lens, p_zstd, p_data, p_stored, p_places) AS new(digest, len, zstd, data, stored, place)
    ORDER BY new.digest ON CONFLICT (digest) DO NOTHING;
    RETURN ARRAY(SELECT new.place FROM unnest(p_digests, p_places) AS new(digest, place) WHERE new.place IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.digest = new.digest AND chunks.place = new.place));
END $$;

-- Why nothing was appended to an execution that is thought to be held at that epoch.
CREATE OR REPLACE FUNCTION not_appended(p_id text, p_epoch bigint, p_at bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM executions AS e
    WHERE e.id = p_id AND e.epoch = p_epoch AND e.owner IS NOT NULL AND e.lease_until > p_at;
    IF FOUND THEN
        RETURN not_there();
    END IF;
    PERFORM 1 FROM executions WHERE id = p_id;
    RETURN CASE WHEN FOUND THEN jsonb_build_object('no', 'fenced', 'id', p_id) ELSE unknown(p_id) END;
END $$;

CREATE OR REPLACE FUNCTION write_append(p_one jsonb, p_payloads text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_id text := p_one->>'id';
    v_at bigint := (p_one->>'at')::bigint;
    v_epoch bigint := (p_one->>'epoch')::bigint;
    v_count bigint := (p_one->>'count')::bigint;
    v_reset boolean := p_one ? 'reset';
    v_n bigint;
    v_first bigint;
    v_done boolean;
BEGIN
    UPDATE executions AS e SET last_seq = e.last_seq + v_count, updated_at = v_at,
        fruitless = CASE WHEN v_reset THEN 0 ELSE e.fruitless END
    WHERE e.id = v_id AND e.epoch = v_epoch AND e.owner IS NOT NULL AND e.lease_until > v_at
        AND stands(p_one, e.n, e.last_seq + 1)
    RETURNING e.n, e.last_seq + 1 - v_count INTO v_n, v_first;
    IF NOT FOUND THEN
        RETURN not_appended(v_id, v_epoch, v_at);
    END IF;
    v_done := record(v_n, v_first, v_epoch, v_at, p_one, p_payloads, NULL);
    RETURN to_jsonb(v_first);
END $$;

CREATE OR REPLACE FUNCTION write_create(p_one jsonb, p_payloads text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_id text := p_one->>'id';
    v_epoch bigint := (p_one->>'epoch')::bigint;
    v_base bigint := coalesce((p_one->>'upto')::bigint, 0);
    v_source text := p_one->>'source';
    v_from bigint;
    v_last bigint;
    v_n bigint;
BEGIN
    PERFORM 1 FROM executions WHERE id = v_id;
    IF FOUND THEN
        RETURN '{"exists": true}'::jsonb;
    END IF;
    IF v_source IS NOT NULL THEN
        -- It stays while this is written.
        SELECT n, last_seq INTO v_from, v_last FROM executions WHERE id = v_source FOR KEY SHARE;
        IF NOT FOUND THEN
            RETURN unknown(v_source);
        ELSIF v_base < 1 OR v_base > v_last THEN
            RETURN conflict(format('execution %s has events 1 to %s, and none to replay it up to %s', v_source, v_last,
                v_base));
        END IF;
    END IF;
    INSERT INTO executions (id, reversed, flow, status, epoch, lease_until, parent, parent_key, forked_from, entry, code,
        tags, inputs, last_seq, created_at, updated_at, owner, base, key, detached, n, pool)
    VALUES (v_id, reverse(v_id), p_one->>'flow', 'interrupted', v_epoch, (p_one->>'lease')::bigint, p_one->>'parent',
        p_one->>'parent_key', v_source, p_one->>'entry', p_one->>'code',
        ARRAY(SELECT jsonb_array_elements_text(p_one->'tags')), p_one->>'inputs', v_base + (p_one->>'count')::bigint,
        (p_one->>'at')::bigint, (p_one->>'at')::bigint, p_one->>'owner', v_base, p_one->>'key',
        (p_one->>'detached')::boolean,
        coalesce((p_one->'place'->>0)::bigint, nextval(pg_get_serial_sequence('executions', 'n'))), p_one->>'pool')
    ON CONFLICT (id) DO NOTHING RETURNING n INTO v_n;
    IF NOT FOUND THEN
        RETURN '{"exists": true}'::jsonb;
    END IF;
    IF v_source IS NOT NULL THEN
        INSERT INTO segments (n, upto, source)
        SELECT v_n, least(part.upto, v_base), part.source FROM (
            SELECT s.upto, s.source, lag(s.upto, 1, 0::bigint) OVER (ORDER BY s.upto) AS before
            FROM (SELECT upto, source FROM segments WHERE n = v_from
                  UNION ALL SELECT 9223372036854775807, v_from) AS s
        ) AS part WHERE part.before < v_base;
    END IF;
    PERFORM record(v_n, v_base + 1, v_epoch, (p_one->>'at')::bigint, p_one, p_payloads, NULL);
    RETURN jsonb_build_object('new', v_epoch);
END $$;

-- Whether somebody may take up what has this owner and lease. Nobody takes up what somebody else holds, whatever the clock
-- of whoever asks says: by the clock here the lease must have run out, or whoever asks knows its owner to be gone.
CREATE OR REPLACE FUNCTION is_free(p_owner text, p_lease bigint, p_dead text) RETURNS boolean LANGUAGE sql VOLATILE AS
$$ SELECT p_owner IS NULL OR held_until(p_lease) <= now_ms() OR p_owner = p_dead $$;

-- Whether it may go on with that status; unasked not where somebody has to decide it.
CREATE OR REPLACE FUNCTION may_go_on(p_status text, p_unasked boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT p_status NOT IN ('completed', 'cancelled') AND NOT (p_unasked AND p_status IN ('paused', 'failed')) $$;

-- Why an execution was not taken up at that epoch.
CREATE OR REPLACE FUNCTION not_claimed(p_id text, p_epoch bigint, p_dead text, p_unasked boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM executions AS e
    WHERE e.id = p_id AND e.epoch = p_epoch AND may_go_on(e.status, p_unasked) AND is_free(e.owner, e.lease_until, p_dead);
    IF FOUND THEN
        RETURN not_there();
    END IF;
    PERFORM 1 FROM executions WHERE id = p_id;
    RETURN CASE WHEN FOUND
        THEN conflict(format('execution %s was taken up by another process, or has ended', p_id))
        ELSE unknown(p_id) END;
END $$;

CREATE OR REPLACE FUNCTION write_claim(p_one jsonb, p_payloads text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_id text := p_one->>'id';
    v_epoch bigint := (p_one->>'epoch')::bigint;
    v_at bigint := (p_one->>'at')::bigint;
    v_unasked boolean := (p_one->>'unasked')::boolean;
    v_n bigint;
    v_last bigint;
BEGIN
    SELECT e.n, e.last_seq INTO v_n, v_last FROM executions AS e
    WHERE e.id = v_id AND e.epoch = v_epoch AND may_go_on(e.status, v_unasked)
        AND is_free(e.owner, e.lease_until, p_one->>'dead') AND stands(p_one, e.n, e.last_seq + 1)
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN not_claimed(v_id, v_epoch, p_one->>'dead', v_unasked);
    END IF;
    PERFORM record(v_n, v_last + 1, v_epoch + 1, v_at, p_one, p_payloads, p_one);
    RETURN to_jsonb(v_epoch + 1);
END $$;

-- What is wrong with the guard of a post; null: it holds.
CREATE OR REPLACE FUNCTION guarded(p_id text, p_n bigint, p_epoch bigint, p_last bigint, p_guard jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_other jsonb;
    v_status text;
    v_last bigint;
BEGIN
    IF p_guard ? 'epoch' THEN
        IF p_epoch <> (p_guard->>'epoch')::bigint OR p_last <> (p_guard->>'seq')::bigint THEN
            RETURN format('execution %s has changed meanwhile', p_id);
        END IF;
        FOR v_other IN SELECT jsonb_array_elements(p_guard->'others') LOOP
            -- It stays as it is until this is written.
            SELECT status, last_seq INTO v_status, v_last FROM executions WHERE id = v_other->>'id' FOR SHARE;
            IF NOT FOUND OR coalesce(v_status <> v_other->>'status', v_last <> (v_other->>'seq')::bigint) THEN
                RETURN format('execution %s has moved meanwhile', v_other->>'id');
            END IF;
        END LOOP;
    ELSIF p_guard ? 'open' THEN
        SELECT status INTO v_status FROM waits WHERE n = p_n AND key = p_guard->>'open';
        IF NOT FOUND THEN
            RETURN format('execution %s has no wait %s', p_id, p_guard->>'open');
        ELSIF v_status <> 'open' THEN
            RETURN format('wait %s of %s is %s', p_guard->>'open', p_id, v_status);
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION write_post(p_one jsonb, p_payloads text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_id text := p_one->>'id';
    v_at bigint := (p_one->>'at')::bigint;
    v_n bigint;
    v_epoch bigint;
    v_last bigint;
    v_status text;
    v_why text;
BEGIN
    SELECT n, epoch, last_seq, status INTO v_n, v_epoch, v_last, v_status FROM executions WHERE id = v_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN unknown(v_id);
    ELSIF v_status IN ('completed', 'cancelled') THEN
        RETURN conflict(format('execution %s is %s', v_id, v_status));
    END IF;
    v_why := guarded(v_id, v_n, v_epoch, v_last, p_one->'guard');
    IF v_why IS NOT NULL THEN
        RETURN conflict(v_why);
    ELSIF NOT stands(p_one, v_n, v_last + 1) THEN
        RETURN not_there();
    END IF;
    UPDATE executions SET last_seq = v_last + (p_one->>'count')::bigint, updated_at = v_at WHERE n = v_n;
    PERFORM record(v_n, v_last + 1, v_epoch, v_at, p_one, p_payloads, NULL);
    -- Whoever posts decides something that others may wait for.
    PERFORM stir(v_n, false);
    RETURN to_jsonb(v_last + 1);
END $$;

CREATE OR REPLACE FUNCTION write_renew(p_one jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_lost bigint[] := '{}';
    v_lease record;
BEGIN
    -- In one order for all, as in `once`.
    FOR v_lease IN SELECT l.one->>0 AS id, (l.one->>1)::bigint AS epoch, l.place
        FROM jsonb_array_elements(p_one->'leases') WITH ORDINALITY AS l(one, place) ORDER BY 1, 3
    LOOP
        UPDATE executions SET lease_until = (p_one->>'until')::bigint
        WHERE id = v_lease.id AND epoch = v_lease.epoch AND owner IS NOT NULL;
        IF NOT FOUND THEN
            v_lost := array_append(v_lost, v_lease.place);
        END IF;
    END LOOP;
    RETURN jsonb_build_object('these', coalesce((
        SELECT jsonb_agg(l.one->>0 ORDER BY l.place)
        FROM jsonb_array_elements(p_one->'leases') WITH ORDINALITY AS l(one, place) WHERE l.place = ANY (v_lost)), '[]'));
END $$;

-- Gives a worker what it is about to begin. What another one is just giving itself is passed over, and not waited for.
-- However many wait, only as many are looked at as are given: in the order of their index.
CREATE OR REPLACE FUNCTION write_assign(p_one jsonb) RETURNS jsonb LANGUAGE plpgsql
SET enable_sort = off SET enable_bitmapscan = off AS $$
DECLARE
    v_now bigint := now_ms();
    v_until bigint := v_now + (p_one->>'hold')::bigint;
    v_left bigint := (p_one->>'limit')::bigint;
    v_flows text[] := ARRAY(SELECT jsonb_array_elements_text(p_one->'flows'));
    v_but text[] := ARRAY(SELECT jsonb_array_elements_text(p_one->'but'));
    v_given text[] := '{}';
    v_some text[];
    v_pool text;
BEGIN
    IF p_one ? 'ids' THEN
        UPDATE executions SET assigned_until = v_until WHERE n IN (
            SELECT n FROM executions
            WHERE id IN (SELECT one FROM jsonb_array_elements_text(p_one->'ids') WITH ORDINALITY AS i(one, place)
                    WHERE place <= v_left)
                AND assigned_until <= v_now AND status NOT IN ('completed', 'cancelled')
            FOR NO KEY UPDATE SKIP LOCKED);
        RETURN jsonb_build_object('these', coalesce((SELECT jsonb_agg(i.one ORDER BY i.place)
            FROM jsonb_array_elements_text(p_one->'ids') WITH ORDINALITY AS i(one, place)
            JOIN executions ON executions.id = i.one WHERE assigned_until = v_until), '[]'));
    END IF;
    FOR v_pool IN SELECT jsonb_array_elements_text(p_one->'pools') LOOP
        IF (p_one->>'lapsed')::boolean THEN
            -- First what was begun, however much waits that was not. What runs is looked at one by one: its leases move all
            -- the time, and an index of them would move along.
            WITH given AS (
                UPDATE executions SET assigned_until = v_until WHERE n IN (
                    SELECT n FROM executions
                    WHERE pool = v_pool AND owner IS NOT NULL AND status IN ('running', 'interrupted')
                        AND assigned_until <= v_now AND lease_until <= v_now AND held_until(lease_until) <= v_now
                        AND (v_flows = '{}' OR flow = ANY (v_flows)) AND id <> ALL (v_but)
                        AND coalesce(entry::jsonb->>'host', p_one->>'host') = p_one->>'host'
                    ORDER BY n LIMIT v_left FOR NO KEY UPDATE SKIP LOCKED)
                RETURNING n, id)
            SELECT coalesce(array_agg(id ORDER BY n), '{}') INTO v_some FROM given;
            v_given := v_given || v_some;
            v_left := v_left - cardinality(v_some);
        END IF;
        WITH given AS (
            UPDATE executions SET assigned_until = v_until WHERE n IN (
                SELECT n FROM executions
                WHERE pool = v_pool AND owner IS NULL AND status IN ('running', 'interrupted') AND assigned_until <= v_now
                    AND (v_flows = '{}' OR flow = ANY (v_flows)) AND id <> ALL (v_but)
                    AND coalesce(entry::jsonb->>'host', p_one->>'host') = p_one->>'host'
                ORDER BY n LIMIT v_left FOR NO KEY UPDATE SKIP LOCKED)
            RETURNING n, id)
        SELECT coalesce(array_agg(id ORDER BY n), '{}') INTO v_some FROM given;
        v_given := v_given || v_some;
        v_left := v_left - cardinality(v_some);
    END LOOP;
    RETURN jsonb_build_object('these', to_jsonb(v_given));
END $$;

CREATE OR REPLACE FUNCTION write_log(p_one jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_n bigint;
    v_last bigint;
BEGIN
    -- Lines are counted by one at a time.
    SELECT n INTO v_n FROM executions WHERE id = p_one->>'id' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN unknown(p_one->>'id');
    END IF;
    SELECT coalesce(max(line), 0) INTO v_last FROM logs WHERE n = v_n;
    IF NOT stands(p_one, v_n, v_last + 1) THEN
        RETURN not_there();
    END IF;
    INSERT INTO logs (n, line, at, call_key, stream, text, revision)
    SELECT v_n, v_last + l.place, (l.one->>0)::bigint, l.one->>1, l.one->>2, l.one->>3, nextval('revision')
    FROM jsonb_array_elements(p_one->'lines') WITH ORDINALITY AS l(one, place);
    RETURN 'true'::jsonb;
END $$;

-- Removes an execution that ended and has not changed, with all that nobody else reads.
CREATE OR REPLACE FUNCTION write_delete(p_id text, p_epoch bigint, p_last bigint, p_space integer) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    v_n bigint;
    v_read bigint[];
    v_of bigint;
BEGIN
    -- One deletion at a time: two last readers of the same events must see each other.
    PERFORM pg_advisory_xact_lock((p_space::bigint << 8) | 2);
    DELETE FROM executions WHERE id = p_id AND epoch = p_epoch AND last_seq = p_last AND owner IS NULL
        AND status IN ('completed', 'failed', 'cancelled') RETURNING n INTO v_n;
    IF NOT FOUND THEN
        PERFORM 1 FROM executions WHERE id = p_id;
        RETURN CASE WHEN FOUND THEN conflict(format('execution %s has changed meanwhile, or goes on', p_id))
            ELSE unknown(p_id) END;
    END IF;
    DELETE FROM awaits WHERE n = v_n;
    PERFORM stir_awaiting(p_id);
    DELETE FROM calls WHERE n = v_n;
    DELETE FROM waits WHERE n = v_n;
    DELETE FROM artifacts WHERE n = v_n;
    DELETE FROM logs WHERE n = v_n;
    INSERT INTO gone (n, id, revision) VALUES (v_n, p_id, nextval('revision'));
    SELECT array_agg(source ORDER BY upto) INTO v_read FROM segments WHERE n = v_n;
    DELETE FROM segments WHERE n = v_n;
    -- Its own events go, and those that were kept for it alone.
    FOREACH v_of IN ARRAY coalesce(v_read, '{}') || v_n LOOP
        PERFORM 1 FROM executions WHERE n = v_of UNION ALL SELECT 1 FROM segments WHERE source = v_of LIMIT 1;
        IF NOT FOUND THEN
            DELETE FROM journal WHERE n = v_of;
        END IF;
    END LOOP;
    RETURN 'true'::jsonb;
END $$;

CREATE OR REPLACE FUNCTION write_schedule(p_one jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- Rings for those who look for something to begin. A transaction that gives notice holds a lock of the whole cluster until
-- it is on the disk: so one at a time does, and those that come meanwhile leave it out, rather than to sync one after
-- the other.
CREATE OR REPLACE FUNCTION ring(p_space integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_try_advisory_xact_lock((p_space::bigint << 8) | 4) THEN
        PERFORM pg_notify('kitaru_' || p_space, '');
    END IF;
END $$;

CREATE OR REPLACE FUNCTION write_one(p_one jsonb, p_payloads text[], p_space integer) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_no jsonb;
    v_id bigint;
BEGIN
    IF p_one ? 'refused' THEN
        RETURN conflict(p_one->>'refused');
    END IF;
    IF p_one ?| ARRAY['needs', 'blobs', 'hits'] THEN
        v_no := lacks(p_one);
        IF v_no IS NOT NULL THEN
            RETURN v_no;
        END IF;
    END IF;
    CASE p_one->>'verb'
    WHEN 'append' THEN RETURN write_append(p_one, p_payloads);
    WHEN 'create' THEN
        IF p_one->>'pool' IS NOT NULL THEN
            PERFORM ring(p_space);
        END IF;
        RETURN write_create(p_one, p_payloads);
    WHEN 'claim' THEN RETURN write_claim(p_one, p_payloads);
    WHEN 'post' THEN
        PERFORM ring(p_space);
        RETURN write_post(p_one, p_payloads);
    WHEN 'renew' THEN RETURN write_renew(p_one);
    WHEN 'assign' THEN RETURN write_assign(p_one);
    WHEN 'log' THEN RETURN write_log(p_one);
    WHEN 'delete' THEN
        RETURN write_delete(p_one->>'id', (p_one->>'epoch')::bigint, (p_one->>'last')::bigint, p_space);
    WHEN 'add_breakpoint' THEN
        INSERT INTO breakpoints (flow, file, before, every, condition, by, at)
        VALUES (p_one->>'flow', p_one->>'file', p_one->>'before', (p_one->>'every')::boolean, p_one->>'condition',
            p_one->>'by', (p_one->>'at')::bigint) RETURNING id INTO v_id;
        PERFORM nextval('revision');
        RETURN to_jsonb(v_id);
    WHEN 'remove_breakpoint' THEN
        DELETE FROM breakpoints WHERE id = (p_one->>'id')::bigint RETURNING id INTO v_id;
        PERFORM nextval('revision');
        RETURN jsonb_build_object('removed', v_id IS NOT NULL);
    WHEN 'keep_schedule' THEN RETURN write_schedule(p_one);
    WHEN 'remove_schedule' THEN
        DELETE FROM schedules WHERE name = p_one->>'name' AND version = (p_one->>'seen')::bigint RETURNING version INTO v_id;
        PERFORM nextval('revision');
        RETURN jsonb_build_object('removed', v_id IS NOT NULL);
    WHEN 'release' THEN
        INSERT INTO releases (flow, n, body) VALUES (p_one->>'flow', (p_one->>'n')::bigint, p_one->>'body')
        ON CONFLICT (flow, n) DO NOTHING RETURNING n INTO v_id;
        IF v_id IS NULL THEN
            RETURN conflict(format('somebody else has just released %s', p_one->>'flow'));
        END IF;
        PERFORM nextval('revision');
        RETURN 'true'::jsonb;
    WHEN 'keep_code' THEN
        INSERT INTO codes (digest, parts) VALUES (p_one->>'digest', p_one->>'parts') ON CONFLICT (digest) DO NOTHING;
        RETURN 'true'::jsonb;
    END CASE;
END $$;

-- Makes writes that may come twice: see `Store::write_once`. `p_known`: it may have come before, and is looked for first; two
-- that bring the same stand in line for the writer's row. Else it is noticed at the end, where all of it is undone. All that it
-- looks for it finds by an index: plans are made while tables may be small, and are to be used whatever they were like then.
CREATE OR REPLACE FUNCTION once(p_writer text, p_number bigint, p_items jsonb, p_payloads text[], p_durable boolean, p_known boolean,
    p_strict boolean, p_values boolean, p_space integer, p_keys text) RETURNS jsonb LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    v_last bigint;
    v_n bigint;
    v_answers jsonb;
    v_told jsonb[] := '{}';
    v_done boolean;
BEGIN
    IF p_known THEN
        INSERT INTO writers (id, number, answers, at) VALUES (p_writer, 0, '[]', now_ms()) ON CONFLICT (id) DO NOTHING;
        SELECT number, answers INTO v_last, v_answers FROM writers WHERE id = p_writer FOR NO KEY UPDATE;
        IF v_last = p_number THEN
            RETURN jsonb_build_object('now', now_ms(), 'answers', v_answers);
        ELSIF v_last > p_number THEN
            RETURN jsonb_build_object('now', now_ms(), 'last', v_last);
        END IF;
    END IF;
    IF NOT has_keys(p_space, p_keys) THEN
        RETURN '{"keys": true}'::jsonb;
    END IF;
    IF p_values THEN
        -- Whoever removes unused values does so while nobody refers to any.
        PERFORM pg_advisory_xact_lock_shared((p_space::bigint << 8) | 1);
    END IF;
    IF p_strict AND p_values THEN
        SELECT jsonb_agg(DISTINCT d.one->>0) INTO v_answers FROM jsonb_array_elements(p_items) AS i(one),
            jsonb_array_elements(i.one->'needs') AS d(one)
        WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements_text(d.one) AS h(hex) JOIN blobs
            ON blobs.digest = decode(h.hex, 'hex'));
        IF v_answers IS NOT NULL THEN
            RETURN jsonb_build_object('now', now_ms(), 'missing', v_answers);
        END IF;
    END IF;
    v_done := announce(p_space);
    IF jsonb_array_length(p_items) > 1 THEN
        -- In one order for all, so that they do not wait for each other in a circle.
        PERFORM 1 FROM executions WHERE id IN (SELECT i.one->>'id' FROM jsonb_array_elements(p_items) AS i(one))
        ORDER BY id FOR NO KEY UPDATE;
    END IF;
    FOR v_place IN 0..jsonb_array_length(p_items) - 1 LOOP
        v_told := array_append(v_told, write_one(p_items->v_place, p_payloads, p_space));
    END LOOP;
    IF NOT p_durable THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    v_answers := to_jsonb(v_told);
    UPDATE writers SET number = p_number, answers = v_answers, at = now_ms() WHERE id = p_writer AND number < p_number;
    IF NOT FOUND THEN
        INSERT INTO writers (id, number, answers, at) VALUES (p_writer, p_number, v_answers, now_ms())
        ON CONFLICT (id) DO NOTHING RETURNING n INTO v_n;
        IF NOT FOUND THEN
            RAISE 'it has come before' USING ERRCODE = 'KT001';
        END IF;
        IF v_n % 64 = 0 THEN
            -- Whoever was not heard of for a month sends nothing again.
            DELETE FROM writers WHERE at < now_ms() - 2592000000;
        END IF;
    END IF;
    RETURN jsonb_build_object('now', now_ms(), 'answers', v_answers);
END $$;

-- The same for calls that have ended and are all that their writes say, which is most of what is written: values come as
-- they are, since to make them out of JSON costs as much as to write them. `p_whose`: the place of each among the writes.
-- Its writer is known; where it has come before, that is noticed at the end.
CREATE OR REPLACE FUNCTION steps(p_writer text, p_number bigint, p_space integer, p_keys text, p_whose bigint[],
    p_ids text[], p_epochs bigint[], p_ats bigint[], p_kinds text[], p_payloads text[], p_calls text[], p_records bigint[], p_names text[], p_sorts text[],
    p_statuses text[], p_attempts bigint[], p_begun bigint[], p_ns bigint[], p_firsts bigint[]) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    v_told jsonb[] := '{}';
    v_now bigint := now_ms();
    v_done boolean;
    v_n bigint;
    v_seq bigint;
BEGIN
    IF NOT has_keys(p_space, p_keys) THEN
        RETURN '{"keys": true}'::jsonb;
    END IF;
    v_done := announce(p_space);
    -- They come in one order for all, so that nobody waits in a circle.
    FOR at IN 1..cardinality(p_ids) LOOP
        UPDATE executions AS e SET last_seq = e.last_seq + 1, updated_at = p_ats[at], fruitless = 0
        WHERE e.id = p_ids[at] AND e.epoch = p_epochs[at] AND e.owner IS NOT NULL AND e.lease_until > p_ats[at]
            AND (p_ns[at] IS NULL OR e.n = p_ns[at] AND e.last_seq + 1 = p_firsts[at])
        RETURNING e.n, e.last_seq INTO v_n, v_seq;
        IF NOT FOUND THEN
            v_told[p_whose[at]] := not_appended(p_ids[at], p_epochs[at], p_ats[at]);
            CONTINUE;
        END IF;
        INSERT INTO journal (n, seq, kind, call_key, payload, epoch, at, revision)
        VALUES (v_n, v_seq, p_kinds[at], p_calls[at], p_payloads[at], p_epochs[at], p_ats[at], nextval('revision'));
        INSERT INTO calls (n, key, seq, name, kind, status, attempts, started_at, ended_at, ended_seq)
        VALUES (v_n, p_calls[at], placed(p_records[at], v_seq), p_names[at], p_sorts[at], p_statuses[at], p_attempts[at],
            p_begun[at], p_ats[at], v_seq)
        ON CONFLICT (n, key) DO NOTHING;
        IF NOT FOUND THEN
            v_done := change_calls(v_n, v_seq, jsonb_build_array(jsonb_build_object('key', p_calls[at], 'record',
                p_records[at], 'name', p_names[at], 'kind', p_sorts[at], 'status', p_statuses[at], 'attempts',
                p_attempts[at], 'started_at', p_begun[at], 'ended_at', p_ats[at], 'ended_seq', v_seq)));
        END IF;
        v_told[p_whose[at]] := to_jsonb(v_seq);
    END LOOP;
    UPDATE writers SET number = p_number, answers = to_jsonb(v_told), at = v_now
    WHERE id = p_writer AND number < p_number;
    IF NOT FOUND THEN
        RAISE 'it has come before' USING ERRCODE = 'KT001';
    END IF;
    RETURN jsonb_build_object('now', v_now, 'answers', to_jsonb(v_told));
END $$;

-- The same for executions that are taken up and of which nothing else is said. `p_looks`: who looks for more, each with its
-- place among the writes.
CREATE OR REPLACE FUNCTION claims(p_writer text, p_number bigint, p_space integer, p_keys text, p_whose bigint[],
    p_ids text[], p_epochs bigint[], p_ats bigint[], p_leases bigint[], p_owners text[], p_dead text[], p_unasked boolean[],
    p_payloads text[], p_ns bigint[], p_firsts bigint[], p_looks jsonb) RETURNS jsonb
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    v_told jsonb[] := '{}';
    v_now bigint := now_ms();
    v_done boolean;
    v_n bigint;
    v_seq bigint;
    v_below boolean;
BEGIN
    IF NOT has_keys(p_space, p_keys) THEN
        RETURN '{"keys": true}'::jsonb;
    END IF;
    v_done := announce(p_space);
    FOR at IN 1..cardinality(p_ids) LOOP
        UPDATE executions AS e SET epoch = e.epoch + 1, owner = p_owners[at], lease_until = p_leases[at],
            last_seq = e.last_seq + 1, updated_at = p_ats[at], assigned_until = 0, status = 'running', reason = NULL,
            awaits = false, parked_on = '{}', wake_at = NULL, error = NULL, stop = NULL, fruitless = e.fruitless + 1,
            stirred = false
        WHERE e.id = p_ids[at] AND e.epoch = p_epochs[at] AND may_go_on(e.status, p_unasked[at])
            AND is_free(e.owner, e.lease_until, p_dead[at])
            AND (p_ns[at] IS NULL OR e.n = p_ns[at] AND e.last_seq + 1 = p_firsts[at])
        RETURNING e.n, e.last_seq, e.parent IS NOT NULL AND NOT e.detached INTO v_n, v_seq, v_below;
        IF NOT FOUND THEN
            v_told[p_whose[at]] := not_claimed(p_ids[at], p_epochs[at], p_dead[at], p_unasked[at]);
            CONTINUE;
        END IF;
        INSERT INTO journal (n, seq, kind, payload, epoch, at, revision)
        VALUES (v_n, v_seq, 'taken', p_payloads[at], p_epochs[at] + 1, p_ats[at], nextval('revision'));
        DELETE FROM awaits WHERE n = v_n;
        IF v_below THEN
            PERFORM stir(v_n, true);
        END IF;
        v_told[p_whose[at]] := to_jsonb(p_epochs[at] + 1);
    END LOOP;
    FOR at IN 0..jsonb_array_length(p_looks) - 1 LOOP
        v_told[(p_looks->at->>0)::bigint] := write_assign(p_looks->at->1);
    END LOOP;
    UPDATE writers SET number = p_number, answers = to_jsonb(v_told), at = v_now
    WHERE id = p_writer AND number < p_number;
    IF NOT FOUND THEN
        RAISE 'it has come before' USING ERRCODE = 'KT001';
    END IF;
    RETURN jsonb_build_object('now', v_now, 'answers', to_jsonb(v_told));
END $$;

-- Removes an execution unless something needs it.
CREATE OR REPLACE FUNCTION remove_one(p_id text, p_epoch bigint, p_last bigint, p_space integer) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    v_n bigint;
    v_parent text;
    v_events bigint;
    v_bytes bigint;
    v_told jsonb;
BEGIN
    SELECT n, parent INTO v_n, v_parent FROM executions WHERE id = p_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '{"gone": true}'::jsonb;
    END IF;
    PERFORM 1 FROM segments WHERE source = v_n LIMIT 1;
    IF FOUND THEN
        RETURN jsonb_build_object('kept', 'a replay reads it');
    END IF;
    PERFORM 1 FROM executions WHERE id = v_parent;
    IF FOUND THEN
        RETURN jsonb_build_object('kept', 'its parent is on record');
    END IF;
    SELECT count(*), coalesce(sum(octet_length(payload)), 0) INTO v_events, v_bytes FROM journal WHERE n = v_n;
    SELECT v_bytes + coalesce(sum(octet_length(text)), 0) INTO v_bytes FROM logs WHERE n = v_n;
    v_told := write_delete(p_id, p_epoch, p_last, p_space);
    IF v_told ? 'no' THEN
        RETURN jsonb_build_object('kept', 'it has changed');
    END IF;
    RETURN jsonb_build_object('events', v_events, 'bytes', v_bytes);
END $$;
