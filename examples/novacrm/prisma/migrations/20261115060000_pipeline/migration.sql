-- CreateTable
CREATE TABLE "pipeline" (
    "stage" VARCHAR(40) NOT NULL,
    "deals" INTEGER NOT NULL,
    "amount" DECIMAL(20,2),

    CONSTRAINT "pipeline_pkey" PRIMARY KEY ("stage")
);
