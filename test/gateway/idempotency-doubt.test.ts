import t from 'tap';
import { NOBODY } from '../../src/domain/callers.ts';
import { BanyanError } from '../../src/domain/errors.ts';
import { once } from '../../src/gateway/idempotency.ts';
import { newKey, openPlace, openReplica } from '../protocol/place.ts';

const place = await openPlace(t);
const done = { status: 201, body: '{}' };

t.test('a create in doubt keeps its id when a repeat of it could do nothing', async (t) => {
  await place.reset('legacy');
  const replica = await openReplica(place, 'a');
  const request = () => ({
    token: 'in-doubt',
    method: 'POST',
    path: '/api/companies',
    body: '{"name":"one"}',
    key: newKey(),
    caller: NOBODY,
  });
  const asked = request();
  // The first attempt: its process stops before it has an answer, at once past its deadline.
  const stopped = new Promise<never>(() => {});
  void once(replica, asked, async (key) => {
    await place.legacy.put(key as string, 'one');
    await place.binding.database.query(`UPDATE banyan.idempotency SET deadline = '-infinity'`);
    began();
    return await stopped;
  });
  let began = () => {};
  await new Promise<void>((resolve) => (began = resolve));

  const unreachable = new BanyanError('store-unreachable');
  await t.rejects(
    once(replica, request(), () => Promise.reject(unreachable)),
    unreachable,
  );
  let seen: unknown;
  await once(replica, request(), (key, repeated) => {
    seen = { key, repeated };
    return Promise.resolve(done);
  });
  t.same(seen, { key: asked.key, repeated: true });
});

t.test('a create of which nothing was done is a new one when it is repeated', async (t) => {
  await place.reset('legacy');
  const replica = await openReplica(place, 'a');
  const request = { token: 'refused', method: 'POST', path: '/api/companies', body: '{}', caller: NOBODY };
  const asked = { ...request, key: newKey() };
  const refusal = new BanyanError('store-unreachable');
  await t.rejects(
    once(replica, asked, () => Promise.reject(refusal)),
    refusal,
  );
  const again = { ...asked, key: newKey() };
  let seen: unknown;
  await once(replica, again, (key, repeated) => {
    seen = { key, repeated };
    return Promise.resolve(done);
  });
  t.same(seen, { key: again.key, repeated: false });
});
