-- Parts of a product's name, whatever the case. The extension is a trusted one: the owner of a database may add it.
CREATE EXTENSION IF NOT EXISTS "pg_trgm";

CREATE INDEX "products_name_trgm_idx" ON "products" USING GIN ("name" gin_trgm_ops);
