import t from 'tap';
import { LEGACY_TABLES } from '../../src/quickstart/legacy-schema.ts';
import { VOLUMES, loadSampleData, makeSampleData } from '../../src/quickstart/sample-data.ts';
import { startLegacy } from '../harness/two-sides.ts';

t.test('the same seed makes the same rows, another seed others', async (t) => {
  const rows = (seed: number) => JSON.stringify(makeSampleData({ scale: 0.002, seed }));
  t.equal(rows(7), rows(7));
  t.not(rows(7), rows(8));
});

t.test('the full volume is that of the real product, with the awkward values of real life', async (t) => {
  const tables = new Map(makeSampleData());
  t.same(Object.fromEntries([...tables].map(([table, rows]) => [table, rows.length])), VOLUMES);
  const clients = tables.get('clients') ?? [];
  const some = (what: string, found: (row: (typeof clients)[number]) => boolean) =>
    t.ok(clients.some(found), what);
  some('an empty text', (row) => row.tel === '');
  some('a text that is not set', (row) => row.tel === null);
  some('20 kB', (row) => Buffer.byteLength(String(row.notes)) >= 20_000);
  some('15 digits', (row) => row.revenue === '9999999999999.99');
  some('tags with commas and quotes', (row) => /one, two.*say \\"hi\\"/.test(JSON.stringify(row.tags)));
  some('no tags', (row) => (row.tags as unknown[]).length === 0);
  some(
    'a document in a document',
    (row) => typeof (row.metadata as { nested_part?: unknown } | null)?.nested_part === 'object',
  );
  some('microseconds', (row) => /\.\d{5}[1-9]Z$/.test(String(row.created_at)));
  some('emoji', (row) => String(row.notes).includes('☕'));
  t.equal(new Set(clients.map((row) => row.email)).size, clients.length, 'email is unique');
});

t.test('the rows arrive in legacy just as they were made, and are loaded once', async (t) => {
  const legacy = await startLegacy(t);
  const { database } = legacy;
  t.equal(await loadSampleData(database.url, { scale: 0.02 }), true);
  t.equal(await loadSampleData(database.url, { scale: 0.02 }), false, 'never onto other rows');
  for (const [table, rows] of makeSampleData({ scale: 0.02 })) {
    // Each row compared by Postgres itself, in its own types.
    const wrong = await database.query(
      `SELECT made.id FROM jsonb_populate_recordset(NULL::${table}, $1) made LEFT JOIN ${table} kept USING (id)
       WHERE to_jsonb(made) IS DISTINCT FROM to_jsonb(kept)`,
      [JSON.stringify(rows)],
    );
    t.same(wrong, [], table);
    t.same(await database.query(`SELECT count(*)::int AS n FROM ${table}`), [{ n: rows.length }]);
  }
  t.equal(LEGACY_TABLES.length, 5);
});
