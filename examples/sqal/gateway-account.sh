#!/bin/sh
# Makes the gateway's account at the first start of the database; its migrations grant it what it may do.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --set password="$GATEWAY_PASSWORD" <<'SQL'
CREATE ROLE sqal_gateway LOGIN PASSWORD :'password';
SQL
