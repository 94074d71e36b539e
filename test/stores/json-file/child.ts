import { openStore, USERS } from './place.ts';

/**
 * What the tests let another process do: `write <folder> <first> <count>` inserts users one after the other and prints
 * each id when its write is answered; `large <file>` reads a large file in every way and prints what that cost.
 */
const [task, path = '', first = '0', count = '0'] = process.argv.slice(2);

async function write(): Promise<void> {
  const store = openStore(path);
  const users = store.table(USERS);
  for (let id = Number(first); id < Number(first) + Number(count); id++) {
    try {
      await users.insert({ id, name: `user ${id}` });
      process.stdout.write(`${id}\n`);
    } catch (error) {
      process.stdout.write(`${(error as { code?: string }).code}\n`);
    }
  }
  await store.close();
}

async function large(): Promise<void> {
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  const store = openStore(path, 120_000);
  const users = store.table(USERS);
  const counted = await users.count();
  const where = { field: 'name', op: 'eq', value: 'user 77' } as const;
  const sort = [
    { field: 'name', descending: true },
    { field: 'id', descending: false },
  ];
  const { rows, total } = await users.list({ where: null, sort, limit: 50, offset: 100, total: true });
  const keys = await users.keysWhere(where, 10);
  let scanned = 0;
  for (let after: string | null = null; scanned < 20_000;) {
    const page = await users.scanKeys(after, 1_000);
    scanned += page.length;
    after = page.at(-1) ?? null;
  }
  const page = await users.scan('1000', 1_000);
  const written = await users.update('77', { name: 'changed' });
  const again = (await users.get(['77', '78'])).get('77')?.name;
  const peak = process.resourceUsage().maxRSS * 1_024;
  const grown = Math.round((peak - before) / 1e6);
  console.log(
    JSON.stringify({
      counted,
      total,
      rows: rows.length,
      keys,
      page: page.length,
      written: written?.name,
      again,
      grown,
    }),
  );
  await store.close();
}

const TASKS: Record<string, () => Promise<void>> = { write, large };
const run = TASKS[task ?? ''];
if (!run) throw new Error(`there is no task "${task}"; there are ${Object.keys(TASKS).join(', ')}`);
await run();
