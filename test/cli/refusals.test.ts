import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import t from 'tap';
import { writeEnvironmentFile } from '../../src/quickstart/environment-file.ts';
import { testConfig } from '../harness/gateway.ts';
import { call, openPlace } from './place.ts';

const NO_STORES = { BANYAN_ACTOR: 'ada' };

t.test('every mistake of the file is shown with its line, and nothing is asked of any store', async (t) => {
  const config = await testConfig(t, [
    [/model: Client/, 'model: Cleint'],
    [/mode: legacy\n/, 'mode: legasy\n'],
  ]);
  const env = {
    DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/x',
    SUPABASE_URL: 'http://127.0.0.1:1',
    SUPABASE_SERVICE_ROLE_KEY: 'secret',
  };
  const said = await call(['status', '--config', config.file], env, '/');
  t.equal(said.exit, 2);
  t.equal(said.out, '');
  t.match(
    said.err,
    /routes\.config\.yaml:\d+:\d+ +resources\.clients\.mode: found "legasy".*did you mean "?legacy/,
  );
  t.match(said.err, /resources\.clients\.new\.model: found "Cleint".*did you mean "?Client/);
  t.notMatch(said.err, /secret/);

  const json = await call(['check', '--json', '--config', config.file], env, '/');
  t.equal(json.exit, 2);
  t.match(JSON.parse(json.out), {
    error: { code: 'config-invalid', problems: [{ line: Number, path: /clients/ }, { line: Number }] },
  });
});

t.test('what is called wrongly ends with status 2 and says what would be right', async (t) => {
  const place = await openPlace(t);
  const wrong: [string, RegExp][] = [
    ['swich clients live', /Did you mean switch/],
    ['switch clients', /missing required argument 'MODE'/],
    ['switch clients shaddow', /did you mean shadow/],
    ['switch client shadow', /did you mean clients/],
    ['switch nothing shadow', /it has clients, services/],
    ['switch clients shadow --force verify-claen --reason x', /did you mean verify-clean/],
    ['switch clients shadow --force verify-clean', /--reason/],
    ['switch clients shadow --reason why', /--force/],
    ['status clients --colour', /unknown option/],
    ['audit --limit none', /whole number/],
    ['replica-stopped somebody', /--reason/],
    ['replica-stopped somebody --reason gone', /Registered: none/],
  ];
  for (const [command, says] of wrong) {
    const { exit, err } = await place.banyan(command);
    t.equal(exit, 2, command);
    t.match(err, says);
    const { exit: again, out, err: besides } = await place.banyan(`${command} --json`);
    t.equal(again, 2);
    t.match(
      JSON.parse(out),
      { error: { code: String, message: String, remedy: String } },
      'the error is the one document',
    );
    t.equal(besides, '');
  }
});

t.test('what the stage of a resource does not allow is refused with status 3', async (t) => {
  const place = await openPlace(t);
  t.match(await place.banyan('backfill clients'), {
    exit: 3,
    err: /first "banyan switch clients dual-write"/,
  });
  t.match(await place.banyan('rollback clients'), { exit: 3 });
  t.match(await place.banyan('retire clients --yes'), { exit: 3 });
});

t.test('a guard refuses until what it asks is so, or it is forced with a reason that is kept', async (t) => {
  const place = await openPlace(t, { scale: 0.005, edits: [[/shadowReads: 0/, 'shadowReads: 7']] });
  const early = await place.json('switch clients shadow');
  t.match(early, {
    exit: 3,
    document: {
      mode: 'dual-write',
      refused: { to: 'shadow', guards: [{}, { guard: 'backfill-complete', met: false }] },
    },
  });
  await place.did('backfill clients');
  await place.did('verify clients');

  const refused = await place.banyan('switch clients live');
  t.equal(refused.exit, 3);
  t.match(refused.out, /clients stays in mode shadow: the step to live is refused/);
  t.match(refused.out, /shadow-reads: 0 of 7 reads were compared/);
  const why = await place.banyan('why clients');
  t.equal(why.exit, 3);
  t.match(why.out, /shadow-reads: 0 of 7 reads were compared\n +clears it: more reads by clients/);
  t.match(why.out, /In the way: shadow-reads\n/);
  t.match(await place.json('why clients dual-write'), {
    exit: 0,
    document: { ready: true, asked: 'dual-write' },
  });

  const reason = 'the shop is closed: nobody reads';
  const forced = await place.json('switch', 'clients', 'live', '--force', 'shadow-reads', '--reason', reason);
  t.match(forced, { exit: 0, document: { mode: 'live', forced: { 'shadow-reads': reason } } });
  const { document } = await place.json('audit clients');
  t.match(
    document.entries.find(({ action }: { action: string }) => action === 'guard-forced'),
    {
      actor: 'ada@cli',
      details: { guard: 'shadow-reads', reason, refusal: /0 of 7/ },
    },
  );
  t.match(document.entries.filter(({ action }: { action: string }) => action === 'switch-refused').length, 2);
});

t.test('where the control schema is missing every command names the one that makes it', async (t) => {
  const place = await openPlace(t, { migrated: false });
  for (const command of ['status', 'switch clients dual-write', 'audit', 'why clients']) {
    t.match(await place.banyan(command), { exit: 1, err: /banyan migrate/ }, command);
  }
  t.match(await place.json('status'), { exit: 1, document: { error: { code: 'not-migrated' } } });
});

t.test('a control database that is away ends a command with status 1 and no stack', async (t) => {
  const config = await testConfig(t);
  const env = {
    DATABASE_URL: 'postgresql://ada:pass-word@127.0.0.1:1/x',
    SUPABASE_URL: 'http://127.0.0.1:1',
    SUPABASE_SERVICE_ROLE_KEY: 'sb-key',
  };
  const { exit, err } = await call(['status', '--config', config.file], env, '/');
  t.equal(exit, 1);
  t.match(err, /control database cannot be reached/);
  t.notMatch(err, /at .*\.ts:|pass-word|sb-key/);
});

t.test(
  'check names a store that is away, a column that is missing, and a migration that was not applied',
  async (t) => {
    const place = await openPlace(t, { migrated: false });
    const unmigrated = await place.json('check');
    t.match(unmigrated, {
      exit: 1,
      document: {
        ok: false,
        findings: [{ kind: 'migration', found: /0001_control/, right: /banyan migrate/ }],
      },
    });
    await place.did('migrate');
    t.match(await place.banyan('check'), { exit: 0, out: /2 stores, 5 resources: all fits/ });

    await place.config.write(place.config.text.replace(/rename: \{.*?\}/, 'rename: { phone: telephone }'));
    const wrong = await place.banyan('check');
    t.equal(wrong.exit, 2, 'a mapping that does not fit is a configuration that is wrong');
    t.match(wrong.out, /resource clients: legacy: table "clients" has no column "telephone"/);
    t.match(wrong.out, /right would be/);

    const away = await call(['check', '--json'], { ...place.env, SUPABASE_URL: 'http://127.0.0.1:1' }, '/');
    t.equal(away.exit, 1);
    t.match(JSON.parse(away.out).findings, [
      { where: 'store erp-legacy', kind: 'store', found: /cannot be reached/ },
    ]);
  },
);

t.test('without stores of its own the command line finds those of the quick start beside it', async (t) => {
  const place = await openPlace(t);
  const folder = dirname(place.config.file);
  await writeEnvironmentFile(folder, place.sides.env);
  t.match(await call(['status'], NO_STORES, folder), { exit: 0, out: /clients +legacy/ });
  const elsewhere = { ...NO_STORES, DATABASE_URL: 'postgresql://127.0.0.1:1/x' };
  t.match(
    await call(['status'], elsewhere, folder),
    { exit: 2, err: /SUPABASE_URL/ },
    'named stores are never mixed with embedded ones',
  );
  await rm(`${folder}/.banyan`, { recursive: true });
  t.match(await call(['status'], NO_STORES, folder), { exit: 2, err: /DATABASE_URL/ });
});
