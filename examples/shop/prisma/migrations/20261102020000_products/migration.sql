CREATE TABLE "products" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "name" TEXT NOT NULL,
    "description" TEXT,
    "price" DECIMAL(12,2) NOT NULL,
    "stock" INTEGER NOT NULL DEFAULT 0,
    "active" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(6),

    CONSTRAINT "products_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "products_price_is_no_debt" CHECK ("price" >= 0),
    CONSTRAINT "products_stock_is_there" CHECK ("stock" >= 0)
);

-- The shop's front page: what can be bought, newest first.
CREATE INDEX "products_active_created_at_idx" ON "products"("active", "created_at" DESC) WHERE "deleted_at" IS NULL;
