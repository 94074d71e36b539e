import t from 'tap';
import { moveByFile, send } from '../harness/api.ts';
import { startGateway, testConfig } from '../harness/gateway.ts';
import { createTwoSides } from '../harness/two-sides.ts';

t.test('with ack: both no write is called behind because another pass has synced its key', async (t) => {
  const sides = await createTwoSides(t);
  const config = await testConfig(t, [
    [/(path: \/api\/companies\n    mode: legacy\n)/, '$1    ack: both\n'],
    [/timeout: [12]s\n    deadline: [36]s/g, 'timeout: 7s\n    deadline: 15s'],
    [/statementTimeout: 2s/, 'statementTimeout: 7s'],
  ]);
  const { url } = await startGateway(t, { config, env: sides.env });
  for (const mode of ['dual-write', 'shadow', 'live']) {
    await moveByFile(config, sides.new, 'companies', mode);
    if (mode === 'shadow') continue;
    const writes = await Promise.all(
      Array.from(
        { length: 60 },
        async (_, n) => await send(url, 'POST', '/api/companies', { name: `${mode} ${n}` }),
      ),
    );
    t.same([...new Set(writes.map(({ status }) => status))], [201]);
    t.same([...new Set(writes.map(({ headers }) => headers.get('x-banyan-secondary')))], ['in-sync'], mode);
    for (const database of [sides.new, sides.legacy.database]) {
      const [row] = await database.query<{ n: string }>(
        'SELECT count(*) AS n FROM companies WHERE name LIKE $1',
        [`${mode} %`],
      );
      t.equal(Number(row?.n), 60, 'and so it is');
    }
  }
});
