import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SupabaseStoreSettings } from '../../../src/domain/configuration.ts';
import type { TableSpec } from '../../../src/stores/contract.ts';
import { SupabaseStore } from '../../../src/stores/supabase/store.ts';

export const KEY = 'sb_secret_that_nobody_may_see';

export const SPEC: TableSpec = {
  name: 'clients',
  key: 'id',
  keyType: 'uuid',
  keys: [{ name: 'id', type: 'uuid' }],
  columns: [
    { name: 'id', type: 'uuid', list: false, nullable: false },
    { name: 'name', type: 'text', list: false, nullable: true },
    { name: 'big', type: 'bigint', list: false, nullable: true },
    { name: 'meta', type: 'json', list: false, nullable: true },
    { name: 'tags', type: 'text', list: true, nullable: true },
  ],
};

export const ID = 'a0000000-0000-4000-8000-000000000001';

export interface Received {
  method: string;
  url: URL;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface Answered {
  status?: number;
  headers?: Record<string, string>;
  body?: string;
}

/** A store in front of something that speaks HTTP and answers what it is told: a proxy, a wrong server, PostgREST's own words. */
export async function answering(
  t: { teardown(end: () => unknown): void },
  answer: (request: Received) => Answered,
  changes: Partial<SupabaseStoreSettings> = {},
): Promise<{ store: SupabaseStore; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://answering');
      const { method = '', headers } = request;
      const one = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
      received.push(one);
      const { status = 200, headers: own = {}, body = '[]' } = answer(one);
      response.writeHead(status, { 'content-type': 'application/json', ...own }).end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const settings: SupabaseStoreSettings = {
    kind: 'supabase',
    url: `http://127.0.0.1:${port}/`,
    key: KEY,
    timeout: 10_000,
    deadline: 30_000,
    pool: { max: 4, wait: 5_000 },
    ...changes,
  };
  const store = new SupabaseStore('erp-legacy', settings, () => undefined);
  t.teardown(async () => {
    await store.close();
    server.closeAllConnections();
    server.close();
  });
  return { store, received };
}
