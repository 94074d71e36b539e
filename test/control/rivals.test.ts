import t from 'tap';
import { call } from '../cli/place.ts';
import { startGateway, testConfig } from '../harness/gateway.ts';
import { ROOT } from '../harness/postgres.ts';
import { createTwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';

const sides = await createTwoSides(t);
const config = await testConfig(t, [[/\nserver:\n/, '$&  replica: twin\n']]);
const status = async () => (await call(['status'], { ...sides.env, BANYAN_CONFIG: config.file }, ROOT)).out;

t.test('a restart under the same name is no rival', async (t) => {
  await (await startGateway(t, { config, env: sides.env })).kill();
  const next = await startGateway(t, { config, env: sides.env });
  const seen = async () =>
    (await sides.new.query<{ at: string }>(`SELECT seen_at::text AS at FROM banyan.replica`))[0]?.at;
  const before = await seen();
  await until(async () => (await seen()) !== before, { what: 'it has found its own heartbeat' });
  t.notMatch(await status(), /shares its name/);
  t.notMatch(next.output(), /same replica name/);
});

t.test('two processes of one replica name are reported by the log and by status', async (t) => {
  const first = await startGateway(t, { config, env: sides.env });
  const second = await startGateway(t, { config, env: sides.env });
  const message = /another process has the same replica name/;
  await until(() => message.test(first.output()) || message.test(second.output()), {
    what: 'the log says so',
  });
  const shown = /twin shares its name with another process/;
  await until(async () => shown.test(await status()), { what: 'status says so', every: 300 });
  await second.stop();
  t.equal((await fetch(`${first.url}/_banyan/ready`)).status, 200, 'the other one goes on');
});
