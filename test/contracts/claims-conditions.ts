import { isBanyanError } from '../../src/domain/errors.ts';
import type { Condition, Operator } from '../../src/domain/query.ts';
import { exactNumber, type Row, type Value } from '../../src/domain/values.ts';
import { thingsOf, uuid, withoutMicroseconds } from './rows.ts';
import type { Claim, Context, Limit } from './store-contract.ts';

/** Rows 1, 2, 3, … that the conditions below are asked of. */
const ROWS: Row[] = [
  {
    note: 'Oak',
    small: 1,
    amount: 1.5,
    active: true,
    at: '2026-01-01T00:00:00.000Z',
    owner: uuid(901),
    colour: 'red',
    tags: ['a', 'b'],
    meta: { kind: 'tree', tall: 3 },
  },
  {
    note: 'oak, "old" \\ (tall)',
    small: 2,
    amount: 10,
    active: false,
    at: '2026-01-01T00:00:00.000001Z',
    owner: uuid(902),
    colour: 'dark blue',
    tags: ['b,c'],
    meta: { kind: 'tree' },
  },
  {
    note: '50% *beech*_',
    small: 10,
    amount: 9.75,
    active: true,
    at: '2026-03-01T00:00:00.000Z',
    owner: uuid(903),
    colour: 'red',
    tags: [],
    meta: { kind: 'bush' },
  },
  {
    note: '',
    small: -1,
    amount: 0,
    active: null,
    at: null,
    owner: null,
    colour: null,
    tags: null,
    meta: null,
  },
  {
    note: null,
    small: null,
    amount: null,
    active: false,
    at: '2026-02-01T00:00:00.000Z',
    owner: uuid(905),
    colour: 'green',
    tags: ['a'],
    meta: [1, 2],
  },
  {
    note: 'Hêtre 🌳 007',
    small: 7,
    amount: 1234567.891,
    active: true,
    at: '2025-12-31T23:59:59.999Z',
    owner: uuid(906),
    colour: 'green',
    tags: ['{x}', 'NULL'],
    meta: 'tree',
  },
  {
    note: '007',
    small: 0,
    amount: -3,
    active: false,
    at: '2026-01-15T12:00:00.000Z',
    owner: uuid(907),
    colour: 'dark blue',
    tags: ['a"b'],
    meta: 5,
  },
];

type Case = [title: string, condition: Condition, wanted: number[], limit?: Limit];

const is = (field: string, op: Exclude<Operator, 'in'>, value: Value): Condition => ({ field, op, value });
const among = (field: string, ...value: Value[]): Condition => ({ field, op: 'in', value });
const isNull = (field: string, value = true): Condition => ({ field, op: 'null', value });

const CASES: Case[] = [
  ['eq on text', is('note', 'eq', 'Oak'), [1]],
  [
    'eq on text with a comma, quotes, a backslash and brackets',
    is('note', 'eq', ROWS[1]?.note as string),
    [2],
  ],
  ['eq on an empty text, which is not null', is('note', 'eq', ''), [4]],
  ['eq on text with accents and emoji', is('note', 'eq', 'Hêtre 🌳 007'), [6]],
  ['eq on text that looks like a number', is('note', 'eq', '007'), [7]],
  ['eq on text that says null', is('note', 'eq', 'null'), []],
  ['eq on an integer', is('small', 'eq', 10), [3]],
  ['eq on a decimal, by value', is('amount', 'eq', exactNumber('1.50')), [1]],
  ['eq on a boolean', is('active', 'eq', true), [1, 3, 6]],
  [
    'eq on a timestamp, to the microsecond',
    is('at', 'eq', '2026-01-01T00:00:00.000001Z'),
    [2],
    'microseconds',
  ],
  ['eq on a UUID', is('owner', 'eq', uuid(906)), [6]],
  ['eq on an enumeration', is('colour', 'eq', 'dark blue'), [2, 7]],
  ['eq on the key', is('id', 'eq', uuid(5)), [5]],
  ['eq null as a test for null', is('small', 'eq', null), [5]],
  ['ne, which null does not hold for', is('small', 'ne', 1), [2, 3, 4, 6, 7]],
  ['ne on text with a comma and quotes', is('note', 'ne', ROWS[1]?.note as string), [1, 3, 4, 6, 7]],
  ['ne on a boolean', is('active', 'ne', true), [2, 5, 7]],
  ['ne null as a test for a value', is('small', 'ne', null), [1, 2, 3, 4, 6, 7]],
  ['gt on an integer, by value and not as text', is('small', 'gt', 7), [3]],
  ['gte on an integer', is('small', 'gte', 7), [3, 6]],
  ['lt on a negative integer', is('small', 'lt', 0), [4]],
  ['lte on an integer', is('small', 'lte', 1), [1, 4, 7]],
  ['gt on a decimal', is('amount', 'gt', 9.75), [2, 6]],
  ['lt on a timestamp', is('at', 'lt', '2026-01-01T00:00:00.000Z'), [6]],
  [
    'gt on a timestamp, to the microsecond',
    is('at', 'gt', '2026-01-01T00:00:00.000000Z'),
    [2, 3, 5, 7],
    'microseconds',
  ],
  ['gt null, which nothing is', is('small', 'gt', null), []],
  ['in on texts', among('note', 'Oak', '', 'no such'), [1, 4]],
  ['in on texts with commas, quotes and backslashes', among('note', ROWS[1]?.note as string, '007'), [2, 7]],
  ['in on integers', among('small', 1, 7, 99), [1, 6]],
  ['in on UUIDs', among('owner', uuid(901), uuid(907)), [1, 7]],
  ['in on an enumeration', among('colour', 'red', 'green'), [1, 3, 5, 6]],
  ['in on booleans', among('active', true, false), [1, 2, 3, 5, 6, 7]],
  ['in nothing', among('small'), []],
  ['in with a null, which matches nothing', among('small', null, 2), [2]],
  ['null', isNull('note'), [5]],
  ['not null', isNull('at', false), [1, 2, 3, 5, 6, 7]],
  ['null on a list and a document', { and: [isNull('tags'), isNull('meta')] }, [4]],
  ['contains, whatever the case', is('note', 'contains', 'OAK'), [1, 2]],
  ['contains with an accent', is('note', 'contains', 'hÊt'), [6]],
  ['contains with a per cent sign', is('note', 'contains', '0%'), [3]],
  ['contains with an underscore', is('note', 'contains', '*_'), [3]],
  ['contains with stars', is('note', 'contains', '*BEECH*'), [3]],
  ['contains with a backslash', is('note', 'contains', '\\ ('), [2]],
  ['contains with quotes and a comma', is('note', 'contains', ', "OLD"'), [2]],
  ['contains with an emoji', is('note', 'contains', '🌳'), [6]],
  ['contains nothing, which every text does', is('note', 'contains', ''), [1, 2, 3, 4, 6, 7]],
  ['contains an element of a list', is('tags', 'contains', 'a'), [1, 5]],
  ['contains an awkward element of a list', is('tags', 'contains', 'b,c'), [2]],
  ['contains a member of a document', is('meta', 'contains', { kind: 'tree' }), [1, 2]],
  ['and', { and: [is('active', 'eq', true), is('small', 'gt', 1)] }, [3, 6]],
  ['and, twice on the same field', { and: [is('small', 'gt', 0), is('small', 'lt', 10)] }, [1, 2, 6]],
  [
    'and, twice contains on the same field',
    { and: [is('note', 'contains', 'oak'), is('note', 'contains', 'tall')] },
    [2],
  ],
  ['or', { or: [is('small', 'eq', 1), isNull('small')] }, [1, 5]],
  [
    'or inside and',
    {
      and: [
        is('active', 'eq', true),
        { or: [is('small', 'eq', 1), is('small', 'eq', 2), is('small', 'eq', 7)] },
      ],
    },
    [1, 6],
  ],
  [
    'and inside or',
    {
      or: [
        { and: [is('active', 'eq', false), is('small', 'eq', 2)] },
        { and: [is('colour', 'eq', 'red'), is('small', 'eq', 10)] },
      ],
    },
    [2, 3],
  ],
  [
    'three levels',
    {
      or: [
        {
          and: [
            is('active', 'eq', true),
            { or: [is('small', 'lt', 2), { and: [is('small', 'gt', 6), is('small', 'lt', 8)] }] },
          ],
        },
        is('note', 'eq', ''),
      ],
    },
    [1, 4, 6],
  ],
  ['an empty and, which holds always', { and: [] }, [1, 2, 3, 4, 5, 6, 7]],
  ['an empty or, which never holds', { or: [] }, []],
  ['empty groups inside others', { and: [{ and: [] }, { or: [{ or: [] }, is('small', 'eq', 1)] }] }, [1]],
  ['contains inside or', { or: [is('note', 'contains', 'HÊTRE'), is('small', 'eq', 10)] }, [3, 6]],
  ['in inside or', { or: [among('note', 'Oak', '007'), isNull('at')] }, [1, 4, 7]],
  ['a text with a comma inside or', { or: [is('note', 'eq', 'Oak, or not'), is('note', 'eq', 'Oak')] }, [1]],
  [
    'a text with quotes and a backslash inside or',
    { or: [is('note', 'eq', ROWS[1]?.note as string), is('small', 'eq', 7)] },
    [2, 6],
    'quotes-in-nested-conditions',
  ],
  [
    'contains with a comma and quotes inside or',
    { or: [is('note', 'contains', ', "OLD"'), is('small', 'eq', 7)] },
    [2, 6],
    'quotes-in-nested-conditions',
  ],
  [
    'contains with stars inside or',
    { or: [is('note', 'contains', '*BEECH*'), is('small', 'eq', 7)] },
    [3, 6],
    'stars-in-nested-conditions',
  ],
];

export function conditionClaims(claim: Claim): void {
  for (const [title, where, wanted, limit] of CASES) {
    const operators = [...operatorsOf(where)];
    const capability = ({ filterOperators }: { filterOperators: readonly Operator[] }) =>
      operators.every((operator) => filterOperators.includes(operator)) ||
      `lacks one of ${operators.join(', ')}`;
    claim(
      `the condition ${title}: list, count and keysWhere agree`,
      { capability, limit },
      async (t, { things, limits }) => {
        await things.upsertMany(thingsOf(things, limits.microseconds ? ROWS.map(withoutMicroseconds) : ROWS));
        const sort = [{ field: 'id', descending: false }];
        const { rows, total } = await things.list({ where, sort, limit: 100, offset: 0, total: true });
        const ids = wanted.map(uuid);
        t.same(
          rows.map(({ id }) => id),
          ids,
          'list',
        );
        t.equal(total, ids.length, 'total');
        t.equal(await things.count(where), ids.length, 'count');
        t.same((await things.keysWhere(where, 100)).sort(), ids, 'keysWhere');
      },
    );
  }

  claim('a condition on a column that is not there is refused by name', {}, async (t, context) => {
    await refused(t, context, is('no_such_column', 'eq', 1), /no_such_column/);
  });

  claim(
    'a condition with a value that the column cannot hold is an error of the catalogue',
    {},
    async (t, context) => {
      await refused(t, context, is('small', 'eq', 'many'));
      await refused(t, context, is('owner', 'eq', 'not a uuid'));
      await refused(t, context, is('note', 'eq', 'a\0b'));
    },
  );
}

async function refused(
  t: Parameters<Parameters<Claim>[2]>[0],
  { things }: Context,
  where: Condition,
  message?: RegExp,
): Promise<void> {
  try {
    await things.count(where);
    t.fail('the condition was taken');
  } catch (error) {
    if (!isBanyanError(error)) throw error;
    t.ok(error.entry.status < 500, error.code);
    if (message) t.match(error.message, message);
  }
}

function operatorsOf(condition: Condition): Set<Operator> {
  if ('and' in condition || 'or' in condition) {
    const parts = 'and' in condition ? condition.and : condition.or;
    return new Set(parts.flatMap((part) => [...operatorsOf(part)]));
  }
  return new Set(condition.op === 'null' ? [] : [condition.op]);
}
