import { PrismaPg } from '@prisma/adapter-pg';
import Fastify from 'fastify';
import { PrismaClient } from '../../src/generated/prisma/client.ts';
import { listen, setting } from './listen.ts';

/** What a product's own server would be on its new store: Prisma's client as it comes, no validation. */
const PAGE = 50;
const prisma = new PrismaClient({
  adapter: new PrismaPg({ connectionString: setting('DATABASE_URL'), max: 20 }),
});
const app = Fastify();

app.get<{ Params: { id: string } }>('/api/clients/:id', async (request, reply) => {
  const data = await prisma.client.findUnique({ where: { id: request.params.id } });
  if (!data) return await reply.code(404).send({ success: false, error: { message: 'not found' } });
  return { success: true, data };
});

app.get('/api/clients', async () => {
  const rows = await prisma.client.findMany({
    orderBy: [{ createdAt: 'desc' }, { id: 'asc' }],
    take: PAGE + 1,
  });
  const data = rows.slice(0, PAGE);
  const last = data.at(-1);
  const cursor = rows.length > PAGE && last ? Buffer.from(JSON.stringify([last.createdAt, last.id])) : null;
  return {
    success: true,
    data,
    pagination: { limit: PAGE, nextCursor: cursor?.toString('base64url') ?? null },
  };
});

app.post('/api/clients', async (request, reply) => {
  const data = await prisma.client.create({ data: request.body as never });
  return await reply.code(201).send({ success: true, data });
});

await listen(app);
