-- What sealing needs (`crate::seal`). The keys by which values are sealed, and what those open; no row: the store is plain.
CREATE TABLE sealing (
    one   integer PRIMARY KEY CHECK (one = 1),
    keys  text NOT NULL,
    state bytea NOT NULL
);
-- Of an execution's reason: which others it awaits. The reason itself may be sealed.
ALTER TABLE executions ADD COLUMN awaited text[] NOT NULL DEFAULT '{}';
UPDATE executions SET awaited = ARRAY(
    SELECT DISTINCT one.id FROM jsonb_array_elements(reason::jsonb->'awaits') AS part(one),
        jsonb_array_elements_text(part.one->'executions') AS one(id))
WHERE awaits AND jsonb_typeof(reason::jsonb->'awaits') = 'array';
-- By which key a part of a value is sealed, and whether a value's digest is a keyed one.
ALTER TABLE chunks ADD COLUMN sealed text;
ALTER TABLE blobs ADD COLUMN sealed boolean NOT NULL DEFAULT false;

-- What is sealed is bound to the place that it is for: `place` says which number of an execution and which first sequence,
-- or line, that is. Where another came first nothing is written, and whoever asked seals it for its new place.
CREATE FUNCTION not_there() RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT '{"no": "place"}'::jsonb $$;

-- Whether an item was sealed for this place; null place: it is plain.
CREATE FUNCTION stands(p_one jsonb, p_n bigint, p_first bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT NOT p_one ? 'place' OR (p_one->'place'->>0)::bigint = p_n AND (p_one->'place'->>1)::bigint = p_first $$;

CREATE OR REPLACE FUNCTION change_execution(p_n bigint, p_one jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE executions AS e SET
        status = coalesce(p_one->>'status', e.status),
        reason = CASE WHEN p_one ? 'reason' THEN p_one->>'reason' ELSE e.reason END,
        awaits = CASE WHEN p_one ? 'reason' THEN (p_one->>'awaits')::boolean ELSE e.awaits END,
        parked_on = CASE WHEN p_one ? 'reason' THEN ARRAY(SELECT jsonb_array_elements_text(p_one->'parked_on'))
            ELSE e.parked_on END,
        awaited = CASE WHEN p_one ? 'reason' THEN ARRAY(SELECT jsonb_array_elements_text(p_one->'awaited'))
            ELSE e.awaited END,
        wake_at = CASE WHEN p_one ? 'wake_at' THEN (p_one->>'wake_at')::bigint ELSE e.wake_at END,
        owner = CASE WHEN p_one ? 'owner' THEN p_one->>'owner' ELSE e.owner END,
        result = coalesce(p_one->>'result', e.result),
        error = CASE WHEN p_one ? 'error' THEN p_one->>'error' ELSE e.error END,
        stop = CASE WHEN p_one ? 'stop' THEN p_one->>'stop' ELSE e.stop END,
        input_tokens = e.input_tokens + coalesce((p_one->>'input_tokens')::bigint, 0),
        output_tokens = e.output_tokens + coalesce((p_one->>'output_tokens')::bigint, 0),
        cost_usd = e.cost_usd + coalesce((p_one->>'cost_usd')::double precision, 0),
        fruitless = CASE p_one->>'fruitless' WHEN 'add' THEN e.fruitless + 1 WHEN 'reset' THEN 0 ELSE e.fruitless END
    WHERE e.n = p_n;
    IF p_one->>'status' IN ('completed', 'cancelled') THEN
        -- Nobody can answer any more.
        UPDATE waits SET over = true WHERE n = p_n AND status = 'open';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION record(p_n bigint, p_first bigint, p_epoch bigint, p_at bigint, p_one jsonb, p_payloads text[])
RETURNS boolean LANGUAGE plpgsql AS $$
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
            PERFORM change_execution(p_n, v_change);
        ELSE
            PERFORM change_other(p_n, p_first, p_at, v_change);
        END IF;
    END LOOP;
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
        PERFORM 1 FROM executions AS e
        WHERE e.id = v_id AND e.epoch = v_epoch AND e.owner IS NOT NULL AND e.lease_until > v_at;
        IF FOUND THEN
            RETURN not_there();
        END IF;
        PERFORM 1 FROM executions WHERE id = v_id;
        RETURN CASE WHEN FOUND THEN jsonb_build_object('no', 'fenced', 'id', v_id) ELSE unknown(v_id) END;
    END IF;
    v_done := record(v_n, v_first, v_epoch, v_at, p_one, p_payloads);
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
        tags, inputs, last_seq, created_at, updated_at, owner, base, key, detached, n)
    VALUES (v_id, reverse(v_id), p_one->>'flow', 'interrupted', v_epoch, (p_one->>'lease')::bigint, p_one->>'parent',
        p_one->>'parent_key', v_source, p_one->>'entry', p_one->>'code',
        ARRAY(SELECT jsonb_array_elements_text(p_one->'tags')), p_one->>'inputs', v_base + (p_one->>'count')::bigint,
        (p_one->>'at')::bigint, (p_one->>'at')::bigint, p_one->>'owner', v_base, p_one->>'key',
        (p_one->>'detached')::boolean,
        coalesce((p_one->'place'->>0)::bigint, nextval(pg_get_serial_sequence('executions', 'n'))))
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
    PERFORM record(v_n, v_base + 1, v_epoch, (p_one->>'at')::bigint, p_one, p_payloads);
    RETURN jsonb_build_object('new', v_epoch);
END $$;

CREATE OR REPLACE FUNCTION write_claim(p_one jsonb, p_payloads text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_id text := p_one->>'id';
    v_epoch bigint := (p_one->>'epoch')::bigint;
    v_count bigint := (p_one->>'count')::bigint;
    v_at bigint := (p_one->>'at')::bigint;
    v_n bigint;
    v_last bigint;
BEGIN
    -- Nobody takes up what somebody else holds, whatever the clock of whoever asks says: by the clock here the lease must
    -- have run out, or whoever asks knows its owner to be gone.
    UPDATE executions AS e SET epoch = e.epoch + 1, owner = p_one->>'owner', lease_until = (p_one->>'lease')::bigint,
        last_seq = e.last_seq + v_count, updated_at = v_at
    WHERE e.id = v_id AND e.epoch = v_epoch AND e.status NOT IN ('completed', 'cancelled')
        AND (e.owner IS NULL OR held_until(e.lease_until) <= now_ms() OR e.owner = p_one->>'dead')
        AND stands(p_one, e.n, e.last_seq + 1)
    RETURNING e.n, e.last_seq INTO v_n, v_last;
    IF NOT FOUND THEN
        PERFORM 1 FROM executions AS e
        WHERE e.id = v_id AND e.epoch = v_epoch AND e.status NOT IN ('completed', 'cancelled')
            AND (e.owner IS NULL OR held_until(e.lease_until) <= now_ms() OR e.owner = p_one->>'dead')
            AND NOT stands(p_one, e.n, e.last_seq + 1);
        IF FOUND THEN
            RETURN not_there();
        END IF;
        PERFORM 1 FROM executions WHERE id = v_id;
        RETURN CASE WHEN FOUND
            THEN conflict(format('execution %s was taken up by another process, or has ended', v_id))
            ELSE unknown(v_id) END;
    END IF;
    PERFORM record(v_n, v_last + 1 - v_count, v_epoch + 1, v_at, p_one, p_payloads);
    RETURN to_jsonb(v_epoch + 1);
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
    PERFORM record(v_n, v_last + 1, v_epoch, v_at, p_one, p_payloads);
    -- Whoever posts decides something that others may wait for.
    PERFORM stir(v_n, false);
    RETURN to_jsonb(v_last + 1);
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

DROP FUNCTION once;
CREATE FUNCTION once(p_writer text, p_number bigint, p_items jsonb, p_payloads text[], p_durable boolean, p_known boolean,
    p_strict boolean, p_values boolean, p_space integer, p_keys text) RETURNS jsonb LANGUAGE plpgsql AS $$
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
    -- Whoever changes the keys waits for all that write, and whoever writes has those that are the store's.
    PERFORM pg_advisory_xact_lock_shared((p_space::bigint << 8) | 3);
    PERFORM 1 FROM sealing WHERE keys = p_keys;
    IF NOT FOUND AND (p_keys <> '' OR EXISTS (SELECT 1 FROM sealing)) THEN
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

-- Stores new parts of values. It is not awaited to the disk: the commit that refers to them comes after it, and takes it
-- along. False: the store has other keys by now.
CREATE FUNCTION put_chunks(p_space integer, p_keys text, p_key text, p_digests bytea[], p_lens bigint[], p_zstd boolean[],
    p_data bytea[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared((p_space::bigint << 8) | 3);
    PERFORM 1 FROM sealing WHERE keys = p_keys;
    IF NOT FOUND AND (p_keys <> '' OR EXISTS (SELECT 1 FROM sealing)) THEN
        RETURN false;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    -- Where two store the same at once, each waits for the other in one order.
    INSERT INTO chunks (digest, len, zstd, data, stored, sealed)
    SELECT DISTINCT ON (new.digest) new.digest, new.len, new.zstd, new.data, octet_length(new.data), p_key
    FROM unnest(p_digests, p_lens, p_zstd, p_data) AS new(digest, len, zstd, data)
    ORDER BY new.digest ON CONFLICT (digest) DO NOTHING;
    RETURN true;
END $$;
