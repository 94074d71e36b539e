import type { Test } from 'tap';
import type { Store, Table } from '../../src/stores/contract.ts';
import { failsWith } from './failing.ts';
import { startFaultProxy, type FaultProxy } from '../harness/fault-proxy.ts';
import { until } from '../harness/wait.ts';
import { countersOf, uuid } from './rows.ts';
import type { Changes, Claim, Context, Needs } from './store-contract.ts';
import { COUNTERS, NOTES, THINGS } from './tables.ts';

const NETWORK = { network: true } as const;
/** Milliseconds; long enough for a busy machine to answer, short enough to wait for. */
const SOON = 1_500;

export function failureClaims(claim: Claim): void {
  claim('a server that is stopped is unreachable, and nothing was changed', NETWORK, async (t, context) => {
    const { proxy, store } = await behindProxy(t, context);
    await proxy.refuse();
    const things = store.table(THINGS.spec);
    await failsWith(t, 'store-unreachable', store.ping());
    await failsWith(t, 'store-unreachable', things.get([uuid(1)]));
    for (const write of [
      () => things.insert({ id: uuid(1) }),
      () => things.update(uuid(1), { note: 'x' }),
      () => things.remove(uuid(1)),
    ]) {
      const error = await failsWith(t, 'store-unreachable', write());
      t.equal(error.outcome, 'not-applied');
    }
  });

  claim('a read that is not answered is a timeout', NETWORK, async (t, context) => {
    const { proxy, counters } = await behindProxy(t, context, { timeout: SOON });
    await proxy.blackhole();
    await failsWith(t, 'store-timeout', counters.get(['1']));
  });

  for (const [title, write] of Object.entries(WRITES)) {
    claim(`${title} that is not answered may or may not have been done`, NETWORK, async (t, context) => {
      const { proxy, counters } = await behindProxy(t, context, { timeout: SOON });
      await proxy.blackhole();
      const error = await failsWith(t, 'outcome-unknown', write(counters));
      t.equal(error.outcome, 'unknown');
    });

    claim(`${title} whose connection breaks may or may not have been done`, NETWORK, async (t, context) => {
      const { proxy, counters } = await behindProxy(t, context);
      await proxy.cutAfter(0);
      const error = await failsWith(t, 'outcome-unknown', write(counters));
      t.equal(error.outcome, 'unknown');
    });
  }

  claim(
    'a write whose answer is lost is of unknown outcome, is done, and is not sent twice',
    NETWORK,
    async (t, context) => {
      const { proxy, counters } = await behindProxy(t, context);
      await proxy.cutAfter(0);
      const error = await failsWith(t, 'outcome-unknown', counters.insert({ id: 2, label: 'lost' }));
      t.equal(error.outcome, 'unknown');
      const written = { field: 'label', op: 'eq', value: 'lost' } as const;
      await until(() => context.counters.count(written), { what: 'the write is done' });
      t.equal(await context.counters.count(), 2, 'the record of the warm-up and this one');
    },
  );

  claim('a read whose connection breaks again and again is unreachable', NETWORK, async (t, context) => {
    const { proxy, counters } = await behindProxy(t, context);
    await proxy.cutAfter(0);
    await failsWith(t, 'store-unreachable', counters.get(['1']));
  });

  claim('a store works again by itself when its server is back', NETWORK, async (t, context) => {
    const { proxy, store, counters } = await behindProxy(t, context, { timeout: SOON });
    const faults: Record<string, () => unknown> = {
      stopped: () => proxy.refuse(),
      silent: () => proxy.blackhole(),
      'cutting off answers': () => proxy.cutAfter(0),
    };
    for (const [fault, begin] of Object.entries(faults)) {
      await begin();
      await failsWith(t, ['store-timeout', 'store-unreachable'], counters.get(['1']));
      proxy.reset();
      await proxy.pass();
      await until(() => store.ping().then(() => true), { what: 'the store answers again' });
      t.equal((await counters.get(['1'])).size, 1);
      t.equal((await counters.update('1', { label: fault }))?.label, fault);
    }
  });

  claim(
    'requests beyond the pool wait, and are refused after pool.wait, not sent',
    NETWORK,
    async (t, context) => {
      const { proxy, counters } = await behindProxy(t, context, {
        timeout: SOON,
        pool: { max: 1, wait: 700 },
      });
      await proxy.blackhole();
      const sent = failsWith(t, 'outcome-unknown', counters.insert({ id: 7 }));
      const waiting = await failsWith(t, 'store-overloaded', counters.insert({ id: 8 }));
      t.equal(waiting.outcome, 'not-applied');
      await sent;
      t.equal((await context.counters.get(['8'])).size, 0);
    },
  );

  claim('more requests at once than connections are all answered', NETWORK, async (t, context) => {
    const store = opened(t, context, { pool: { max: 2, wait: 20_000 } });
    const counters = store.table(COUNTERS.spec);
    await counters.upsertMany(countersOf([1]));
    const answers = await Promise.all(Array.from({ length: 60 }, () => counters.get(['1'])));
    t.ok(answers.every((rows) => rows.size === 1));
  });

  claim('a server that does not know the secret refuses the gateway', NETWORK, async (t, context) => {
    const store = opened(t, context, { wrongSecret: true });
    const notes = store.table(NOTES.spec);
    await failsWith(t, 'store-refused', store.ping());
    await failsWith(t, 'store-refused', notes.get(['a']));
    const error = await failsWith(t, 'store-refused', notes.insert({ code: 'a' }));
    t.equal(error.outcome, 'not-applied');
    t.equal(await context.notes.count(), 0);
  });

  claim(
    'a table that is not there is named in the error',
    { limit: 'strict-tables' },
    async (t, { store }) => {
      const table = store.table({ ...NOTES.spec, name: 'no_such_table' });
      const calls = [
        () => table.get(['a']),
        () => table.count(),
        () => table.insert({ code: 'a' }),
        () => table.upsertMany([{ code: 'a', body: null, rank: null }]),
      ];
      for (const call of calls) {
        const error = await failsWith(t, 'store-answer', call());
        t.match(error.message, /no_such_table/);
        t.equal(error.outcome, 'not-applied');
      }
    },
  );

  const described: Needs = {
    limit: 'strict-tables',
    capability: ({ describesTables }) => describesTables || 'a record may have any members, or lack them',
  };
  claim('a column that only the mapping knows is named in the error', described, async (t, { store }) => {
    const extra = { name: 'no_such_column', type: 'text', list: false, nullable: true } as const;
    const table = store.table({ ...NOTES.spec, columns: [...NOTES.spec.columns, extra] });
    for (const call of [() => table.get(['a']), () => table.insert({ code: 'a', no_such_column: 'x' })]) {
      const error = await failsWith(t, 'store-answer', call());
      t.match(error.message, /no_such_column/);
    }
  });

  claim('an error of one record leaves the connection usable', {}, async (t, { notes }) => {
    for (let round = 0; round < 30; round++) {
      await notes.insert({ code: `k${round}` });
      await failsWith(t, 'duplicate', notes.insert({ code: `k${round}` }));
    }
    t.equal(await notes.count(), 30);
  });
}

const WRITES: Record<string, (counters: Table) => Promise<unknown>> = {
  'an insert': (counters) => counters.insert({ id: 5 }),
  'an update': (counters) => counters.update('1', { label: 'x' }),
  'a delete': (counters) => counters.remove('1'),
  'a write of many': (counters) => counters.upsertMany(countersOf([5, 6])),
  'a delete of many': (counters) => counters.removeMany(['1', '2']),
};

function opened(t: Test, context: Context, changes: Changes): Store {
  const store = context.openWith(changes);
  t.teardown(() => store.close());
  return store;
}

/** A store whose connection goes through a proxy and is already open, and a table with record 1 in it. */
async function behindProxy(
  t: Test,
  context: Context,
  changes: Changes = {},
): Promise<{ proxy: FaultProxy; store: Store; counters: Table }> {
  const proxy = await startFaultProxy({ target: { host: '127.0.0.1', port: context.port as number } });
  const store = context.openWith({ ...changes, port: proxy.port });
  t.teardown(async () => {
    // The proxy first: Node 20 never ends a process in which a socket was reset after it had been ended in good order.
    await proxy.close();
    await store.close();
  });
  const counters = store.table(COUNTERS.spec);
  await counters.upsertMany(countersOf([1]));
  return { proxy, store, counters };
}
