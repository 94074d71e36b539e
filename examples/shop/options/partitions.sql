-- Option: monthly partitions of analytics_events. For after the road: a partitioned table's key has to hold the column
-- that it is partitioned by, so that the gateway's syncs (by "id" alone) no longer fit. Run it as the owner.
BEGIN;

ALTER TABLE analytics_events RENAME TO analytics_events_before;
CREATE TABLE analytics_events (
    LIKE analytics_events_before INCLUDING DEFAULTS,
    PRIMARY KEY (id, created_at),
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL ON UPDATE CASCADE
) PARTITION BY RANGE (created_at);

-- Makes the partition of a month unless it is there; for a job that runs once a month.
CREATE FUNCTION make_events_partition(month DATE) RETURNS TEXT LANGUAGE plpgsql AS $$
DECLARE
    first DATE := date_trunc('month', month);
    name TEXT := 'analytics_events_' || to_char(first, 'YYYY_MM');
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS %I PARTITION OF analytics_events FOR VALUES FROM (%L) TO (%L)',
        name, first, (first + INTERVAL '1 month')::DATE
    );
    RETURN name;
END $$;

-- Every month that has events, this one and the next; what fits in none of them is refused by nobody.
SELECT make_events_partition(month::DATE)
FROM (
    SELECT DISTINCT date_trunc('month', created_at) AS month FROM analytics_events_before
    UNION SELECT date_trunc('month', now())
    UNION SELECT date_trunc('month', now()) + INTERVAL '1 month'
) months;
CREATE TABLE analytics_events_other PARTITION OF analytics_events DEFAULT;

INSERT INTO analytics_events SELECT * FROM analytics_events_before;
DROP TABLE analytics_events_before;

CREATE INDEX ON analytics_events (event_type, created_at DESC);
CREATE INDEX ON analytics_events (user_id, created_at DESC) WHERE user_id IS NOT NULL;
CREATE INDEX ON analytics_events USING GIN (payload);

COMMIT;
