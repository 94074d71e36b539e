import t from 'tap';
import { until } from '../harness/wait.ts';
import { openPlace, type Place } from './place.ts';

/** Nobody waits in a test for the pauses between attempts. */
const DEAD_AT_ONCE = [
  /(  clients:\n(?:    .*\n)*?    mode: legacy\n)/,
  '$1    deadLetters: { attempts: 1 }\n',
] as const;

/** A resource that was filled and is kept in sync. */
async function filled(t: Parameters<typeof openPlace>[0]): Promise<Place> {
  const place = await openPlace(t, { scale: 0.01 });
  await place.did('switch clients dual-write', 'backfill clients');
  return place;
}

t.test('verify finds what somebody changed behind the gateway, and repair brings it over', async (t) => {
  const place = await filled(t);
  t.match(await place.banyan('repair clients'), { exit: 0, out: /No difference of clients is known/ });
  await place.sides.legacy.database.query(
    `UPDATE clients SET name = 'Ada' WHERE id IN (SELECT id FROM clients ORDER BY id LIMIT 3)`,
  );

  const verified = await place.banyan('verify clients');
  t.equal(verified.exit, 5);
  t.match(verified.out, /100 in legacy, 100 in new; 3 records differ/);
  t.match(verified.out, /different: name: 3 records/);
  const { document: status } = await place.json('status clients');
  t.match(status, {
    resources: [{ differences: { open: 3, byField: { 'different: name': 3 } } }],
    differing: [{ fields: ['name'] }],
  });
  t.match((await place.banyan('status clients')).out, /3 records open/);

  t.match(await place.json('repair clients'), { exit: 0, document: { open: 3, repaired: 3, left: [] } });
  t.match(await place.banyan('verify clients'), { exit: 0, out: /both sides are equal/ });
  const { document: audit } = await place.json('audit clients');
  t.match(
    audit.entries.find(({ action }: { action: string }) => action === 'repair'),
    { actor: 'ada@cli', details: { open: 3 } },
  );
});

t.test('records that the new side refuses become dead letters, each with the reason', async (t) => {
  const place = await openPlace(t, { scale: 0.01, edits: [DEAD_AT_ONCE] });
  await place.sides.new.query(`ALTER TABLE clients ADD CONSTRAINT plain CHECK (name <> 'Ada')`);
  await place.sides.legacy.database.query(
    `UPDATE clients SET name = 'Ada' WHERE id IN (SELECT id FROM clients ORDER BY id LIMIT 2)`,
  );
  await place.did('switch clients dual-write');

  const copied = await place.banyan('backfill clients');
  t.equal(copied.exit, 5);
  t.match(copied.out, /2 records refused by the new side:/);
  t.match(copied.out, /constraint-violated: .*plain/);
  t.match(await place.banyan('switch clients shadow'), {
    exit: 3,
    out: /dead-letters: 2 dead letters \(2 constraint-violated\)/,
  });
  t.match(await place.banyan('verify clients'), { exit: 5, out: /missing-in-new: 2 records/ });
  const repaired = await place.json('repair clients');
  t.match(repaired, { exit: 5, document: { repaired: 0, left: [{ reason: /plain/ }, { reason: /plain/ }] } });
  t.match((await place.banyan('status')).out, /clients: the other side refuses/);

  await place.sides.new.query('ALTER TABLE clients DROP CONSTRAINT plain');
  t.match(await place.json('backfill clients --again'), {
    exit: 0,
    document: { refused: { backingOff: 0, dead: 0 } },
  });
});

t.test('a backfill that is complete is not done twice unless it is asked for', async (t) => {
  const place = await filled(t);
  t.match(await place.json('backfill clients'), { exit: 0, document: { by: 'before', visited: 100 } });
  t.match(await place.json('backfill clients --again'), {
    exit: 0,
    document: { by: 'this process', visited: 100 },
  });
});

t.test('a backfill that another process does is looked at to its end', async (t) => {
  const place = await filled(t);
  const job = async (set: string) => await place.sides.new.query(`UPDATE banyan.backfill SET ${set}`);
  await job(
    `status = 'running', visited = 50, holder = gen_random_uuid(), holder_until = now() + interval '1 hour'`,
  );
  const looking = place.json('backfill clients');
  await until(
    async () =>
      (await place.json('audit clients --limit 1')).document.entries[0]?.action === 'backfill-started',
    {
      what: 'the command has begun',
    },
  );
  t.match((await place.banyan('status')).out, /clients +dual-write.* 50 %/);
  await job(`status = 'done', visited = 100, holder_until = '-infinity', finished_at = now()`);
  t.match(await looking, { exit: 0, document: { visited: 100 } });
});

t.test('a migration is named before it is applied, and is applied once', async (t) => {
  const place = await openPlace(t, { migrate: false, migrated: false });
  const dry = await place.json('migrate --dry-run');
  t.match(dry, { exit: 0, document: { dryRun: true, control: ['0001_control.sql'] } });
  t.equal(dry.document.models.length, 5);
  t.equal(dry.document.captured.length, 5);
  t.same(await place.sides.new.query(`SELECT to_regclass('banyan.resource') AS there`), [{ there: null }]);

  t.match(await place.json('migrate'), { exit: 0, document: { ...dry.document, dryRun: false } });
  t.match(await place.banyan('migrate'), { exit: 0, out: /Nothing to migrate/ });
});
