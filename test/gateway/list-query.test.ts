import t from 'tap';
import { isBanyanError } from '../../src/domain/errors.ts';
import { NOBODY } from '../../src/domain/callers.ts';
import { readListQuery } from '../../src/gateway/list-query.ts';
import { unconnected } from '../harness/bound.ts';

const clients = await unconnected('clients');
const engagements = await unconnected('engagements');
const ID = '0b5f2c4e-8a7d-4e3b-9c1f-2d6a7b8c9d0e';
const read = (parameters: Record<string, string | string[]>, of = clients) =>
  readListQuery(of, parameters, NOBODY);

function problemsOf(parameters: Record<string, string | string[]>, of = clients): string[] {
  try {
    read(parameters, of);
    return [];
  } catch (error) {
    if (!isBanyanError(error, 'invalid-query')) throw error;
    return (error.details as { problems: string[] }).problems;
  }
}

t.test(
  'a list that asks for nothing is the first page in the default order, with the key as tie-breaker',
  (t) => {
    const { query, limit, offset } = read({});
    t.same(query, {
      where: null,
      sort: [
        { field: 'createdAt', descending: true },
        { field: 'id', descending: false },
      ],
      limit: 51,
      offset: 0,
      total: false,
    });
    t.same([limit, offset], [50, null]);
    t.end();
  },
);

t.test('filters become conditions with typed values', (t) => {
  t.same(read({ status: 'active' }).query.where, { field: 'status', op: 'eq', value: 'active' });
  t.same(read({ 'siret[null]': 'true' }).query.where, { field: 'siret', op: 'null', value: true });
  t.same(read({ 'siret[null]': 'false' }).query.where, { field: 'siret', op: 'null', value: false });
  t.same(read({ 'status[in]': 'a,b' }).query.where, { field: 'status', op: 'in', value: ['a', 'b'] });
  t.same(read({ 'name[contains]': '50%' }).query.where, { field: 'name', op: 'contains', value: '50%' });
  t.same(read({ paid: 'true' }, engagements).query.where, { field: 'paid', op: 'eq', value: true });
  const upper = read({ clientId: ID.toUpperCase() }, engagements).query.where;
  t.same(upper, { field: 'clientId', op: 'eq', value: ID }, 'a UUID is the same in upper case');
  t.same(read({ status: 'a', name: 'b' }).query.where, {
    and: [
      { field: 'status', op: 'eq', value: 'a' },
      { field: 'name', op: 'eq', value: 'b' },
    ],
  });
  t.match(read({ 'name[ne]': ['a', 'b'] }).query.where, { and: [{ value: 'a' }, { value: 'b' }] });
  t.end();
});

t.test('pages by offset, by number and by limit', (t) => {
  t.match(read({ limit: '10', offset: '20' }), {
    query: { limit: 11, offset: 20, total: true },
    limit: 10,
    offset: 20,
  });
  t.match(read({ pageSize: '10', page: '3' }), { query: { limit: 11, offset: 20 }, offset: 20 });
  t.equal(read({ offset: '0', total: 'false' }).query.total, false);
  t.equal(read({ total: 'true' }).query.total, true);
  t.equal(read({ total: 'estimate', offset: '0' }).query.total, 'estimate');
  t.match(problemsOf({ total: 'about' }), [/total is "about"; it must be true, false or estimate/]);
  t.end();
});

t.test('a cursor goes on after the last record, and belongs to its sort', (t) => {
  const record = { id: ID, createdAt: '2026-01-02T03:04:05.123456Z', name: 'Zoë "x", 50 %' };
  const { cursorAfter } = read({ sort: '-createdAt,name' });
  const cursor = cursorAfter(record);
  t.match(cursor, /^[\w-]+$/, 'it needs no quoting in a URL');
  const { query } = read({ sort: '-createdAt,name', cursor, status: 'active' });
  const where = JSON.stringify(query.where);
  for (const value of [record.id, record.createdAt, 'active']) t.match(where, value);
  t.equal(query.offset, 0);
  const within = { field: 'status', op: 'eq', value: 'active' };
  t.same(
    query.after,
    { values: [record.createdAt, record.name, record.id], within },
    'and is known by itself',
  );
  t.same(problemsOf({ cursor }), ['cursor is not one of this list with this sort; begin again without it']);
  t.same(problemsOf({ sort: '-createdAt,name', cursor: `${cursor}x!` }).length, 1);
  t.same(problemsOf({ cursor: 'bnVsbA' }).length, 1);
  t.end();
});

t.test('everything that a list does not know is an error that says what it knows', (t) => {
  const table: [Record<string, string | string[]>, RegExp][] = [
    [{ unknown: '1' }, /"unknown" is not a filter of clients; filters: name, email, siret, status/],
    [{ notes: 'x' }, /"notes" is not a filter/],
    [{ 'name[like]': 'x' }, /unknown operator "like"; operators: eq, ne/],
    [{ 'name[constructor]': 'x' }, /unknown operator "constructor"/],
    [{ sort: 'revenue' }, /cannot sort by "revenue"; sort fields: id, createdAt, name, email/],
    [{ limit: '0' }, /limit is "0"; it must be a whole number from 1 to 500/],
    [{ limit: '501' }, /limit is "501"/],
    [{ limit: '1e2' }, /limit is "1e2"/],
    [{ offset: '-1' }, /offset is "-1"/],
    [{ page: '0' }, /page is "0"/],
    [{ page: '1', offset: '0' }, /exclude each other/],
    [{ cursor: 'x', offset: '0' }, /exclude each other/],
    [{ sort: ['name', 'email'] }, /sort was given 2 times/],
    [{ total: ['true', 'true'] }, /total was given 2 times/],
    [{ total: '1' }, /total is "1"; it must be true, false or estimate/],
    [{ 'siret[null]': 'yes' }, /"yes" is neither true nor false/],
  ];
  for (const [parameters, said] of table) {
    t.ok(
      problemsOf(parameters).some((problem) => said.test(problem)),
      JSON.stringify(parameters),
    );
  }
  t.match(problemsOf({ clientId: 'x' }, engagements), [/must be a UUID/]);
  t.match(problemsOf({ paid: 'yes' }, engagements), [/true or false/]);
  t.match(problemsOf({ 'clientId[contains]': '0b5f' }, engagements), [/only a text/]);
  t.match(problemsOf({ 'name[contains]': 'a\0' }), [/no text contains U\+0000/]);
  t.equal(problemsOf({ unknown: '1', limit: 'x', sort: 'y' }).length, 3, 'all at once');
  t.end();
});
