-- CreateTable
CREATE TABLE "engagements" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "reference" VARCHAR(40) NOT NULL,
    "client_id" UUID NOT NULL,
    "service_id" UUID NOT NULL,
    "status" VARCHAR(20) NOT NULL DEFAULT 'planned',
    "scheduled_at" TIMESTAMPTZ(6) NOT NULL,
    "completed_at" TIMESTAMPTZ(6),
    "duration_minutes" INTEGER NOT NULL DEFAULT 60,
    "amount" DECIMAL(15,2),
    "paid" BOOLEAN NOT NULL DEFAULT false,
    "notes" TEXT,
    "tags" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "details" JSONB,
    "follow_up_on" DATE,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "engagements_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "engagements_reference_key" ON "engagements"("reference");

-- CreateIndex
CREATE INDEX "engagements_client_id_scheduled_at_idx" ON "engagements"("client_id", "scheduled_at");

-- CreateIndex
CREATE INDEX "engagements_service_id_scheduled_at_idx" ON "engagements"("service_id", "scheduled_at");

-- CreateIndex
CREATE INDEX "engagements_created_at_id_idx" ON "engagements"("created_at", "id");

-- AddForeignKey
ALTER TABLE "engagements" ADD CONSTRAINT "engagements_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "engagements" ADD CONSTRAINT "engagements_service_id_fkey" FOREIGN KEY ("service_id") REFERENCES "services"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
