import { openSqlTable } from '../servers/rest.ts';
import { measureKind } from '../kind.ts';
import type { Case } from './case.ts';
import { postgresTasks } from './sql.ts';

const ROWS = 20_000;

/** Backfill and verify from a legacy API, against just reading it page by page. */
export const http: Case = {
  name: 'http',
  async run(place, effort) {
    const server = await openSqlTable(place, await postgresTasks(place, ROWS));
    const kind = {
      title: 'http',
      rows: ROWS,
      resource: { config: 'bench/http.config.yaml', resource: 'tasks' },
      table: 'tasks',
      env: { LEGACY_URL: server.url, LEGACY_TOKEN: server.token },
      reading: 'reading the API in key order by the same store',
    };
    return await measureKind(place, kind, Math.ceil(effort.rounds / 2));
  },
};
