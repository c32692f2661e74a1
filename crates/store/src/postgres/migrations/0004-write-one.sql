-- One write, by its verb: as before, and with those of schedules.
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
    WHEN 'create' THEN RETURN write_create(p_one, p_payloads);
    WHEN 'claim' THEN RETURN write_claim(p_one, p_payloads);
    WHEN 'post' THEN RETURN write_post(p_one, p_payloads);
    WHEN 'renew' THEN RETURN write_renew(p_one);
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
    WHEN 'keep_code' THEN
        INSERT INTO codes (digest, parts) VALUES (p_one->>'digest', p_one->>'parts') ON CONFLICT (digest) DO NOTHING;
        RETURN 'true'::jsonb;
    END CASE;
END $$;
