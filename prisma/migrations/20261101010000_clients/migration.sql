-- CreateTable
CREATE TABLE "clients" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "name" TEXT NOT NULL,
    "email" VARCHAR(255) NOT NULL,
    "phone" VARCHAR(40),
    "siret" VARCHAR(14),
    "status" VARCHAR(20) NOT NULL DEFAULT 'active',
    "address" JSONB,
    "tags" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "metadata" JSONB,
    "revenue" DECIMAL(15,2),
    "loyalty_points" INTEGER NOT NULL DEFAULT 0,
    "newsletter" BOOLEAN NOT NULL DEFAULT false,
    "notes" TEXT,
    "first_contact_on" DATE,
    "engagement_count" INTEGER NOT NULL DEFAULT 0,
    "last_engagement_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "clients_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "clients_email_key" ON "clients"("email");

-- CreateIndex
CREATE INDEX "clients_siret_idx" ON "clients"("siret");

-- CreateIndex
CREATE INDEX "clients_status_idx" ON "clients"("status");

-- CreateIndex
CREATE INDEX "clients_created_at_id_idx" ON "clients"("created_at", "id");
