import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import type { ApiSettings } from '../../../src/domain/configuration.ts';
import type { KeyType } from '../../../src/domain/model.ts';
import type { Table } from '../../../src/stores/contract.ts';
import { HttpStore } from '../../../src/stores/http/store.ts';
import { failsWith } from '../../contracts/failing.ts';

/** What an API answers to a request; a number is a status without a body. */
type Answers = Record<string, number | string | Buffer | object>;

const API: ApiSettings = {
  path: null,
  paging: { by: 'page', page: 'page', offset: '', cursor: '', size: 'size', first: 1, next: '', max: 2 },
  answers: { list: '', record: '', total: null, totalHeader: null },
  body: '',
  update: 'PATCH',
  conditions: null,
  filters: {},
  statistics: null,
  sort: null,
  errors: { message: 'error', field: 'field', statuses: {} },
};

/** The table `notes` of an API that gives just these answers, by method and path; 404 to everything else. */
async function notesOf(t: Test, answers: Answers, keyType: KeyType = 'text'): Promise<Table> {
  const answerTo = ({ method, url = '' }: IncomingMessage) =>
    answers[`${method} ${url}`] ?? answers[`${method} ${url.split('?')[0]}`] ?? 404;
  const server = createServer((request, response) => {
    request.resume();
    const answer = answerTo(request);
    if (typeof answer === 'number') return void response.writeHead(answer, { 'retry-after': '7' }).end();
    const isBody = typeof answer === 'string' || Buffer.isBuffer(answer);
    response.writeHead(200, { location: '/notes/100%' }).end(isBody ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const store = new HttpStore(
    'old',
    {
      kind: 'http',
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      headers: {},
      timeout: 5_000,
      deadline: 15_000,
      pool: { max: 2, wait: 1_000 },
      ping: '/',
      keys: 'gateway',
      maxRecords: 100,
      api: { default: API, tables: {} },
    },
    () => undefined,
  );
  t.teardown(async () => {
    await store.close();
    server.close();
  });
  return store.table({
    name: 'notes',
    keys: [{ name: 'id', type: keyType }],
    key: 'id',
    keyType,
    columns: [
      { name: 'id', type: keyType, list: false, nullable: false },
      { name: 'body', type: 'text', list: false, nullable: true },
    ],
  });
}

t.test(
  'a refusal with a success status is none the less a refusal, and names what the API says',
  async (t) => {
    const no = { ok: false, error: 'no room', field: 'body' };
    const notes = await notesOf(t, {
      'POST /notes': no,
      'PATCH /notes/a': no,
      'DELETE /notes/a': no,
      'GET /notes/a': { id: 'a', body: 'old' },
    });
    for (const write of [
      () => notes.insert({ id: 'n', body: 'x' }),
      () => notes.update('a', { body: 'x' }),
      () => notes.upsertMany([{ id: 'a', body: 'x' }]),
      () => notes.remove('a'),
    ]) {
      const error = await failsWith(t, 'constraint-violated', write());
      t.match(error, { message: /HTTP 200: no room/, details: { field: 'body' }, outcome: 'not-applied' });
    }
  },
);

t.test('a success that says something, but has no record, is one where the record is as sent', async (t) => {
  const notes = await notesOf(t, {
    'PATCH /notes/a': { error: 'none, all is well' },
    'GET /notes/a': { id: 'a', body: 'x' },
    'DELETE /notes/b': { error: 'none: it is gone' },
    'DELETE /notes/c': 'deleted',
    'DELETE /notes/a': '<html>please sign in</html>',
    'GET /notes': [],
  });
  t.same(await notes.update('a', { body: 'x' }), { id: 'a', body: 'x' });
  t.equal(await notes.remove('b'), true);
  t.equal(await notes.remove('c'), true, 'in plain text');
  await failsWith(t, 'constraint-violated', notes.remove('a'));
});

t.test('what lacks its key, or has another one, is no record', async (t) => {
  const notes = await notesOf(t, {
    'GET /notes/a': { error: 'not today' },
    'GET /notes/b': { id: 'c', body: 'of another record' },
    'GET /notes': [{ body: 'nameless' }],
    'POST /notes': { id: 'other', body: 'x' },
  });
  t.match((await failsWith(t, 'store-answer', notes.get(['a']))).message, /no record with the key "a"/);
  await failsWith(t, 'store-answer', notes.get(['b']));
  t.match(
    (await failsWith(t, 'store-answer', notes.scan(null, 9))).message,
    /a record without "id" in a list/,
  );
  const numbered = await notesOf(t, { 'GET /notes': [{ id: 'A-7' }] }, 'int');
  t.match(
    (await failsWith(t, 'store-answer', numbered.scanKeys(null, 9))).message,
    /"A-7", which is no whole/,
  );
  const doubt = await failsWith(t, 'outcome-unknown', notes.insert({ id: 'n', body: 'x' }));
  t.equal(doubt.outcome, 'unknown', 'whatever the API has made there');
});

t.test('an API that does not know its paging is found out, instead of being read for ever', async (t) => {
  const notes = await notesOf(t, { 'GET /notes': [{ id: 'a' }, { id: 'b' }] });
  const error = await failsWith(t, 'store-answer', notes.scan(null, 10));
  t.match(error.message, /the same page again for the next one: "paging" is not what the API knows/);
});

t.test('bytes that are not UTF-8 are refused, and a byte order mark is none of the JSON', async (t) => {
  const notes = await notesOf(t, {
    'GET /notes/a': Buffer.from('{"id":"a","body":"caf\u00e9"}', 'latin1'),
    'GET /notes/b': '\uFEFF{"id":"b","body":"café"}',
  });
  t.match((await failsWith(t, 'store-answer', notes.get(['a']))).message, /not UTF-8/);
  t.match((await notes.get(['b'])).get('b'), { body: 'café' });
});

t.test('a key that would lead a path astray is refused', async (t) => {
  const notes = await notesOf(t, { 'DELETE /notes/': {}, 'DELETE /': {} });
  for (const key of ['', '.', '..']) await failsWith(t, 'invalid-key', notes.remove(key));
});

t.test('an API that wants to be left alone for a while says for how long', async (t) => {
  const notes = await notesOf(t, {
    'GET /notes/a': 429,
    'POST /notes': 429,
    'GET /notes/b': 302,
    'PATCH /notes/b': 303,
  });
  t.match(await failsWith(t, 'store-overloaded', notes.get(['a'])), { retryAfter: 7 });
  t.match(await failsWith(t, 'store-overloaded', notes.insert({ id: 'n' })), { outcome: 'not-applied' });
  await failsWith(t, 'store-answer', notes.get(['b']));
  await failsWith(t, 'outcome-unknown', notes.update('b', { body: 'x' }));
});
