import fc from 'fast-check';
import type { Test } from 'tap';
import { exactNumber, sameValue, type Row, type Value } from '../../src/domain/values.ts';
import { filled, rowOf, uuid } from './rows.ts';
import type { Claim, Context, Needs } from './store-contract.ts';

/** A value that must come back from `things` just as it was given. */
interface Sample {
  of: string;
  column: string;
  value: Value;
  needs?: Needs;
}

const AWKWARD = ['a,b', 'c"d', '{e}', 'f\\g', 'é漢🌳', 'NULL', 'null', '', ' ', "it's", 'x\ny', '%_*', '(1)'];

const SAMPLES: Sample[] = [
  { of: 'an empty string, which is not null', column: 'note', value: '' },
  { of: 'text with quotes, braces, backslashes and line ends', column: 'note', value: AWKWARD.join('|') },
  {
    of: 'text with accents, emoji and joined characters',
    column: 'note',
    value: 'Zoë Ünï 👩‍👩‍👧 ｆｕｌｌ \u0301',
  },
  { of: 'a text that looks like a number', column: 'note', value: '001.50' },
  { of: 'a text that says null', column: 'note', value: 'null' },
  { of: 'a text of 20 kB', column: 'note', value: 'arbre 🌳 '.repeat(2_000) },
  { of: 'the greatest integer', column: 'small', value: 2_147_483_647 },
  { of: 'a negative integer', column: 'small', value: -7 },
  { of: 'a 64-bit integer within a double', column: 'big', value: 9_007_199_254_740_991 },
  {
    of: 'a 64-bit integer beyond a double',
    column: 'big',
    value: exactNumber('9007199254740993'),
    needs: { limit: 'long-numbers' },
  },
  {
    of: 'the least 64-bit integer',
    column: 'big',
    value: exactNumber('-9223372036854775808'),
    needs: { limit: 'long-numbers' },
  },
  { of: 'a decimal', column: 'amount', value: 1234567890.12345 },
  { of: 'a negative decimal below one', column: 'amount', value: -0.05 },
  {
    of: 'a decimal of 30 digits',
    column: 'amount',
    value: exactNumber('88888888888888888888.0000000001'),
    needs: { limit: 'long-numbers' },
  },
  { of: 'a float', column: 'ratio', value: 0.1 },
  { of: 'a very small float', column: 'ratio', value: 2.5e-300 },
  { of: 'an infinite float', column: 'ratio', value: '-Infinity', needs: { limit: 'infinite-floats' } },
  { of: 'true', column: 'active', value: true },
  { of: 'false', column: 'active', value: false },
  { of: 'a timestamp with milliseconds', column: 'at', value: '2026-01-02T03:04:05.678Z' },
  {
    of: 'a timestamp with microseconds',
    column: 'at',
    value: '2026-01-02T03:04:05.678901Z',
    needs: { limit: 'microseconds' },
  },
  { of: 'a timestamp of the year 1', column: 'at', value: '0001-02-03T04:05:06.000Z' },
  {
    of: 'a timestamp in a column without a zone, as UTC',
    column: 'local_at',
    value: '2026-06-30T23:59:59.000100Z',
    needs: { limit: 'microseconds' },
  },
  { of: 'a date', column: 'day', value: '2024-02-29' },
  { of: 'a time of day', column: 'hour', value: '23:59:59' },
  { of: 'a UUID', column: 'owner', value: uuid(77) },
  { of: 'a value of an enumeration, with a blank', column: 'colour', value: 'dark blue' },
  {
    of: 'bytes',
    column: 'content',
    value: Buffer.from([0, 1, 92, 34, 255]).toString('base64'),
    needs: { limit: 'bytes' },
  },
  { of: 'no bytes', column: 'content', value: '', needs: { limit: 'bytes' } },
  { of: 'an empty object', column: 'meta', value: {} },
  { of: 'an empty list in JSON', column: 'meta', value: [] },
  { of: 'a string as a document', column: 'meta', value: 'a "quoted" string' },
  { of: 'a number as a document', column: 'meta', value: 12.5 },
  { of: 'a boolean as a document', column: 'meta', value: false, needs: { limit: 'json-booleans' } },
  {
    of: 'a list of mixed values as a document',
    column: 'meta',
    value: [1, 'a', null, true, [2, [3]], { b: [] }],
  },
  {
    of: 'a document with awkward names',
    column: 'meta',
    value: {
      '': 0,
      'a.b': 1,
      '"q"': { '{x},': [null], 'é\\': 'ü' },
      constructor: 'c',
      'with space': { deep: { er: {} } },
    },
  },
  {
    of: 'a document with numbers that no double holds',
    column: 'meta',
    value: { id: exactNumber('12345678901234567890'), sum: exactNumber('0.12345678901234567890123') },
    needs: { limit: 'long-numbers' },
  },
  { of: 'an empty list', column: 'tags', value: [] },
  { of: 'a list of awkward texts', column: 'tags', value: AWKWARD },
  { of: 'a list of texts with a null beside "NULL"', column: 'tags', value: ['a', null, 'NULL'] },
  { of: 'a list of integers with a null', column: 'numbers', value: [1, null, -3] },
  { of: 'a list of decimals', column: 'amounts', value: [1.5, 0, -2.25, null] },
  {
    of: 'a list of long decimals',
    column: 'amounts',
    value: [exactNumber('88888888888888888888.5')],
    needs: { limit: 'long-numbers' },
  },
  { of: 'a list of timestamps', column: 'moments', value: ['2026-01-02T03:04:05.678Z', null] },
  {
    of: 'a list of timestamps with microseconds',
    column: 'moments',
    value: ['2026-01-02T03:04:05.678901Z', null],
    needs: { limit: 'microseconds' },
  },
  { of: 'a list of booleans', column: 'flags', value: [true, false, null] },
  { of: 'a list of documents', column: 'parts', value: [{ a: 'x,"y"' }, [1, { b: null }], 'text', 5, {}] },
];

export function valueClaims(claim: Claim): void {
  for (const { of, column, value, needs } of SAMPLES) {
    claim(
      `${of} comes back as it was written, by insert, update and upsert`,
      needs ?? {},
      async (t, { things }) => {
        const inserted = await things.insert({ id: uuid(1), [column]: value });
        same(t, inserted[column], value, 'answered by insert');
        same(t, (await things.get([uuid(1)])).get(uuid(1))?.[column], value, 'read after insert');

        await things.insert({ id: uuid(2) });
        const updated = await things.update(uuid(2), { [column]: value });
        same(t, updated?.[column], value, 'answered by update');

        await things.upsertMany([rowOf(things, { id: uuid(3), name: 'three', [column]: value })]);
        const rows = await things.scan(null, 10);
        for (const row of rows) same(t, row[column], value, `read by scan: ${String(row.id)}`);
        t.equal(rows.length, 3);
      },
    );
  }

  claim('an unset column is null, and null can be written over a value', {}, async (t, { things }) => {
    const row = await things.insert({ id: uuid(1), note: 'there', tags: ['x'], meta: { a: 1 } });
    t.equal(row.small ?? null, null);
    const cleared = await things.update(uuid(1), { note: null, tags: null, meta: null });
    t.match(cleared, { note: null, tags: null, meta: null });
  });

  claim('whole rows answer every column and nothing else', {}, async (t, { things }) => {
    const names = things.spec.columns.map(({ name }) => name).sort();
    t.same(Object.keys(await things.insert(rowOf(things, { id: uuid(1), name: 'n' }))).sort(), names);
    t.same(Object.keys((await things.scan(null, 1))[0] ?? {}).sort(), names);
  });

  claim('a row that was written in part has no value in its other columns', {}, async (t, { things }) => {
    const row = await things.insert({ id: uuid(1), name: 'n', small: 1 });
    t.same(filled(things, row), rowOf(things, { id: uuid(1), name: 'n', small: 1 }));
    t.same(filled(things, (await things.scan(null, 1))[0]), filled(things, row));
  });

  claim('random rows come back as they were written', {}, async (t, context) => {
    const { things } = context;
    await fc.assert(
      fc.asyncProperty(fc.array(randomColumns(context), { minLength: 1, maxLength: 5 }), async (given) => {
        await context.empty();
        const rows = given.map((columns, index) => rowOf(things, { ...columns, id: uuid(index) }));
        await things.upsertMany(rows);
        const found = await things.get(rows.map(({ id }) => id as string));
        return rows.every((row) => sameValue(filled(things, found.get(row.id as string)), row));
      }),
      { numRuns: 25 },
    );
    t.pass();
  });
}

function same(t: Test, found: Value | undefined, wanted: Value, what: string): void {
  t.ok(sameValue(found, wanted), what, { found, wanted });
}

/** Text without NUL and without lone surrogates, which no store takes. */
const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((value) => !value.includes('\0'));
const timestamp = fc
  .date({ min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString());
const decimal = fc
  .tuple(fc.integer({ min: -9_999_999, max: 9_999_999 }), fc.integer({ min: 0, max: 6 }))
  .map(([digits, scale]) => exactNumber(`${digits}e-${scale}`));

function randomColumns({ limits }: Context): fc.Arbitrary<Row> {
  const json = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(text, tie('value'), { maxKeys: 3 }).map((object) => ({ ...object })),
    ),
  })).value;
  // A document is null in SQL only: JSON's own null at the top cannot be told from it.
  const document = json.filter((value) => value !== null);
  const long = limits['long-numbers'] === undefined;
  const big = long ? fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) : fc.maxSafeInteger().map(BigInt);
  const or = (value: fc.Arbitrary<Value>) => fc.option(value, { nil: null });
  return fc.record({
    name: text,
    note: or(text),
    small: or(fc.integer()),
    big: or(big.map((value) => exactNumber(String(value)))),
    amount: or(decimal),
    ratio: or(fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)),
    active: or(fc.boolean()),
    at: or(timestamp),
    meta: or(document),
    tags: or(fc.array(fc.option(text, { nil: null }), { maxLength: 4 })),
    numbers: or(fc.array(fc.option(fc.integer(), { nil: null }), { maxLength: 4 })),
  });
}
