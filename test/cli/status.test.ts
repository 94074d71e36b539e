import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { send } from '../harness/api.ts';
import { startGateway } from '../harness/gateway.ts';
import { ROOT } from '../harness/postgres.ts';
import { until } from '../harness/wait.ts';
import { addSilentGateway, openPlace } from './place.ts';

const execute = promisify(execFile);

t.test(
  'beside a running gateway the command line moves, shows, and reports how long writes were held',
  async (t) => {
    const place = await openPlace(t, { scale: 0.01 });
    const gateway = await startGateway(t, { config: place.config, env: place.sides.env });
    t.match(await place.json('switch clients dual-write'), { exit: 0, document: { mode: 'dual-write' } });
    // The gateway copies and compares by itself; the command looks on, or finds it done.
    t.equal((await place.banyan('backfill clients')).exit, 0);
    t.equal((await place.banyan('verify clients')).exit, 0);
    await place.did('switch clients shadow');

    const writing = new AbortController();
    const writes = (async () => {
      const statuses: number[] = [];
      while (!writing.signal.aborted) {
        statuses.push(
          (
            await send(gateway.url, 'POST', '/api/clients', {
              name: 'Ada',
              email: `ada${statuses.length}@example.com`,
            })
          ).status,
        );
      }
      return statuses;
    })();
    const moved = await place.json('switch clients live');
    writing.abort();
    t.equal(moved.exit, 0);
    const [step] = moved.document.steps;
    t.match(step.writes, { failed: 0, held: Number, p50: Number, max: Number });
    t.match(step.pauses, [{ replica: String, failed: 0 }]);
    t.same(
      (await writes).filter((status) => status !== 201),
      [],
      'no write failed by the switch',
    );

    const { document } = await place.json('status');
    t.match(document.replicas, [{ fresh: true, file: { differsFrom: [], problems: null } }]);
    t.match(document.resources[0], {
      resource: 'clients',
      mode: 'live',
      rollback: { to: 'shadow' },
      lastSwitch: { outcome: 'done' },
    });
    await until(async () => (await place.json('status clients')).document.resources[0].rollback.ready, {
      what: 'the way back is ready',
    });

    await place.config.write(place.config.text.replace('path: /api/leads', 'path: api/leads'));
    const problems = await until(
      async () =>
        (
          await place.sides.new.query<{ problems: string[] | null }>(
            'SELECT problems FROM banyan.replica_file',
          )
        )[0]?.problems,
      { what: 'the gateway has refused the file' },
    );
    t.match(problems, [/routes\.config\.yaml:\d+:\d+ +resources\.leads\.path: found/], 'with its line');
    await place.config.write(place.config.text.replace('path: api/leads', 'path: /api/leads # the same'));
    t.equal(await gateway.stop(), 0);
  },
);

t.test('status shows whose file differs, and why a file is refused', async (t) => {
  const place = await openPlace(t);
  for (const name of ['one', 'two', 'three']) await addSilentGateway(place, name, 'now');
  const { document: own } = await place.json('status');
  const file = async (replica: string, hash: string, problems: string[] | null) =>
    await place.sides.new.query(
      `INSERT INTO banyan.replica_file (replica, hash, modes, problems) VALUES ($1, $2, '{}', $3)`,
      [replica, hash, problems && JSON.stringify(problems)],
    );
  await file('one', own.file.hash, null);
  await file('two', own.file.hash, null);
  await file('three', 'f'.repeat(64), [
    'routes.config.yaml:12:7  resources.clients.mode: found "shaddow"; expected a mode',
  ]);

  const { document } = await place.json('status');
  t.match(
    document.replicas.map(({ name, file: has }: { name: string; file: { differsFrom: string[] } }) => [
      name,
      has.differsFrom,
    ]),
    [
      ['one', ['three']],
      ['three', ['one', 'two']],
      ['two', ['three']],
    ],
  );
  const { out } = await place.banyan('status');
  t.match(out, /three has another file than one, two/);
  t.match(out, /three refuses its file: routes\.config\.yaml:12:7/);
});

t.test('status says why what is wanted is not so', async (t) => {
  const place = await openPlace(t);
  await place.config.setMode('clients', 'shadow');
  t.match(
    (await place.banyan('status')).out,
    /clients, wanted shadow: the file asks for it, and no gateway has taken the file yet/,
  );
  await place.sides.new.query(
    `INSERT INTO banyan.wanted (resource, mode, source, actor, refusal) VALUES ('clients', 'shadow', 'file', 'file of one', 'backfill-complete: no backfill')`,
  );
  t.match(await place.json('status clients'), {
    exit: 0,
    document: {
      resources: [
        { mode: 'legacy', wanted: { mode: 'shadow', source: 'file' }, difference: /backfill-complete/ },
      ],
    },
  });
  // A command has the last word, also where there is nothing to walk.
  t.match(await place.banyan('switch clients legacy'), { exit: 0, out: /already/ });
  t.match(await place.json('status clients'), {
    document: { resources: [{ wanted: { mode: 'legacy', source: 'command' }, difference: null }] },
  });
});

t.test('a resource that the database does not know yet is named, with what makes it known', async (t) => {
  const place = await openPlace(t);
  await place.sides.new.query(`DELETE FROM banyan.resource WHERE name = 'leads'`);
  t.match(await place.banyan('status'), {
    exit: 0,
    out: /leads is not registered yet: run "banyan migrate"/,
  });
  t.match(await place.banyan('status leads'), { exit: 1, err: /banyan migrate/ });
  await place.did('migrate');
  t.match(await place.banyan('status leads'), { exit: 0 });
});

t.test('as a program it prints one JSON document, and its exit status is that of the command', async (t) => {
  const place = await openPlace(t);
  const program = resolve(ROOT, 'bin/banyan.js');
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...place.env };
  const { stdout, stderr } = await execute(process.execPath, [program, 'status', '--json'], { env });
  t.match(JSON.parse(stdout), { resources: [{ resource: 'clients' }, {}, {}, {}, {}] });
  t.equal(stderr, '');
  const refused = await execute(process.execPath, [program, 'rollback', 'clients'], { env }).catch(
    (error: unknown) => error,
  );
  t.match(refused, { code: 3, stdout: '', stderr: /the road begins/ });
  const help = await execute(process.execPath, [program, '--help'], { env });
  t.match(help.stdout, /Exit status:\n +0 +done/);
});
