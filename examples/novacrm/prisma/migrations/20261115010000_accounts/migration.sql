-- CreateEnum
CREATE TYPE "segment" AS ENUM ('startup', 'smb', 'enterprise');

-- CreateTable
CREATE TABLE "accounts" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "name" VARCHAR(200) NOT NULL,
    "vat_number" VARCHAR(20),
    "country" VARCHAR(2) NOT NULL,
    "segment" "segment" NOT NULL DEFAULT 'smb',
    "annual_revenue" DECIMAL(24,4),
    "website" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "accounts_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "accounts_vat_number_key" ON "accounts"("vat_number");

-- CreateIndex
CREATE INDEX "accounts_created_at_id_idx" ON "accounts"("created_at", "id");
