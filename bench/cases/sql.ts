import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SQLite from 'better-sqlite3';
import { makeLegacy } from '../../examples/novacrm/data.ts';
import { withClient } from '../../src/quickstart/accounts.ts';
import { measureKind, type KindUnderTest } from '../kind.ts';
import type { Place } from '../place.ts';
import type { Case } from './case.ts';

const ROWS = 50_000;
const TABLE = `CREATE TABLE tasks (id uuid PRIMARY KEY, deal_id integer, title text NOT NULL, body text, due_on date,
  done boolean NOT NULL DEFAULT false, priority integer NOT NULL DEFAULT 0, owner text, created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL)`;

/** Backfill and verify of hand-written tables, against just reading them. */
export const sql: Case = {
  name: 'sql',
  async run(place, effort) {
    const passes = Math.ceil(effort.rounds / 2);
    return [
      ...(await measureKind(place, tasks('sql on SQLite', await sqliteTasks(place)), passes)),
      ...(await measureKind(place, tasks('sql on Postgres', await postgresTasks(place, ROWS)), passes)),
    ];
  },
};

async function sqliteTasks(place: Place): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-bench-sqlite-'));
  place.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'crm.db');
  await makeLegacy(file, { scale: 0 });
  const database = new SQLite(file);
  const insert = database.prepare('INSERT INTO tasks VALUES (?, NULL, ?, ?, ?, ?, ?, ?, ?, ?)');
  database.transaction(() => {
    for (let index = 0; index < ROWS; index += 1) {
      const at = momentOf(index).replace('T', ' ').replace('Z', '');
      insert.run(
        randomUUID(),
        `Task ${index}`,
        BODY,
        '2026-11-30',
        index % 2,
        index % 5,
        `owner${index % 50}`,
        at,
        at,
      );
    }
  })();
  database.close();
  return `sqlite:${file}`;
}

/** A table of tasks in a database of its own; its URL. */
export async function postgresTasks(place: Place, rows: number): Promise<string> {
  const url = await place.database();
  await withClient(url, async (client) => {
    await client.query(TABLE);
    await client.query(
      `INSERT INTO tasks SELECT gen_random_uuid(), NULL, 'Task ' || n, $1, '2026-11-30', n % 2 = 0, n % 5, 'owner' || n % 50,
         '2025-01-01'::timestamptz + n * interval '1 minute', '2025-01-01'::timestamptz + n * interval '1 minute'
       FROM generate_series(1, $2::int) AS s (n)`,
      [BODY, rows],
    );
    await client.query('VACUUM ANALYZE tasks');
  });
  return url;
}

const BODY = 'Ring back, and ask whether the offer was understood. '.repeat(3);

function momentOf(index: number): string {
  return new Date(Date.UTC(2025, 0, 1) + index * 60_000).toISOString();
}

function tasks(title: string, url: string): KindUnderTest {
  return {
    title,
    rows: ROWS,
    resource: { config: 'bench/sql.config.yaml', resource: 'tasks' },
    table: 'tasks',
    env: { LEGACY_URL: url },
    reading: 'reading the table in key order by the same store',
  };
}
