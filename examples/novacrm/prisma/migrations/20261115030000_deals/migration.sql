-- CreateEnum
CREATE TYPE "deal_stage" AS ENUM ('lead', 'qualified', 'in negotiation', 'won', 'lost');

-- CreateTable
CREATE TABLE "deals" (
    "id" SERIAL NOT NULL,
    "account_id" UUID NOT NULL,
    "title" VARCHAR(200) NOT NULL,
    "stage" "deal_stage" NOT NULL DEFAULT 'lead',
    "amount" DECIMAL(14,2) NOT NULL DEFAULT 0,
    "currency" VARCHAR(3) NOT NULL DEFAULT 'EUR',
    "closes_on" DATE,
    "details" JSONB,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "deals_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "deals_account_id_idx" ON "deals"("account_id");

-- CreateIndex
CREATE INDEX "deals_stage_created_at_idx" ON "deals"("stage", "created_at");

-- AddForeignKey
ALTER TABLE "deals" ADD CONSTRAINT "deals_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
