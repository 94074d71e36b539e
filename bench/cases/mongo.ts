import { MongoClient } from 'mongodb';
import { makeData } from '../../examples/hybrid/data.ts';
import { withClient } from '../../src/quickstart/accounts.ts';
import { startMongo } from '../../test/harness/mongo.ts';
import type { ReplicateAnswer, ReplicateInput } from '../jobs/replicate.ts';
import { perSecond } from '../kind.ts';
import { round } from '../report.ts';
import { median } from '../statistics.ts';
import type { Case } from './case.ts';

/** Clients of the back office: embedded documents, arrays, no references. */
const ROWS = 5_000;
const PAGE = 1_000;
const RESOURCE = { config: 'examples/hybrid/routes.config.yaml', resource: 'clients' };
const DATABASE = 'bench';

/** Backfill and verify from MongoDB, against just reading it by the same store, and that against the bare driver. */
export const mongo: Case = {
  name: 'mongo',
  async run(place, effort) {
    const server = await startMongo({ log: () => undefined });
    place.teardown(() => server.stop());
    const client = new MongoClient(server.url);
    place.teardown(() => client.close());
    const collection = client.db(DATABASE).collection('clients');
    const { clients } = makeData({ orders: 2 * ROWS, seed: 1, only: ['clients'] });
    for (let at = 0; at < clients.length; at += PAGE)
      await collection.insertMany(clients.slice(at, at + PAGE));
    const newUrl = await place.database();
    const run = async (work: ReplicateInput['work']) => {
      const env = {
        MONGO_URL: server.url,
        MONGO_DATABASE: DATABASE,
        DATABASE_URL: newUrl,
        JWT_SECRET: 'a secret that nothing here is signed with',
      };
      return perSecond(await place.job<ReplicateAnswer>('replicate', { work, ...RESOURCE }, env));
    };
    await run('prepare');
    const rates: Record<'bare' | 'read' | 'backfill' | 'readBoth' | 'verify', number>[] = [];
    for (let pass = 0; pass < Math.ceil(effort.rounds / 2); pass += 1) {
      await withClient(newUrl, (sql) => sql.query('TRUNCATE clients CASCADE; DELETE FROM banyan.backfill'));
      rates.push({
        bare: await readBare(client),
        read: await run('readLegacy'),
        backfill: await run('backfill'),
        readBoth: await run('read'),
        verify: await run('verify'),
      });
    }
    const compared = (what: keyof (typeof rates)[0], to: keyof (typeof rates)[0], note: string) => ({
      what: `mongo: ${TITLES[what]}, ${round(ROWS)} documents, on ${server.title}`,
      against: `${round(median(rates.map((rate) => rate[what])))} rows/s against ${round(median(rates.map((rate) => rate[to])))} rows/s`,
      result: median(rates.map((rate) => rate[what] / rate[to])),
      aim: null,
      note,
    });
    return [
      compared(
        'read',
        'bare',
        'against the bare driver: the same pages in key order, in documents as they come',
      ),
      compared('backfill', 'read', 'against reading the collection in key order by the same store'),
      compared('verify', 'readBoth', 'against reading; rows of both sides together'),
    ];
  },
};

const TITLES: Readonly<Record<string, string>> = { read: 'reading', backfill: 'backfill', verify: 'verify' };

/** Pages after the last key, as a scan is. */
async function readBare(client: MongoClient): Promise<number> {
  const collection = client.db(DATABASE).collection('clients');
  const started = performance.now();
  let rows = 0;
  for (let after: unknown = null; ;) {
    const filter = after === null ? {} : { _id: { $gt: after as never } };
    const page = await collection.find(filter, { batchSize: PAGE }).sort({ _id: 1 }).limit(PAGE).toArray();
    rows += page.length;
    after = page.at(-1)?._id;
    if (after === undefined) return perSecond({ rows, milliseconds: performance.now() - started });
  }
}
