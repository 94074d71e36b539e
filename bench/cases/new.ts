import { resolve } from 'node:path';
import { withClient } from '../../src/quickstart/accounts.ts';
import { migratePrisma } from '../../src/stores/prisma/migrate.ts';
import { ROOT } from '../../test/harness/postgres.ts';
import { compareThroughput } from '../compare.ts';
import { copyRows } from '../copy.ts';
import { CREATE, recordPaths, startBenchGateway, startLegacy } from '../gateways.ts';
import type { Place } from '../place.ts';
import type { Case } from './case.ts';

/** Mode `new` against a hand-written handler on Prisma's client, on databases with the same rows. */
export const next: Case = {
  name: 'new',
  async run(place, effort) {
    const store = await startLegacy(place, 0.2);
    const ours = await startBenchGateway(place, store, { clients: 'new' });
    // A database of its own: the gateway's tables have triggers, which a product of its own would not have.
    const plain = await plainDatabase(place, ours.databaseUrl);
    const other = await place.server('hand-written-prisma', { DATABASE_URL: plain });
    const detail = { method: 'GET', paths: await recordPaths(plain, 500) } as const;
    const list = { method: 'GET', paths: ['/api/clients'] } as const;
    const aim = { atLeast: 0.95 };
    return [
      await compareThroughput('new, GET one', { ours, other, shape: detail }, effort, aim),
      await compareThroughput('new, GET list', { ours, other, shape: list }, effort, aim),
      await compareThroughput('new, POST', { ours, other, shape: CREATE }, effort, aim),
    ];
  },
};

/** The models' tables alone, with the rows of another database. */
export async function plainDatabase(place: Place, from: string): Promise<string> {
  const url = await place.database();
  const schema = resolve(ROOT, 'prisma/schema.prisma');
  await migratePrisma({ url, schema, migrations: resolve(ROOT, 'prisma/migrations') });
  await copyRows(from, 'SELECT * FROM clients', url, 'clients');
  await withClient(url, (client) => client.query('VACUUM ANALYZE'));
  return url;
}
