import { defineConfig } from 'prisma/config';

/** For the Prisma CLI only (generate, format, studio); Banyan migrates by itself, without the CLI's downloaded engine. */
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.DATABASE_OWNER_URL ?? process.env.DATABASE_URL ?? '' },
});
