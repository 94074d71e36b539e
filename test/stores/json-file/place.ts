import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JsonFileStore } from '../../../src/stores/json-file/store.ts';
import type { Table, TableSpec } from '../../../src/stores/contract.ts';
import type { Teardown } from '../../harness/postgres.ts';

/** A table of users, with an address in the document. */
export const USERS: TableSpec = {
  name: 'users',
  keys: [{ name: 'id', type: 'int' }],
  key: 'id',
  keyType: 'int',
  columns: [
    { name: 'id', type: 'int', list: false, nullable: false },
    { name: 'name', type: 'text', list: false, nullable: true },
    { name: 'credit', type: 'decimal', list: false, nullable: true },
    { name: 'address.city', type: 'text', list: false, nullable: true },
  ],
};

export interface Place {
  folder: string;
  /** The file of the users. */
  file: string;
  store: JsonFileStore;
  users: Table;
}

/** A folder of the test's own with `users.json`. */
export async function startPlace(t: Teardown, text: string, timeout = 20_000): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-json-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'users.json');
  await writeFile(file, text);
  // An old file: of a young one a store waits for a moment whether it is still being written.
  await utimes(file, 1_000_000_000, 1_000_000_000);
  const store = openStore(folder, timeout);
  t.teardown(() => store.close());
  return { folder, file, store, users: store.table(USERS) };
}

export function openStore(path: string, timeout = 20_000): JsonFileStore {
  return new JsonFileStore('legacy', { kind: 'json-file', path, timeout, deadline: 60_000 });
}

/** Another process (see child.ts). */
export function startChild(t: Teardown, args: readonly string[]): ChildProcess {
  const script = join(import.meta.dirname, 'child.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

/** The lines that a process prints, and its end. */
export async function linesOf(child: ChildProcess): Promise<string[]> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((done) => child.once('close', done));
  return text.split('\n').filter((line) => line !== '');
}
