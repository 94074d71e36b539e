import t from 'tap';
import type { ApiSettings, HttpStoreSettings, PrismaStoreSettings } from '../../src/domain/configuration.ts';
import type { Row } from '../../src/domain/values.ts';
import { HttpStore } from '../../src/stores/http/store.ts';
import { PrismaStore } from '../../src/stores/prisma/store.ts';
import { createDatabase } from '../harness/postgres.ts';
import { startRestServer, type RestStyle } from '../harness/rest-server.ts';
import { storeContract, type Changes, type StoreUnderTest } from './store-contract.ts';
import { emptyInSql, TABLES, tablesInSql } from './tables.ts';

/** An API with offsets, totals, an envelope both ways, error forms of its own, and some filters and sorts. */
const STYLE: RestStyle = {
  paging: 'offset',
  cut: 150,
  filters: [
    'id_gt',
    'id_in',
    'code_in',
    'small',
    'small_lte',
    'note_contains',
    'active',
    'label',
    'value',
    'name',
  ],
  sort: ['id', 'small', 'value'],
  statistics: true,
  wrap: {
    list: (items, { total }) => ({ data: { items }, meta: { total } }),
    record: (record) => ({ data: record }),
    body: (body) => (body as { record: Row }).record,
  },
};

const API: ApiSettings = {
  path: null,
  paging: {
    by: 'offset',
    page: '',
    offset: 'offset',
    cursor: '',
    size: 'limit',
    first: 1,
    next: '',
    max: 200,
  },
  answers: { list: 'data.items', record: 'data', total: 'meta.total', totalHeader: null },
  body: 'record',
  update: 'PATCH',
  conditions: 'etag',
  filters: {
    id: { gt: 'id_gt', in: 'id_in' },
    small: { eq: 'small', lte: 'small_lte' },
    note: { contains: 'note_contains' },
    active: { eq: 'active' },
    label: { eq: 'label' },
    value: { eq: 'value' },
    name: { eq: 'name' },
  },
  statistics: {
    path: '/contract_things/stats',
    filters: { name: { eq: 'name' } },
    groups: {
      parameter: 'by',
      value: '{column}',
      day: '{column}:day',
      columns: ['name', 'active', 'amount'],
      days: ['at'],
    },
    measures: {
      sum: { parameter: 'sum', columns: ['small', 'amount'], answer: 'sum.{column}' },
      min: { parameter: 'min', columns: ['small', 'amount', 'at'], answer: 'min.{column}' },
      max: { parameter: 'max', columns: ['small', 'amount', 'at'], answer: 'max.{column}' },
    },
    answers: {
      list: 'data',
      count: 'n',
      values: 'there.{column}',
      group: '{column}',
      day: 'day_of_{column}',
    },
  },
  sort: {
    parameter: 'sort',
    ascending: '{column}',
    descending: '-{column}',
    columns: ['id', 'small', 'value'],
  },
  errors: { message: 'problem.says', field: 'problem.about', statuses: { 424: 'reference-missing' } },
};

async function open(): Promise<StoreUnderTest> {
  const database = await createDatabase();
  await database.query(tablesInSql());
  const settings: PrismaStoreSettings = {
    kind: 'prisma',
    url: database.url,
    ownerUrl: database.url,
    reportsUrl: null,
    schema: '',
    timeout: 20_000,
    deadline: 60_000,
    pool: { max: 10, wait: 10_000 },
    statementTimeout: 20_000,
    slowQueries: null,
  };
  const behind = new PrismaStore('behind', settings, () => undefined);
  const server = await startRestServer(
    TABLES.map(({ spec }) => behind.table(spec)),
    STYLE,
  );
  const openWith = ({ timeout, pool, port, wrongSecret }: Changes = {}) => {
    const given: HttpStoreSettings = {
      kind: 'http',
      url: `http://127.0.0.1:${port ?? server.port}`,
      headers: { authorization: `Bearer ${wrongSecret ? 'wrong' : server.token}` },
      timeout: timeout ?? 20_000,
      deadline: 60_000,
      pool: pool ?? { max: 5, wait: 10_000 },
      ping: '/health',
      keys: 'gateway',
      maxRecords: 5_000,
      api: {
        default: API,
        // Text keys: an order that the API knows is not the one of keys.
        tables: { contract_notes: { ...API, filters: { code: { in: 'code_in' } }, sort: null } },
      },
    };
    return new HttpStore('legacy', given, () => undefined);
  };
  const store = openWith();
  return {
    kind: 'http',
    store,
    openWith,
    port: server.port,
    empty: async () => void (await database.query(emptyInSql())),
    limits: {},
    close: async () => {
      await store.close();
      await server.stop();
      await behind.close();
      await database.drop();
    },
  };
}

await storeContract(t, open);
