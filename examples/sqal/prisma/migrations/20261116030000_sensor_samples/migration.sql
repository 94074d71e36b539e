-- CreateTable
CREATE TABLE "sensor_samples" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "organisation_id" UUID NOT NULL,
    "device_id" UUID NOT NULL,
    "taken_at" TIMESTAMPTZ(6) NOT NULL,
    "temperature" DECIMAL(6,3) NOT NULL,
    "humidity" DECIMAL(5,2),
    "quality" VARCHAR(20) NOT NULL DEFAULT 'unknown',
    "spectrum" JSONB,
    "remark" TEXT,
    "features" JSONB,
    "score" DOUBLE PRECISION,
    "explanation" JSONB,
    "received_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "sensor_samples_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "sensor_samples_device_id_taken_at_id_idx" ON "sensor_samples"("device_id", "taken_at" DESC, "id");

-- CreateIndex
CREATE INDEX "sensor_samples_organisation_id_taken_at_id_idx" ON "sensor_samples"("organisation_id", "taken_at" DESC, "id");

-- AddForeignKey
ALTER TABLE "sensor_samples" ADD CONSTRAINT "sensor_samples_organisation_id_fkey" FOREIGN KEY ("organisation_id") REFERENCES "organisations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "sensor_samples" ADD CONSTRAINT "sensor_samples_device_id_fkey" FOREIGN KEY ("device_id") REFERENCES "devices"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
