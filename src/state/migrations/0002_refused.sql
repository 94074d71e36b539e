-- What the other side refuses: a key backs off while it has marks, and is a dead letter once the policy's attempts are used
-- up. Its marks go then; the letter says instead of them that the sides differ.
ALTER TABLE banyan.failure
  -- The side that refused the record.
  ADD COLUMN target text NOT NULL DEFAULT 'new' CHECK (target IN ('legacy', 'new')),
  -- Who met the refusal: a sync, or the backfill.
  ADD COLUMN source text NOT NULL DEFAULT 'sync',
  -- Since when it is a dead letter; null: it is tried again by itself.
  ADD COLUMN dead_at timestamptz,
  -- The record as it was then, as JSON; null: the other side refused that it is gone.
  ADD COLUMN record text;

INSERT INTO banyan.failure (resource, key, first_at, last_at, retry_at, code, reason, source, dead_at, record)
  SELECT resource, key, at, at, at, code, reason, 'backfill', at, record FROM banyan.set_aside
  ON CONFLICT (resource, key) DO NOTHING;
DROP TABLE banyan.set_aside;

-- Legacy records that a copy could not bring over.
CREATE VIEW banyan.set_aside AS
  SELECT resource, key, code, reason, record, dead_at AS at FROM banyan.failure
  WHERE source = 'backfill' AND dead_at IS NOT NULL;

-- The last round trip of a resource's real rows (`banyan lint`): the first step needs one without findings.
CREATE TABLE banyan.lint (
  resource text PRIMARY KEY,
  -- Of the mapping that it was made with: another mapping needs another one.
  mapping text NOT NULL,
  rows bigint NOT NULL,
  -- False: the time was over before every row was seen.
  complete boolean NOT NULL,
  -- Values that could not come back.
  lost bigint NOT NULL,
  -- Values that come back in another form and mean the same.
  reformed bigint NOT NULL,
  findings jsonb NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
