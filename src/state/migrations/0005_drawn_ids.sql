-- The highest integer that was drawn for a table of the new side whose ids are integers in legacy only.
CREATE TABLE banyan.drawn_id (
  name text PRIMARY KEY,
  last bigint NOT NULL
);
