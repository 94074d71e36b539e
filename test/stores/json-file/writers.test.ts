import { execFileSync } from 'node:child_process';
import { createWriteStream, watch } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { isBanyanError } from '../../../src/domain/errors.ts';
import { WriteLock } from '../../../src/stores/json-file/lock.ts';
import { failsWith } from '../../contracts/failing.ts';
import { until } from '../../harness/wait.ts';
import { linesOf, openStore, startChild, startPlace, USERS } from './place.ts';

/** A file system of 64 kB, or null where the machine does not allow one. */
const small = await mountSmall();

async function mountSmall(): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-full-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return null;
  }
  t.teardown(() => execFileSync('umount', [folder]));
  return folder;
}

const idsIn = async (file: string) =>
  (JSON.parse(await readFile(file, 'utf8')) as { id: number }[]).map(({ id }) => id).sort((a, b) => a - b);

t.test('two processes that write one file lose none of their writes', async (t) => {
  const { folder, file, users } = await startPlace(t, '[]');
  const others = [1_000, 2_000].map((first) => startChild(t, ['write', folder, String(first), '60']));
  const lines = others.map(linesOf);
  for (let id = 0; id < 60; id++) await users.insert({ id });
  const answered = (await Promise.all(lines)).flat().map(Number);
  const wanted = [...Array.from({ length: 60 }, (_, id) => id), ...answered].sort((a, b) => a - b);
  t.equal(answered.length, 120, 'all were answered');
  t.same(await idsIn(file), wanted);
});

t.test(
  'kill -9 of a writer loses nothing that was answered, and leaves neither half a file nor a lock',
  async (t) => {
    const { folder, file, users } = await startPlace(t, '[]');
    for (let round = 0; round < 3; round++) {
      const child = startChild(t, ['write', folder, String(round * 100_000), '90000']);
      const lines = linesOf(child);
      await until(async () => (await idsIn(file)).some((id) => id >= round * 100_000 + 5 * (round + 1)), {
        what: 'the other process writes',
        timeout: 30_000,
      });
      child.kill('SIGKILL');
      const answered = (await lines).map(Number);
      const present = new Set(await idsIn(file));
      t.same(
        answered.filter((id) => !present.has(id)),
        [],
        `${answered.length} answered`,
      );
      await users.insert({ id: -1 - round });
      t.ok((await idsIn(file)).includes(-1 - round), 'the next writer needs nobody to clean up');
    }
    const store = openStore(folder);
    await writeFile(join(folder, '.users.json.0123456789ab.tmp'), 'left over');
    await store.table(USERS).remove('0');
    await store.close();
    t.same((await readdir(folder)).sort(), ['.users.json.lock', 'users.json']);
  },
);

t.test('writes that wait for one another are done together: one new file for all of them', async (t) => {
  const { file, folder, users } = await startPlace(t, '[]');
  const lock = new WriteLock(file);
  t.teardown(() => lock.close());
  let replaced = 0;
  const watcher = watch(folder, (_event, name) => void (name === 'users.json' && replaced++));
  t.teardown(() => watcher.close());
  let writes: Promise<unknown>[] = [];
  await lock.hold(
    () => Infinity,
    async () => {
      writes = Array.from({ length: 80 }, (_, id) => users.insert({ id }));
      writes.push(t.rejects(users.insert({ id: 3 }), { code: 'duplicate' }));
      await until(() => Promise.resolve(true), { what: 'a turn of the event loop' });
    },
  );
  await Promise.all(writes);
  t.equal((await idsIn(file)).length, 80);
  await until(() => Promise.resolve(replaced > 0), { what: 'the file was replaced' });
  t.ok(replaced <= 4, `81 writes, ${replaced} new files`);
});

t.test(
  'a file system without room: a named error, nothing that was answered is lost, and it goes on when there is room',
  small ? {} : { skip: 'this machine does not let the test mount a file system of 64 kB' },
  async (t) => {
    const folder = small as string;
    await writeFile(join(folder, 'users.json'), '[{"id": 1, "name": "one"}]');
    await writeFile(join(folder, 'ballast'), Buffer.alloc(40_000));
    const store = openStore(folder);
    const users = store.table(USERS);
    const error = await failsWith(t, 'store-full', users.update('1', { name: 'x'.repeat(30_000) }));
    t.equal(error.outcome, 'not-applied');
    t.equal((await users.get(['1'])).get('1')?.name, 'one');
    const results = await Promise.all(
      Array.from({ length: 400 }, async (_, id) => {
        const name = 'y'.repeat(100);
        return await users.insert({ id: 100 + id, name }).then(
          () => 100 + id,
          (thrown: unknown) => isBanyanError(thrown, 'store-full') && null,
        );
      }),
    );
    const answered = [1, ...results.filter((id) => typeof id === 'number')];
    t.ok(results.includes(null) && !results.includes(false), 'too many at once are refused by name');
    t.same(await idsIn(join(folder, 'users.json')), answered);
    t.same(
      (await readdir(folder)).filter((name) => name.endsWith('.tmp')),
      [],
      'no half file is left',
    );
    await rm(join(folder, 'ballast'));
    t.equal((await users.update('1', { name: 'two' }))?.name, 'two');
    await store.close();
  },
);

t.test('a folder that the gateway may not write is a refusal of the store', async (t) => {
  const { folder, file } = await startPlace(t, '[{"id": 1}]');
  // A folder in the place of the lock stops root as well.
  await mkdir(join(folder, '.users.json.lock'));
  const store = openStore(folder);
  t.teardown(() => store.close());
  const error = await failsWith(t, 'store-refused', store.table(USERS).remove('1'));
  t.equal(error.outcome, 'not-applied');
  t.same(await idsIn(file), [1]);
});

t.test('the mode of a file is kept', async (t) => {
  const { file, users } = await startPlace(t, '[]');
  const { chmod } = await import('node:fs/promises');
  await chmod(file, 0o640);
  await users.insert({ id: 1 });
  t.equal((await stat(file)).mode & 0o777, 0o640);
});

t.test('a file of 200 MB is read, searched and changed with a small part of that in memory', async (t) => {
  const { folder, file } = await startPlace(t, '[]');
  const out = createWriteStream(file);
  const filler = 'x'.repeat(430);
  const RECORDS = 420_000;
  out.write('[\n');
  for (let id = 0; id < RECORDS; id++) {
    const line = `  {"id": ${(id * 7919) % RECORDS}, "name": "user ${(id * 7919) % RECORDS}", "filler": "${filler}"}`;
    if (!out.write(id === RECORDS - 1 ? `${line}\n` : `${line},\n`)) await once(out, 'drain');
  }
  out.end(']\n');
  await once(out, 'close');
  const { size } = await stat(file);
  t.ok(size > 200e6, `${Math.round(size / 1e6)} MB`);
  const [line = '{}'] = await linesOf(startChild(t, ['large', folder]));
  const found = JSON.parse(line) as { grown: number };
  t.match(found, {
    counted: RECORDS,
    total: RECORDS,
    rows: 50,
    keys: ['77'],
    page: 1_000,
    written: 'changed',
    again: 'changed',
  });
  t.ok(found.grown < 150, `the process grew by ${found.grown} MB at most`);
});
