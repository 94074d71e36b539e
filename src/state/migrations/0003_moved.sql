-- Modes `split` and `merged`: which records of legacy the new side has taken over. Rules M1–M7 are in docs/protocol.md.

-- M2: one row per key that new decides although legacy may still hold it: the record was moved, or (a tombstone) deleted.
-- Its primary key is the lock of a move: mover, changer and deleter of one key come one after another.
-- A row counts in its own generation only: once legacy decides alone again, all of them are void (M6).
CREATE TABLE banyan.moved (
  resource text NOT NULL,
  generation integer NOT NULL,
  key text NOT NULL,
  -- The new side has deleted the record: its twin in legacy stays hidden, and no mover brings it back.
  deleted boolean NOT NULL DEFAULT false,
  -- The mover, which goes in key order, has come past it; see `checkpoint` in state/moved.ts.
  passed boolean NOT NULL DEFAULT false,
  PRIMARY KEY (resource, generation, key)
) WITH (fillfactor = 90);
CREATE INDEX moved_ahead ON banyan.moved (resource, generation, key) WHERE NOT passed;

-- M7: resting marks are being worked off for a step back to legacy.
ALTER TABLE banyan.resource ADD COLUMN "returning" boolean NOT NULL DEFAULT false;
