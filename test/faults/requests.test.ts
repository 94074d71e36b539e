import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { until } from '../harness/wait.ts';
import { openFaultPlace, type Answer } from './place.ts';

const place = await openFaultPlace(t, { records: 20 });
const { operator, sides } = place;

const body = (label: string) => ({ name: 'A client', email: `${label}@example.org` });
const post = async (of: { email: string }, token?: string) =>
  await place.ask('POST', '/api/clients', of, token);

/** Records with an e-mail address, on each side. */
async function made({ email }: { email: string }) {
  const count = async ({ query }: typeof sides.new) =>
    (await query<{ n: number }>('SELECT count(*)::int AS n FROM clients WHERE email = $1', [email]))[0]?.n;
  return { legacy: await count(sides.legacy.database), new: await count(sides.new) };
}

/** The same request again and again, as a client does, until its first attempt cannot be under way any more. */
async function repeat(of: { email: string }, token: string): Promise<Answer> {
  const answer = async () => {
    const seen = await post(of, token);
    return seen.code !== 'idempotency-in-progress' && seen;
  };
  return (await until(answer, { what: 'the repeat has an answer', every: 100 })) as Answer;
}

t.test('a create whose gateway was killed is done once, whenever that was', async (t) => {
  await operator.switchTo('dual-write', () => {});
  const requests = (['idempotency.begun', 'idempotency.done'] as const).map((point) => ({
    point,
    of: body(point),
    token: randomUUID(),
  }));
  for (const { point, of, token } of requests) {
    const doomed = await place.start(`${point}=kill`);
    await t.rejects(post(of, token), { name: 'TypeError' }, `${point}: the client has no answer`);
    await doomed.ended;
    t.equal((await made(of)).legacy, point === 'idempotency.done' ? 1 : 0, point);
  }
  await place.start();
  for (const { point, of, token } of requests) {
    const answer = await repeat(of, token);
    t.match(answer, { status: 201, data: of }, point);
    t.match(await repeat(of, token), { status: 201, data: answer.data, replayed: true });
    await operator.marksLeft();
    t.same(await made(of), { legacy: 1, new: 1 });
  }
});

t.test('a key belongs to its request', async (t) => {
  const [of, token] = [body('once'), randomUUID()];
  const answer = await post(of, token);
  t.equal(answer.status, 201);
  const wrong: [string, string, unknown][] = [
    ['POST', '/api/clients', body('other')],
    ['PUT', `/api/clients/${String(answer.data?.id)}`, of],
    ['DELETE', `/api/clients/${String(answer.data?.id)}`, undefined],
  ];
  for (const [method, path, other] of wrong) {
    const refused = await place.ask(method, path, other, token);
    t.match(refused, { status: 422, code: 'idempotency-key-reused' }, method);
  }
  t.match(await post(of, token), { status: 201, data: answer.data, replayed: true });
});

t.test('requests that are repeated across a switch are done once', async (t) => {
  const [before, during] = [body('before'), body('during')];
  const tokens = [randomUUID(), randomUUID()] as const;
  await operator.switchTo('shadow', () => {});
  const first = await post(before, tokens[0]);
  const moved = operator.switchTo('live', () => {});
  const answers = await Promise.all(Array.from({ length: 5 }, () => repeat(during, tokens[1])));
  await moved;
  const again = await repeat(before, tokens[0]);
  t.match(again, { status: 201, data: first.data, replayed: true });
  for (const { status, data } of answers) t.match([status, data?.id], [201, answers[0]?.data?.id]);
  t.match(await repeat(during, tokens[1]), { status: 201, data: answers[0]?.data, replayed: true });
  await operator.marksLeft();
  for (const of of [before, during]) t.same(await made(of), { legacy: 1, new: 1 });
});

t.test('R8: a gateway that was stopped between mark and request sends nothing any more', async (t) => {
  await operator.switchTo('shadow', () => {});
  const stopped = await place.start('write.marked=stop');
  const of = body('stopped');
  const answer = post(of);
  const state = () => /^\d+ \(.*\) (\w)/s.exec(readFileSync(`/proc/${stopped.pid}/stat`, 'utf8'))?.[1];
  await until(() => state() === 'T', { what: 'the process is stopped' });
  const pending = `SELECT FROM banyan.mark WHERE deadline > clock_timestamp()`;
  await until(async () => (await sides.new.query(pending)).length === 0, { what: 'its deadline is over' });
  stopped.resume();
  t.match(await answer, { status: 503, code: 'too-slow-to-send' });
  t.same(await made(of), { legacy: 0, new: 0 });
  t.equal((await post(of)).status, 201, 'and goes on');
  t.equal(await operator.marksLeft(), 0);
});

t.end();
