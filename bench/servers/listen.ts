import type { FastifyInstance } from 'fastify';

/** Listens on any free port, and tells the process that started this one where. */
export async function listen(app: FastifyInstance): Promise<void> {
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  announce(url, () => app.close());
}

export function announce(url: string, close: () => Promise<unknown>): void {
  const end = () => void close().finally(() => process.exit(0));
  process.once('SIGTERM', end);
  process.once('disconnect', end);
  process.send?.({ url });
}

/** A setting of a server; the bench gives them all. */
export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; these servers are started by bench/run.ts`);
  return value;
}
