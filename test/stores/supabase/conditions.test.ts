import t from 'tap';
import type { ColumnSpec, ValueType } from '../../../src/domain/model.ts';
import type { Condition } from '../../../src/domain/query.ts';
import { filterOf, keyList } from '../../../src/stores/supabase/conditions.ts';

/** The contract suite shows that conditions find the right rows; here is how they are written, for PostgREST itself. */
const column = (name: string, type: ValueType, list = false): [string, ColumnSpec] => [
  name,
  { name, type, list, nullable: true },
];
const COLUMNS = new Map([
  column('name', 'text'),
  column('n', 'int'),
  column('amount', 'decimal'),
  column('ok', 'boolean'),
  column('tags', 'text', true),
  column('meta', 'json'),
  column('Odd "name", really', 'text'),
]);

const CASES: [title: string, where: Condition | null, parameters: [string, string][] | null][] = [
  ['no condition', null, []],
  ['a value in quotes', { field: 'name', op: 'eq', value: 'a,b.c:(d)' }, [['and', '(name.eq."a,b.c:(d)")']]],
  [
    'a number in quotes, which are the same to PostgREST',
    { field: 'n', op: 'gt', value: -5 },
    [['and', '(n.gt."-5")']],
  ],
  ['a boolean without quotes', { field: 'ok', op: 'ne', value: true }, [['and', '(ok.neq.true)']]],
  [
    'a value with quotes as a parameter of its own, raw',
    { field: 'name', op: 'eq', value: 'a"b\\' },
    [['name', 'eq.a"b\\']],
  ],
  [
    'null tests',
    {
      and: [
        { field: 'n', op: 'null', value: true },
        { field: 'ok', op: 'null', value: false },
      ],
    },
    [['and', '(n.is.null,ok.not.is.null)']],
  ],
  [
    'a list with its escapes',
    { field: 'name', op: 'in', value: ['a"', 'b\\', null] },
    [['and', '(name.in.("a\\"","b\\\\"))']],
  ],
  ['an empty list as no request at all', { field: 'name', op: 'in', value: [] }, null],
  [
    "contains, with LIKE's own characters escaped",
    { field: 'name', op: 'contains', value: '5%_\\' },
    [['name', 'ilike.%5\\%\\_\\\\%']],
  ],
  [
    'contains with a star as a regular expression',
    { field: 'name', op: 'contains', value: 'a*(b)' },
    [['name', 'imatch.a\\*\\(b\\)']],
  ],
  [
    'contains in a list and in a document',
    {
      and: [
        { field: 'tags', op: 'contains', value: 'a,b' },
        { field: 'meta', op: 'contains', value: { a: 1 } },
      ],
    },
    [
      ['tags', 'cs.{"a,b"}'],
      ['meta', 'cs.{"a":1}'],
    ],
  ],
  [
    'contains twice on one column, the second in the tree',
    {
      and: [
        { field: 'name', op: 'contains', value: 'a' },
        { field: 'name', op: 'contains', value: 'b' },
      ],
    },
    [
      ['name', 'ilike.%a%'],
      ['and', '(name.ilike.%b%)'],
    ],
  ],
  [
    'contains in a tree, quoted where it must be',
    {
      or: [
        { field: 'name', op: 'contains', value: 'a,"b"' },
        { field: 'n', op: 'eq', value: 1 },
      ],
    },
    [['and', '(or(name.ilike."%a,\\"b\\"%",n.eq."1"))']],
  ],
  [
    'escapes in a tree, in the forms that every server reads',
    {
      or: [
        { field: 'name', op: 'eq', value: '"' },
        { field: 'name', op: 'ne', value: '"' },
        { field: 'name', op: 'gt', value: '"' },
        { field: 'name', op: 'lt', value: '"{' },
      ],
    },
    [['and', '(or(name.in.("\\""),name.not.in.("\\""),name.gt(any).{"\\""},name.lt."\\"{"))']],
  ],
  [
    'an odd name in quotes',
    { field: 'Odd "name", really', op: 'eq', value: 'x' },
    [['and', '("Odd \\"name\\", really".eq."x")']],
  ],
  [
    'groups in groups, joined where they are the same',
    {
      and: [
        { and: [{ field: 'n', op: 'gt', value: 1 }, { and: [] }] },
        { or: [{ or: [] }, { field: 'n', op: 'lt', value: 9 }] },
      ],
    },
    [['and', '(n.gt."1",n.lt."9")']],
  ],
  ['what never holds as no request at all', { and: [{ field: 'n', op: 'gt', value: 1 }, { or: [] }] }, null],
  ['what is beyond null as no request at all', { field: 'n', op: 'gt', value: null }, null],
  [
    'a list as array text',
    { field: 'tags', op: 'eq', value: ['a', null] },
    [['and', '(tags.eq."{a,NULL}")']],
  ],
];

for (const [title, where, parameters] of CASES) {
  t.test(`PostgREST is asked for ${title}`, async (t) => {
    t.same(filterOf(where, COLUMNS), parameters);
  });
}

t.test('keys are quoted, each', async (t) => {
  t.equal(keyList(['a', 'b,"c"\\']), 'in.("a","b,\\"c\\"\\\\")');
});
