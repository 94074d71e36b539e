import { randomUUID } from 'node:crypto';
import t from 'tap';
import { ROAD } from '../../src/domain/modes.ts';
import type { Mode } from '../../src/domain/words.ts';
import { AT_REST, atRest, openFaultPlace, writesGoOn } from './place.ts';

/**
 * Stores that stop, are slow, or hang up in the middle of a request, in every mode, under load. Each fault lasts until
 * clients have met it; then the store is back, and nobody does anything but wait.
 */
const place = await openFaultPlace(t, { records: 60 });
const { ways, operator } = place;
const load = await place.load({ clients: 2 });
const reader = randomUUID();

const FAULTS = {
  'legacy stopped': { begin: () => ways.legacy.refuse(), end: () => ways.legacy.pass() },
  'legacy slow (2 s)': { begin: () => ways.legacy.latency(2_000), end: () => ways.legacy.pass() },
  'legacy hangs up': { begin: () => ways.legacy.cutAfter(0), end: () => ways.legacy.pass() },
  'new stopped': { begin: () => ways.new.refuse(), end: () => ways.new.pass() },
  'new hangs up': { begin: () => ways.new.cutAfter(0), end: () => ways.new.pass() },
} as const;
type Fault = keyof typeof FAULTS;

/** What a client is told: status and code, or several where it depends on which connection the request got. */
type Expected = readonly string[];
const READ: Expected = ['200 '];
const WRITTEN: Expected = ['201 '];
const AWAY: Expected = ['502 store-unreachable'];
const LATE: Expected = ['504 store-timeout'];
const DOUBT: Expected = ['504 outcome-unknown'];
const NO_MARK: Expected = ['503 control-unavailable'];

/** By the side that leads: what a read and a create (without an Idempotency-Key) are answered during a fault. */
const BY_LEGACY: Record<Fault, readonly [read: Expected, create: Expected]> = {
  'legacy stopped': [AWAY, AWAY],
  'legacy slow (2 s)': [LATE, DOUBT],
  'legacy hangs up': [AWAY, DOUBT],
  'new stopped': [READ, NO_MARK],
  'new hangs up': [READ, NO_MARK],
};
const BY_NEW: Record<Fault, readonly [read: Expected, create: Expected]> = {
  'legacy stopped': [READ, WRITTEN],
  'legacy slow (2 s)': [READ, WRITTEN],
  'legacy hangs up': [READ, WRITTEN],
  'new stopped': [AWAY, AWAY],
  'new hangs up': [AWAY, [...AWAY, ...DOUBT]],
};
const EXPECTED: Partial<Record<Mode, typeof BY_LEGACY>> = {
  // Without marks it needs nothing of the new database: reads and writes go on.
  legacy: { ...BY_LEGACY, 'new stopped': [READ, WRITTEN], 'new hangs up': [READ, WRITTEN] },
  'dual-write': BY_LEGACY,
  shadow: BY_LEGACY,
  live: BY_NEW,
  new: BY_NEW,
};

let made = 0;
const record = () => ({ name: 'A client', email: `fault-${++made}@example.org` });

/** Keys of creates that were acknowledged while a store was away. */
const acknowledged: string[] = [];

await place.ask('POST', '/api/clients', { id: reader, ...record() });

for (const mode of ROAD) {
  t.test(`in mode ${mode}`, async (t) => {
    await operator.switchTo(mode, () => {});
    for (const fault of Object.keys(FAULTS) as Fault[]) {
      const [read, create] = (EXPECTED[mode] ?? BY_NEW)[fault];
      await FAULTS[fault].begin();
      const id = randomUUID();
      const [seen, made] = await Promise.all([
        place.ask('GET', `/api/clients/${reader}`),
        place.ask('POST', '/api/clients', { id, ...record() }),
      ]);
      if (made.status === 201) acknowledged.push(id);
      await FAULTS[fault].end();
      t.ok(
        read.includes(`${seen.status} ${seen.code}`),
        `${fault}: a read is answered ${seen.status} ${seen.code}`,
      );
      t.ok(
        create.includes(`${made.status} ${made.code}`),
        `${fault}: a create is answered ${made.status} ${made.code}`,
      );
      await writesGoOn(load, 3);
    }
    t.same(await atRest(place, load, mode), AT_REST, 'everything is there, and equal, by itself');
    const missing = [];
    for (const id of acknowledged)
      if ((await place.ask('GET', `/api/clients/${id}`)).status !== 200) missing.push(id);
    t.same(missing, []);
  });
}

t.test('clients were told 502, 503 or 504, or to come again; never 500', async (t) => {
  const { failedRequests } = await load.stop();
  const right = new Set([502, 503, 504]);
  t.same(
    failedRequests.filter(({ status, code }) => !right.has(status) && code !== 'idempotency-in-progress'),
    [],
  );
});

t.end();
