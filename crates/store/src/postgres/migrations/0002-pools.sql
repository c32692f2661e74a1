-- Pools, whose workers run executions.
ALTER TABLE executions ADD COLUMN pool text COLLATE "C";
-- Until when one of them is about to begin it: others leave it alone so long.
ALTER TABLE executions ADD COLUMN assigned_until bigint NOT NULL DEFAULT 0;
-- What somebody asked a server for and nobody has begun.
UPDATE executions SET pool = 'default'
WHERE status = 'interrupted' AND epoch & 4294967295 = 0 AND parent IS NULL AND forked_from IS NULL;
DROP INDEX executions_unbegun;
-- What the workers of a pool have to begin, in its order, and what they have, which they may have lost.
CREATE INDEX executions_begin ON executions (pool, n)
    WHERE pool IS NOT NULL AND owner IS NULL AND status IN ('running', 'interrupted');
CREATE INDEX executions_held ON executions (pool, n)
    WHERE pool IS NOT NULL AND owner IS NOT NULL AND status IN ('running', 'interrupted');
