-- Option: statistics of statements. First, in postgresql.conf, and with a restart:
--   shared_preload_libraries = 'pg_stat_statements'
-- Then once per database, as a superuser:
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

-- The statements that cost the most.
SELECT calls, round(mean_exec_time::NUMERIC, 2) AS mean_ms, round(total_exec_time::NUMERIC) AS total_ms, query
FROM pg_stat_statements
ORDER BY total_exec_time DESC
LIMIT 20;
