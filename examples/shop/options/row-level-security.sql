-- Option: row-level security per tenant, for programs that use the database beside the gateway. Each of their
-- transactions says whose it is: SELECT set_config('shop.tenant', '<uuid>', true). The gateway's own account is not
-- limited by it: the gateway limits callers by their token ("tenant" of a resource). Run it as the owner.
BEGIN;

ALTER TABLE orders ADD COLUMN tenant_id UUID;
ALTER TABLE users ADD COLUMN tenant_id UUID;
CREATE INDEX orders_tenant_id_idx ON orders (tenant_id);
CREATE INDEX users_tenant_id_idx ON users (tenant_id);

CREATE FUNCTION shop_tenant() RETURNS UUID LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('shop.tenant', true), '')::UUID $$;

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_of_users ON users USING (tenant_id = shop_tenant()) WITH CHECK (tenant_id = shop_tenant());
CREATE POLICY tenant_of_orders ON orders USING (tenant_id = shop_tenant()) WITH CHECK (tenant_id = shop_tenant());
-- :gateway is the gateway's account, e.g. psql -v gateway=banyan_gateway -f row-level-security.sql
CREATE POLICY gateway_of_users ON users TO :"gateway" USING (true) WITH CHECK (true);
CREATE POLICY gateway_of_orders ON orders TO :"gateway" USING (true) WITH CHECK (true);

COMMIT;
