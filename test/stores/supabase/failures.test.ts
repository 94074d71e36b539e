import t from 'tap';
import type { BanyanError, ErrorCode, Outcome } from '../../../src/domain/errors.ts';
import { failsWith } from '../../contracts/failing.ts';
import { answering, ID, KEY, SPEC, type Answered } from './answering.ts';

const problem = (code: string, message = 'why', details: string | null = null) =>
  JSON.stringify({ code, message, details, hint: null });
const HTML = `<html>Bad gateway ${KEY}</html>`;

interface Case {
  title: string;
  answer: Answered;
  read: ErrorCode;
  write: ErrorCode;
  /** Of the write; `not-applied` unless given. */
  outcome?: Outcome;
}

const CASES: Case[] = [
  {
    title: 'a bad gateway',
    answer: { status: 502, body: HTML },
    read: 'store-unreachable',
    write: 'outcome-unknown',
    outcome: 'unknown',
  },
  {
    title: 'an unavailable service',
    answer: { status: 503, body: HTML },
    read: 'store-unreachable',
    write: 'outcome-unknown',
    outcome: 'unknown',
  },
  {
    title: "a proxy's timeout",
    answer: { status: 504, body: '' },
    read: 'store-timeout',
    write: 'outcome-unknown',
    outcome: 'unknown',
  },
  {
    title: "Cloudflare's own 520",
    answer: { status: 520, body: HTML },
    read: 'store-unreachable',
    write: 'outcome-unknown',
    outcome: 'unknown',
  },
  {
    title: 'too many requests',
    answer: { status: 429, body: '{"message":"rate limit"}' },
    read: 'store-overloaded',
    write: 'store-overloaded',
  },
  {
    title: 'an unknown key',
    answer: { status: 401, body: '{"message":"Invalid API key"}' },
    read: 'store-refused',
    write: 'store-refused',
  },
  {
    title: 'an expired JWT',
    answer: { status: 401, body: problem('PGRST301') },
    read: 'store-refused',
    write: 'store-refused',
  },
  {
    title: 'a missing grant',
    answer: { status: 403, body: problem('42501', 'permission denied for table clients') },
    read: 'store-refused',
    write: 'store-refused',
  },
  {
    title: 'the wrong server',
    answer: { status: 404, body: '<html>' },
    read: 'store-answer',
    write: 'store-answer',
  },
  {
    title: 'a missing table',
    answer: { status: 404, body: problem('PGRST205') },
    read: 'store-answer',
    write: 'store-answer',
  },
  {
    title: 'PostgREST without its database',
    answer: { status: 503, body: problem('PGRST000') },
    read: 'store-unreachable',
    write: 'store-unreachable',
  },
  {
    title: 'PostgREST whose database hung up',
    answer: { status: 503, body: problem('PGRST001') },
    read: 'store-unreachable',
    write: 'outcome-unknown',
    outcome: 'unknown',
  },
  {
    title: 'PostgREST without a free connection',
    answer: { status: 504, body: problem('PGRST003') },
    read: 'store-overloaded',
    write: 'store-overloaded',
  },
  {
    title: 'a statement that took too long',
    answer: { status: 500, body: problem('57014') },
    read: 'store-timeout',
    write: 'store-timeout',
  },
  {
    title: 'a serialization failure',
    answer: { status: 500, body: problem('40001') },
    read: 'write-conflict',
    write: 'write-conflict',
  },
  {
    title: 'an internal error of Postgres',
    answer: { status: 500, body: problem('XX000') },
    read: 'store-answer',
    write: 'store-answer',
  },
  {
    title: 'an answer that is not JSON',
    answer: { status: 200, body: HTML },
    read: 'store-answer',
    write: 'outcome-unknown',
    outcome: 'unknown',
  },
  {
    title: 'a row with a number for a text',
    answer: { status: 200, body: `[{"id":"${ID}","name":5}]` },
    read: 'store-answer',
    write: 'outcome-unknown',
    outcome: 'unknown',
  },
];

for (const { title, answer, read, write, outcome = 'not-applied' } of CASES) {
  t.test(`${title} is ${read} for a read and ${write} for a write`, async (t) => {
    const { store, received } = await answering(t, () => answer);
    const clients = store.table(SPEC);
    const errors = [
      await failsWith(t, read, clients.get([ID])),
      await failsWith(t, write, clients.insert({ id: ID, name: 'x' })),
    ];
    t.same(
      errors.map((error) => error.outcome),
      ['not-applied', outcome],
    );
    t.equal(received.length, 2, 'nothing is tried again');
    for (const error of errors) t.notOk(told(error).includes(KEY), 'the key is not told');
  });
}

t.test('a duplicate names its field and its constraint', async (t) => {
  const message = 'duplicate key value violates unique constraint "clients_email_key"';
  const body = problem('23505', message, 'Key (email)=(a@b.c) already exists.');
  const { store } = await answering(t, () => ({ status: 409, body }));
  const error = await failsWith(t, 'duplicate', store.table(SPEC).insert({ id: ID }));
  t.same(error.details, { field: 'email', constraint: 'clients_email_key' });
  t.notMatch(error.message, /a@b\.c/, 'the value is not told');
});

t.test('a write answered without its row is of unknown outcome', async (t) => {
  const { store } = await answering(t, () => ({ status: 201, body: '[]' }));
  await failsWith(t, 'outcome-unknown', store.table(SPEC).insert({ id: ID }));
});

t.test('a host that has no address was never written to', async (t) => {
  const { store } = await answering(t, () => ({}), { url: 'http://no-such-host.invalid' });
  const error = await failsWith(t, 'store-unreachable', store.table(SPEC).insert({ id: ID }));
  t.equal(error.outcome, 'not-applied');
});

t.test('ping tells the wrong server from PostgREST without a document', async (t) => {
  const wrong = await answering(t, () => ({ status: 404, body: 'nothing here' }));
  await failsWith(t, 'store-answer', wrong.store.ping());
  const right = await answering(t, () => ({ status: 404, body: problem('PGRST126') }));
  await right.store.ping();
});

/** Everything that a log could show of an error. */
function told(error: BanyanError): string {
  const cause = error.cause as Error | undefined;
  return [
    error.message,
    error.stack,
    cause?.message,
    cause?.stack,
    JSON.stringify(error),
    JSON.stringify(cause),
  ].join('\n');
}
