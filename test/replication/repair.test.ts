import t from 'tap';
import { pull } from '../../src/replication/pull.ts';
import { repair } from '../../src/replication/repair.ts';
import { countOpen, recordDifferences } from '../../src/state/ledger.ts';
import { Interrupts, interrupted } from '../harness/interrupts.ts';
import { newKey, openPlace } from '../protocol/place.ts';

const place = await openPlace(t);
const { database } = place.binding;

t.test('a record that is synced once more while repair looks at it is repaired all the same', async (t) => {
  await place.reset('dual-write');
  const key = newKey();
  await place.legacy.put(key, 'one');
  const difference = { key, kind: 'missing-in-new', fields: [], legacy: '{}', new: null } as const;
  await recordDifferences(database, 'companies', [{ ...difference, fields: [] }], {
    name: 'verify',
    runId: null,
  });

  const legacy = new Interrupts();
  const looking = legacy.stop('after', 'get');
  const work = async () => void (await pull(place.companies, [key], []));
  const repairing = repair(interrupted(place.companies, { legacy }), { work, patience: 30_000 });
  await looking.reached;
  await work();
  looking.go();

  t.same(await repairing, { repaired: [key], left: [] });
  t.equal(await place.new.name(key), 'one');
  t.equal(await countOpen(database, 'companies'), 0);
});
