-- SQAL as it was written by hand: one table of sensor data, and what belongs to it.

CREATE TABLE organisation (
  org_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  org_name text NOT NULL,
  created timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE device (
  device_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  org_id uuid NOT NULL REFERENCES organisation,
  serial_no text NOT NULL UNIQUE,
  kind text NOT NULL,
  installed timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX device_org ON device (org_id);

CREATE TABLE sensor_data (
  sample_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  org_id uuid NOT NULL REFERENCES organisation,
  device_id uuid NOT NULL REFERENCES device,
  ts timestamptz NOT NULL,
  temp numeric(6,3) NOT NULL,
  humidity numeric(5,2),
  quality text NOT NULL DEFAULT 'unknown',
  spectrum jsonb,
  remark text,
  -- Added later, for the models; the first clients know nothing of them.
  ml_features jsonb,
  ml_score double precision,
  ml_explanation jsonb,
  received timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sensor_data_by_device ON sensor_data (device_id, ts DESC, sample_id);

CREATE TABLE ml_model (
  model_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  org_id uuid NOT NULL REFERENCES organisation,
  name text NOT NULL,
  version text NOT NULL,
  metrics jsonb,
  registered timestamptz NOT NULL DEFAULT now(),
  UNIQUE (org_id, name, version)
);

CREATE TABLE ml_job (
  job_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  org_id uuid NOT NULL REFERENCES organisation,
  model_id uuid NOT NULL REFERENCES ml_model,
  state text NOT NULL DEFAULT 'queued',
  parameters jsonb,
  queued timestamptz NOT NULL DEFAULT now(),
  ended timestamptz
);

CREATE TABLE ml_prediction (
  prediction_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  org_id uuid NOT NULL REFERENCES organisation,
  sample_id uuid NOT NULL REFERENCES sensor_data,
  model_id uuid NOT NULL REFERENCES ml_model,
  value double precision NOT NULL,
  explanation jsonb,
  made timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ml_prediction_by_sample ON ml_prediction (sample_id);
