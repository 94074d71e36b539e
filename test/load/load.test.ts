import t from 'tap';
import { startGateway, testConfig } from '../harness/gateway.ts';
import { createTwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';
import { startLoad } from './load.ts';
import { History } from './model.ts';
import { SUBJECTS, versionsIn } from './subjects.ts';

t.test('the model of one key', (t) => {
  const history = () => new History({ key: 'k', label: 'l', group: 'g', adopted: false });

  t.test('a read is right from the version that was told before it to the one that is under way', (t) => {
    const key = history();
    const first = key.begin(true);
    key.done();
    const from = key.position;
    const second = key.begin(true);
    t.equal(key.seen(first, from, 'here'), null);
    t.equal(key.seen(second, from, 'here'), null);
    t.match(key.seen(first, key.position, 'here'), { kind: 'older' }, 'the second has been read');
    t.match(key.seen(null, from, 'here'), { kind: 'older' });
    t.match(key.seen(second + 1, from, 'here'), { kind: 'wrong' });
    t.end();
  });

  t.test('a deleted record may only come back by a later create', (t) => {
    const key = history();
    const first = key.begin(true);
    key.done();
    key.begin(false);
    key.done();
    t.equal(key.seen(null, key.position, 'here'), null);
    t.match(key.seen(first, key.position, 'here'), { kind: 'older' });
    t.equal(key.seen(key.begin(true), key.position, 'here'), null);
    t.match(key.seen(null, key.position, 'here'), { kind: 'older' });
    t.end();
  });

  t.test('a refused write is never seen, before or after its answer', (t) => {
    const [before, after] = [history(), history()];
    const version = before.begin(true);
    before.seen(version, 0, 'here');
    t.match(before.refused(), { kind: 'wrong' });
    after.begin(true);
    t.equal(after.refused(), null);
    t.match(after.seen(version, 0, 'here'), { kind: 'wrong' });
    t.equal(after.settled(null, 'here'), null);
    t.end();
  });
  t.end();
});

t.test('a load of two gateways is counted, and finds what somebody loses behind its back', async (t) => {
  const sides = await createTwoSides(t, { scale: 0.01 });
  const config = await testConfig(t);
  const gateways = await Promise.all([0, 1].map(() => startGateway(t, { config, env: sides.env })));
  const urls = gateways.map(({ url }) => url);
  const load = await startLoad({
    urls: () => urls,
    subject: SUBJECTS.clients,
    clients: 4,
    seed: 1,
    idempotency: true,
  });
  await until(() => Object.values(load.report().acknowledged).every((count) => count > 3), {
    what: 'every kind of write was acknowledged',
  });
  const sound = await load.stop();
  const { unknown, lost, olderReads, wrongReads, failedRequests } = sound;
  t.same([unknown, lost, olderReads, wrongReads, failedRequests], [0, [], [], [], []]);

  const legacy = sides.legacy.database;
  await load.checkApi(urls);
  const unharmed = await load.checkStore('legacy', versionsIn('clients', legacy.query));
  t.same([unharmed.lost, unharmed.wrongReads], [[], []]);

  const harm = `DELETE FROM clients WHERE id =
    (SELECT id FROM clients WHERE loyalty_points > 10000 AND name LIKE 'Load %'
     AND NOT EXISTS (SELECT FROM engagements WHERE client_id = clients.id) LIMIT 1) RETURNING id::text`;
  const [{ id }] = (await legacy.query<{ id: string }>(harm)) as [{ id: string }];
  t.match((await load.checkStore('legacy', versionsIn('clients', legacy.query))).lost, [{ key: id }]);
});
