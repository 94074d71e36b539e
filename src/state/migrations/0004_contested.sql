-- When another process was last found to have registered under the same name while this one ran.
ALTER TABLE banyan.replica ADD COLUMN contested_at timestamptz;
