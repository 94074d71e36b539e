import type { ColumnSpec, ValueType } from '../../src/domain/model.ts';
import { SqlStore } from '../../src/stores/sql/store.ts';
import { startRestServer, type RestServer } from '../../test/harness/rest-server.ts';
import type { Place } from '../place.ts';

const COLUMNS: Readonly<Record<string, ValueType>> = {
  id: 'uuid',
  deal_id: 'int',
  title: 'text',
  body: 'text',
  due_on: 'date',
  done: 'boolean',
  priority: 'int',
  owner: 'text',
  created_at: 'timestamp',
  updated_at: 'timestamp',
};

/** NovaCRM's tasks behind a REST API, in this process. */
export async function openSqlTable(place: Place, url: string): Promise<RestServer> {
  const store = new SqlStore(
    'behind',
    {
      kind: 'sql',
      url,
      timeout: 20_000,
      deadline: 60_000,
      pool: { max: 5, wait: 10_000 },
      foreignKeys: true,
      timestamps: { text: 'iso', integer: 'milliseconds' },
    },
    () => undefined,
  );
  const columns: ColumnSpec[] = Object.entries(COLUMNS).map(([name, type]) => ({
    name,
    type,
    list: false,
    nullable: name !== 'id',
  }));
  const spec = {
    name: 'tasks',
    keys: [{ name: 'id', type: 'uuid' as const }],
    key: 'id',
    keyType: 'uuid' as const,
    columns,
  };
  const server = await startRestServer([store.table(spec)], {
    paging: 'offset',
    cut: 1_000,
    filters: ['id_gt'],
    sort: ['id'],
    wrap: {
      list: (items, { total }) => ({ data: { items }, meta: { total } }),
      record: (record) => ({ data: record }),
      body: (body) => body as never,
    },
  });
  place.teardown(async () => {
    await server.stop();
    await store.close();
  });
  return server;
}
