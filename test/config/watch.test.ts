import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { formatProblems } from '../../src/config/format-problems.ts';
import { type WatchOptions, watchConfig } from '../../src/config/watch.ts';
import { writeMode } from '../../src/config/write-mode.ts';
import { ENVIRONMENT } from './base-file.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

function text(mode: string): string {
  return `stores:
  erp: { kind: supabase, url: "\${SUPABASE_URL}", key: "\${SUPABASE_SERVICE_ROLE_KEY}" }
  new: { kind: prisma, url: "\${DATABASE_URL}", schema: ${join(ROOT, 'prisma/schema.prisma')} }
resources:
  clients:
    path: /api/clients
    mode: ${mode} # now
    legacy: { store: erp, table: clients }
    new: { store: new, model: Client }
`;
}

/** Watches a file and keeps what was reported, in order: a mode, `wrong: …`, `away: …` or `same`. */
async function watched(t: Test, file: string, options: Partial<WatchOptions> = {}) {
  const reports: string[] = [];
  const watcher = watchConfig({
    file,
    env: ENVIRONMENT,
    // Only the events are under test, unless a test says otherwise.
    poll: 3_600_000,
    onChange: ({ resources }) => void reports.push(resources[0]?.mode ?? 'none'),
    onProblems: (problems, hash) =>
      void reports.push(`${hash ? 'wrong' : 'away'}: ${formatProblems(problems)}`),
    onSame: () => void reports.push('same'),
    ...options,
  });
  t.teardown(() => watcher.close());
  await watcher.ready;
  return { reports, watcher, until: (expected: RegExp | string) => until(reports, expected) };
}

async function until(reports: string[], expected: RegExp | string) {
  const matches = (report: string | undefined) =>
    report !== undefined && (typeof expected === 'string' ? report === expected : expected.test(report));
  const start = performance.now();
  while (!matches(reports.at(-1))) {
    if (performance.now() - start > 20_000)
      throw new Error(`waited for ${expected}, got ${JSON.stringify(reports)}`);
    await pause(10);
  }
}

/** As editors and `mv` do it. */
function saveAtomically(file: string, content: string) {
  writeFileSync(`${file}.swap`, content);
  renameSync(`${file}.swap`, file);
}

t.test(
  'a file that is read while it is written is not taken by half, even where the half is right',
  async (t) => {
    const file = join(t.testdir({ 'routes.config.yaml': text('legacy') }), 'routes.config.yaml');
    let read = () => {};
    const halfRead = new Promise<void>((resolve) => (read = resolve));
    const { reports, watcher, until } = await watched(t, file, { settle: 1_000, onUnsettled: () => read() });
    writeFileSync(file, text('dual-write'));
    // As the poll does it: it has no event that tells it to wait.
    const checked = watcher.check();
    await halfRead;
    writeFileSync(file, text('shadow'));
    await checked;
    await until('shadow');
    t.same(reports, ['shadow']);
  },
);

t.test('saves in place and atomic saves are taken, each once, and again and again', async (t) => {
  const file = join(t.testdir({ 'routes.yaml': text('legacy') }), 'routes.yaml');
  const { reports, until } = await watched(t, file);
  saveAtomically(file, text('dual-write'));
  await until('dual-write');
  saveAtomically(file, text('shadow'));
  await until('shadow');
  writeFileSync(file, text('live'));
  await until('live');
  saveAtomically(file, text('new'));
  await until('new');
  t.same(
    reports.filter((report) => report !== 'same' && !report.startsWith('wrong')),
    ['dual-write', 'shadow', 'live', 'new'],
  );
});

t.test('a wrong text is reported with its place, and the right one after it is taken again', async (t) => {
  const file = join(t.testdir({ 'routes.yaml': text('legacy') }), 'routes.yaml');
  const { reports, until } = await watched(t, file);
  saveAtomically(file, text('shaddow'));
  await until(/^wrong: .*:7:11 .*did you mean "shadow"\?$/);
  saveAtomically(file, text('legacy'));
  await until('legacy');
  t.equal(reports.length, 2);
});

t.test('a file that is touched without a change is not taken again', async (t) => {
  const file = join(t.testdir({ 'routes.yaml': text('legacy') }), 'routes.yaml');
  const { reports, until } = await watched(t, file);
  utimesSync(file, new Date(), new Date());
  await until('same');
  t.same(new Set(reports), new Set(['same']));
});

t.test('a ConfigMap is followed through every swap of its folder', async (t) => {
  const folder = t.testdir();
  const file = join(folder, 'routes.yaml');
  let version = 0;
  const swap = (content: string) => {
    // As the kubelet does it: a new folder, a new link beside, a rename over the old link, the old folder away.
    const name = `..2026_${++version}`;
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'routes.yaml'), content);
    symlinkSync(name, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    if (version > 1) rmSync(join(folder, `..2026_${version - 1}`), { recursive: true });
  };
  swap(text('legacy'));
  symlinkSync(join('..data', 'routes.yaml'), file);
  const { until } = await watched(t, file);
  for (const mode of ['dual-write', 'shadow', 'live']) {
    swap(text(mode));
    await until(mode);
  }
  t.equal(version, 4);
});

t.test('a file that is away for a moment is no error, one that stays away is reported once', async (t) => {
  const file = join(t.testdir({ 'routes.yaml': text('legacy') }), 'routes.yaml');
  const { reports, watcher, until } = await watched(t, file, { grace: 400 });
  renameSync(file, `${file}~`);
  await watcher.check();
  t.same(reports, [], 'not reported within the grace');
  writeFileSync(file, text('shadow'));
  await until('shadow');
  rmSync(file);
  await until(/^away: .*found no file; expected a readable YAML file/);
  await watcher.check();
  await watcher.check();
  writeFileSync(file, text('shadow'));
  await until('shadow');
  t.equal(reports.filter((report) => report.startsWith('away')).length, 1);
});

t.test('a file that changed before the watch began is reported', async (t) => {
  const file = join(t.testdir({ 'routes.yaml': text('live') }), 'routes.yaml');
  const { until } = await watched(t, file, { current: 'the hash of an older text' });
  await until('live');
  t.pass('reported');
});

t.test('without events the file is polled', async (t) => {
  const file = join(t.testdir({ 'routes.yaml': text('legacy') }), 'routes.yaml');
  // Debounced for an hour, events do nothing here.
  const { until } = await watched(t, file, { poll: 50, debounce: 3_600_000 });
  saveAtomically(file, text('shadow'));
  await until('shadow');
  t.pass('reported');
});

t.test('a mode that is written back is reported as any other change', async (t) => {
  const file = join(t.testdir({ 'routes.yaml': text('legacy') }), 'routes.yaml');
  const { reports, until } = await watched(t, file);
  await writeMode(file, 'clients', 'dual-write');
  await until('dual-write');
  t.equal(reports.length, 1);
});

t.test('a callback that throws does not end the watch', async (t) => {
  const file = join(t.testdir({ 'routes.yaml': text('legacy') }), 'routes.yaml');
  const seen: string[] = [];
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  const onChange: WatchOptions['onChange'] = ({ resources }) => {
    seen.push(resources[0]?.mode ?? 'none');
    throw new Error('the caller has a mistake');
  };
  await watched(t, file, { onChange });
  saveAtomically(file, text('shadow'));
  t.match((await warned).message, /the caller has a mistake/);
  saveAtomically(file, text('live'));
  await until(seen, 'live');
});

t.test('nothing is reported after close', async (t) => {
  const file = join(t.testdir({ 'routes.yaml': text('legacy') }), 'routes.yaml');
  const { reports, watcher } = await watched(t, file);
  saveAtomically(file, text('shadow'));
  await watcher.close();
  await watcher.check();
  t.same(reports, []);
});
