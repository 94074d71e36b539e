import t from 'tap';
import type { FieldSpec, ValueType } from '../../src/domain/model.ts';
import { Mapping } from '../../src/mapping/mapping.ts';
import { NO_FIELD_SETTINGS } from '../../src/mapping/settings.ts';
import { lint } from '../../src/replication/lint.ts';
import type { BoundResource } from '../../src/replication/resource.ts';
import { sqliteFile } from '../stores/sql/place.ts';

const field = (name: string, type: ValueType): FieldSpec => ({
  name,
  column: name,
  type,
  list: false,
  nullable: name !== 'id',
  hasDefault: false,
  touched: false,
  maxLength: null,
  precision: null,
  values: null,
});
const MAPPING = new Mapping(
  {
    name: 'Note',
    table: 'notes',
    keys: [{ name: 'id', type: 'int' }],
    key: 'id',
    keyType: 'int',
    keyFromSequence: true,
    references: [],
    fields: [field('id', 'bigint'), field('title', 'text'), field('price', 'decimal')],
  },
  { name: 'notes', key: 'id' },
  {},
);

t.test(
  'what the store says does not fit is found, and what no field names, with samples of both',
  async (t) => {
    const { open } = await sqliteFile(
      t,
      `CREATE TABLE notes (id INTEGER PRIMARY KEY, title, price TEXT, colour TEXT);
     INSERT INTO notes VALUES (1, x'00ff', ' 5', 'red'), (2, 'fits', '5', null), (3, x'01', '6', 'blue')`,
    );
    const store = open({ pool: { max: 1, wait: 10_000 } });
    const table = store.table(MAPPING.tables.legacy);
    const resource = {
      name: 'notes',
      mapping: MAPPING,
      settings: { fields: { ...NO_FIELD_SETTINGS, drop: [] } },
      legacy: { store, table, count: () => table.count() },
      // Keeps the report; what is in it is answered as well.
      database: { query: () => Promise.resolve({ rows: [], rowCount: 0 }) },
    } as unknown as BoundResource;
    const { findings, lost, rows } = await lint(resource, { within: null });
    t.match({ lost, rows }, { lost: 5, rows: 3 });
    t.same(
      findings.map(({ field, problem, count, samples }) => [field, problem, count, samples]),
      [
        [
          'colour',
          'no field names it',
          2,
          [
            { key: '1', detail: 'holds "red"' },
            { key: '3', detail: 'holds "blue"' },
          ],
        ],
        [
          'title',
          'another type',
          2,
          ['1', '3'].map((key) => ({ key, detail: 'title is a blob, not a text' })),
        ],
        ['price', 'another type', 1, [{ key: '1', detail: 'price is a text, not a decimal' }]],
      ],
    );
  },
);
