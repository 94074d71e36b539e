-- The gateway's own tables. Rules R1–R30 and D1–D6 are those of docs/protocol.md.

CREATE TABLE banyan.resource (
  name text PRIMARY KEY,
  epoch bigint NOT NULL DEFAULT 1,
  stage text NOT NULL DEFAULT 'open' CHECK (stage IN ('open', 'enter', 'drain', 'switch')),
  mode text NOT NULL DEFAULT 'legacy',
  next_mode text,
  previous_mode text,
  "primary" text NOT NULL DEFAULT 'legacy' CHECK ("primary" IN ('legacy', 'new')),
  generation integer NOT NULL DEFAULT 0,
  retired boolean NOT NULL DEFAULT false,
  switch_id bigint,
  -- A switch that is not through by then turns round (R15).
  budget_until timestamptz,
  -- Until then a write that a stopped replica sent without a mark may still land in legacy (R19, A1).
  quiet_until timestamptz NOT NULL DEFAULT '-infinity',
  -- The last moment after which only a verify can say that both sides are equal.
  uncertain_at timestamptz NOT NULL DEFAULT '-infinity',
  mode_since timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- R1: one row per write, inserted and deleted, never updated.
CREATE TABLE banyan.mark (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  resource text NOT NULL,
  -- Null until the legacy store has drawn the key (D1).
  key text,
  replica text,
  -- Until then only the mark's own writer may treat it as finished (R2); -infinity: finished at once (primary new).
  deadline timestamptz NOT NULL,
  cause text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX mark_key ON banyan.mark (resource, key);

-- R6, without a transaction held open: a sync notes its key's counter, reads, and commits only if nobody counted since.
-- Keys share a fixed number of counters per resource; sharing costs a repeat, never correctness.
CREATE TABLE banyan.sync_slot (
  resource text NOT NULL,
  slot integer NOT NULL,
  n bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (resource, slot)
) WITH (fillfactor = 25);

-- R7a: who may write a key to legacy, and until when a request of theirs may still land.
CREATE TABLE banyan.lease (
  resource text NOT NULL,
  key text NOT NULL,
  holder uuid NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (resource, key)
);

-- Keys whose sync failed for a reason of their own; they back off and are shown.
CREATE TABLE banyan.failure (
  resource text NOT NULL,
  key text NOT NULL,
  attempts integer NOT NULL DEFAULT 1,
  first_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  retry_at timestamptz NOT NULL,
  code text NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (resource, key)
);

CREATE TABLE banyan.replica (
  name text PRIMARY KEY,
  instance uuid NOT NULL,
  host text NOT NULL,
  boot text NOT NULL,
  pid integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now()
);

-- What a replica last said it acts under; it reads that route, or nothing (R13).
CREATE TABLE banyan.ack (
  replica text NOT NULL REFERENCES banyan.replica ON DELETE CASCADE,
  resource text NOT NULL REFERENCES banyan.resource ON DELETE CASCADE,
  epoch bigint NOT NULL,
  mode text NOT NULL,
  route text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (replica, resource)
);

-- Which file each replica has, kept across restarts so that a restart is not taken for an edit.
CREATE TABLE banyan.replica_file (
  replica text PRIMARY KEY,
  hash text NOT NULL,
  modes jsonb NOT NULL,
  problems jsonb,
  at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE banyan.switch (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  resource text NOT NULL,
  from_mode text NOT NULL,
  to_mode text NOT NULL,
  actor text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  drained_at timestamptz,
  opened_at timestamptz,
  outcome text,
  note text
);

CREATE TABLE banyan.switch_pause (
  switch_id bigint NOT NULL REFERENCES banyan.switch ON DELETE CASCADE,
  replica text NOT NULL,
  held integer NOT NULL,
  failed integer NOT NULL,
  p50_ms double precision NOT NULL,
  max_ms double precision NOT NULL,
  PRIMARY KEY (switch_id, replica)
);

-- What was asked for last, by a file or a command; what is so stands in banyan.resource.
CREATE TABLE banyan.wanted (
  resource text PRIMARY KEY,
  mode text NOT NULL,
  source text NOT NULL,
  actor text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  refusal text
);

CREATE TABLE banyan.audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL,
  action text NOT NULL,
  resource text,
  details jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE banyan.backfill (
  resource text NOT NULL,
  generation integer NOT NULL,
  status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done')),
  holder uuid,
  holder_until timestamptz NOT NULL DEFAULT '-infinity',
  last_key text,
  visited bigint NOT NULL DEFAULT 0,
  total bigint NOT NULL DEFAULT 0,
  set_aside bigint NOT NULL DEFAULT 0,
  note text,
  started_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (resource, generation)
);

-- Records that could not be copied, each with the reason; never dropped silently.
CREATE TABLE banyan.set_aside (
  resource text NOT NULL,
  key text NOT NULL,
  code text NOT NULL,
  reason text NOT NULL,
  record text,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (resource, key)
);

CREATE TABLE banyan.verify_run (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  resource text NOT NULL,
  generation integer NOT NULL,
  status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done', 'abandoned')),
  holder uuid,
  holder_until timestamptz NOT NULL DEFAULT '-infinity',
  last_key text,
  total bigint NOT NULL DEFAULT 0,
  legacy_rows bigint NOT NULL DEFAULT 0,
  new_rows bigint NOT NULL DEFAULT 0,
  differences bigint NOT NULL DEFAULT 0,
  unsettled bigint NOT NULL DEFAULT 0,
  note text,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
CREATE INDEX verify_run_resource ON banyan.verify_run (resource, id);

-- The ledger of differences: one row per key, kept after it was settled.
CREATE TABLE banyan.ledger (
  resource text NOT NULL,
  key text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('missing-in-new', 'missing-in-legacy', 'different')),
  fields text[] NOT NULL,
  legacy text,
  new text,
  source text NOT NULL,
  run_id bigint,
  first_seen timestamptz NOT NULL DEFAULT now(),
  last_seen timestamptz NOT NULL DEFAULT now(),
  settled_at timestamptz,
  settled_by text,
  PRIMARY KEY (resource, key)
);

CREATE TABLE banyan.comparison (
  resource text NOT NULL,
  generation integer NOT NULL,
  mode text NOT NULL,
  compared bigint NOT NULL DEFAULT 0,
  differed bigint NOT NULL DEFAULT 0,
  no_verdict bigint NOT NULL DEFAULT 0,
  dropped bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (resource, generation, mode)
);

CREATE TABLE banyan.idempotency (
  resource text NOT NULL,
  token text NOT NULL,
  request_hash text NOT NULL,
  attempt uuid NOT NULL,
  -- Until then the attempt may still be under way (R2).
  deadline timestamptz NOT NULL,
  -- The id that the gateway gave the record, so that a repeated create is the same create.
  assigned_key text,
  status integer,
  body text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (resource, token)
);
CREATE INDEX idempotency_age ON banyan.idempotency (created_at);

-- R10: every step wakes the replicas; the truth stays in the table, and everybody polls as well.
CREATE FUNCTION banyan.announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('banyan', NEW.name);
  RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT OR UPDATE ON banyan.resource FOR EACH ROW EXECUTE FUNCTION banyan.announce();
