import { readFile } from 'node:fs/promises';
import t from 'tap';
import { addSilentGateway, openPlace } from './place.ts';

/** A switch of `clients` that nobody acknowledges turns round soon. */
const SHORT = [[/(mode: legacy\n)/, '$1    switch: { hold: 1s, budget: 3s }\n']] as const;

t.test('a resource walks the whole road and back by the command line alone', async (t) => {
  const place = await openPlace(t, { scale: 0.01 });

  t.equal((await place.banyan('switch clients dual-write')).exit, 0);
  const filled = await place.json('backfill clients');
  t.match(filled, {
    exit: 0,
    document: { visited: 100, total: 100, by: 'this process', refused: { backingOff: 0, dead: 0 } },
  });
  const verified = await place.json('verify clients');
  t.match(verified, {
    exit: 0,
    document: { legacyRows: 100, newRows: 100, differences: { open: 0 }, unsettled: 0 },
  });

  const up = await place.json('switch clients new');
  t.equal(up.exit, 0);
  t.match(
    up.document.steps.map(
      ({ from, to, kind, outcome }: Record<string, string>) => `${from} ${to} ${kind} ${outcome}`,
    ),
    ['dual-write shadow plain done', 'shadow live flip done', 'live new plain done'],
  );

  // Written by somebody who knows of no gateway: the triggers mark it, and the way back brings it to legacy.
  const [row] = await place.sides.new.query<{ id: string }>(`UPDATE clients SET name = 'Ada' RETURNING id`);
  t.match((await place.json('status clients')).document.resources[0], {
    mode: 'new',
    journal: { marks: 100 },
  });

  t.match(await place.json('rollback clients'), { exit: 0, document: { mode: 'live' } });
  t.match(await place.json('rollback clients'), { exit: 0, document: { mode: 'shadow' } });
  const legacy = await place.sides.legacy.database.query('SELECT name FROM clients WHERE id = $1', [row?.id]);
  t.same(legacy, [{ name: 'Ada' }], 'what the new side was told while it led is in legacy');
  const down = await place.banyan('switch clients legacy');
  t.match(down.out, /shadow → dual-write/);
  t.match(down.out, /dual-write → legacy/);
  t.match(await place.banyan('rollback clients'), { exit: 3, out: '', err: /where the road begins/ });
});

t.test('where a replica never answers a flip turns round, and the mode before stays in force', async (t) => {
  const place = await openPlace(t, { scale: 0.005, edits: SHORT });
  await place.did('switch clients dual-write');
  await place.did('backfill clients');
  await place.did('verify clients');
  await place.did('switch clients shadow');
  await addSilentGateway(place, 'ghost', 'long ago');

  const turned = await place.banyan('switch clients live --write-file');
  t.equal(turned.exit, 4);
  t.match(turned.out, /waited for replica ghost to acknowledge/);
  t.match(turned.out, /clients is in mode shadow/);
  t.match(turned.out, /The file was not changed/);
  const { document } = await place.json('status clients');
  t.match(document.resources[0], {
    mode: 'shadow',
    state: { stage: 'open', primary: 'legacy' },
    wanted: { mode: 'live' },
  });
  t.match(document.resources[0].difference, /the switch to live turned round/);

  t.match(await place.json('replica-stopped', 'ghost', '--reason', 'its host burnt down'), {
    exit: 0,
    document: { takenOff: true },
  });
  t.match(await place.json('verify clients'), { exit: 0 }, 'it was a word: a verify has to agree');
  t.match(await place.json('switch clients live'), {
    exit: 0,
    document: { mode: 'live', turnedRound: null },
  });
  const { document: audit } = await place.json('audit --limit 100');
  t.match(
    audit.entries.find(({ action }: { action: string }) => action === 'replica-taken-off'),
    { actor: 'ada@cli', details: { replica: 'ghost', why: 'its host burnt down' } },
  );
});

t.test('where a replica never answers an entry turns round as well, with exit status 4', async (t) => {
  const place = await openPlace(t, { edits: SHORT });
  await addSilentGateway(place, 'ghost', 'now');
  const turned = await place.json('switch clients dual-write');
  t.equal(turned.exit, 4);
  t.match(turned.document, { mode: 'legacy', asked: 'dual-write', moved: false, waitedFor: /replica ghost/ });
});

t.test('--write-file sets the mode and leaves comments and order as they are', async (t) => {
  const place = await openPlace(t);
  const before = await readFile(place.config.file, 'utf8');
  const said = await place.json('switch clients dual-write --write-file');
  t.match(said, { exit: 0, document: { file: { written: true, problem: null } } });
  const after = await readFile(place.config.file, 'utf8');
  t.equal(after, before.replace(/mode: legacy/, 'mode: dual-write'), 'one word of the file is another');
});

t.test('a dry run shows steps and guards and moves nothing', async (t) => {
  const place = await openPlace(t);
  const epoch = async () =>
    await place.sides.new.query('SELECT epoch, mode FROM banyan.resource ORDER BY name');
  const audit = async () => (await place.sides.new.query('SELECT FROM banyan.audit')).length;
  const before = [await epoch(), await audit()];

  const clear = await place.json('switch clients live --dry-run');
  t.equal(clear.exit, 0);
  t.match(clear.document, {
    dryRun: true,
    mode: 'legacy',
    refusedBy: [],
    steps: [
      { from: 'legacy', to: 'dual-write', kind: 'enter', guards: [{ guard: 'stores-reachable', met: true }] },
      { from: 'dual-write', to: 'shadow', kind: 'plain', guards: ['stores-reachable', 'backfill-complete'] },
      { from: 'shadow', to: 'live', kind: 'flip' },
    ],
  });
  const refused = await place.banyan('switch leads dual-write --dry-run');
  t.equal(refused.exit, 3);
  t.match(refused.out, /parents-moved: companies is still in mode legacy/);
  t.match(refused.out, /clears it: banyan switch companies dual-write/);
  t.match(refused.out, /Nothing was moved/);
  t.match(await place.json('rollback clients --dry-run'), {
    exit: 3,
    document: { error: { code: 'switch-refused' } },
  });

  t.same([await epoch(), await audit()], before);
});

t.test('retire ends the way back, and needs a plain word where nobody looks on', async (t) => {
  const place = await openPlace(t, { scale: 0.005 });
  t.match(await place.banyan('retire clients --yes'), {
    exit: 3,
    err: /only a resource in mode new can be retired/,
  });
  for (const command of [
    'switch clients dual-write',
    'backfill clients',
    'verify clients',
    'switch clients new',
  ]) {
    t.equal((await place.banyan(command)).exit, 0, command);
  }
  t.match(await place.banyan('retire clients'), { exit: 2, err: /retire clients --yes/ });
  t.match(await place.json('retire clients --yes'), { exit: 0, document: { retired: true } });
  t.match(await place.json('rollback clients'), {
    exit: 3,
    document: { mode: 'new', refused: { guards: [{}, { guard: 'not-retired', met: false }] } },
  });
  t.match((await place.banyan('status clients')).out, /retired: no way back/);
});
