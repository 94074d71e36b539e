import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { GatewayStart } from '../harness/gateway.ts';
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
  return await untilAnswered(() => post(of, token));
}

async function untilAnswered(ask: () => Promise<Answer>): Promise<Answer> {
  const answer = async () => {
    const seen = await ask();
    return seen.code !== 'idempotency-in-progress' && seen;
  };
  return (await until(answer, { what: 'the repeat has an answer', every: 100 })) as Answer;
}

/** As many as make a store that takes records one by one have some of a batch while it lacks others. */
const BATCH = 20;
const bodies = (label: string) => Array.from({ length: BATCH }, (_, n) => body(`${label}-${n}`));

/** E-mail addresses of batches on each side, each as often as it is there. */
async function batched() {
  const text = `SELECT email FROM clients WHERE email LIKE 'batch.%' ORDER BY email`;
  const emails = async ({ query }: typeof sides.new) =>
    (await query<{ email: string }>(text)).map(({ email }) => email);
  return { legacy: await emails(sides.legacy.database), new: await emails(sides.new) };
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

t.test(
  'a batch whose gateway was killed in the middle of it loses nothing, and makes nothing twice',
  async (t) => {
    const asked: { label: string; token: string }[] = [];
    const wanted: string[] = [];
    const batch = async (label: string, token?: string) =>
      await place.ask('POST', '/api/clients/batch', bodies(label), token);
    const dieIn = async (failpoint: GatewayStart['failpoint'] & string) => {
      const label = `batch.${failpoint}`;
      const token = randomUUID();
      const doomed = await place.start(failpoint);
      const first = await batch(`${label}-first`);
      t.match(
        first,
        { status: 201, data: { accepted: BATCH } },
        `${failpoint}: the batch before is acknowledged`,
      );
      await t.rejects(batch(label, token), { name: 'TypeError' }, `${failpoint}: this one has no answer`);
      await doomed.ended;
      asked.push({ label, token });
      wanted.push(...[...bodies(`${label}-first`), ...bodies(label)].map(({ email }) => email));
    };
    const inLegacy = async () => (await batched()).legacy.length;
    t.equal((await operator.state()).mode, 'live');
    await dieIn('idempotency.done=kill');
    await place.start();
    await operator.switchTo('shadow', () => {});
    const before = (await inLegacy()) + BATCH;
    await dieIn(`batch.send=kill@${BATCH + 12}`);
    const some = (await inLegacy()) - before;
    t.ok(some > 0 && some < BATCH, `legacy has ${some} of the ${BATCH}`);
    await dieIn('write.answered=kill@2');
    await place.start();
    t.equal(await operator.marksLeft(), 0);
    const without = await batched();
    t.same(without.new, without.legacy, 'both sides have the same of it before anybody asks again');
    const answers = await Promise.all(
      asked.map(async ({ label, token }) => await untilAnswered(() => batch(label, token))),
    );
    for (const [index, answer] of answers.entries())
      t.match(answer, { status: 201, data: { accepted: BATCH, refused: 0 } }, String(asked[index]?.label));
    t.equal(await operator.marksLeft(), 0);
    t.same(
      await batched(),
      { legacy: wanted.sort(), new: wanted },
      'everything is there once, on both sides',
    );
  },
);

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
