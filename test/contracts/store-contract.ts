import type { Test } from 'tap';
import type { Sql } from '../../src/domain/sql.ts';
import type { Capabilities, Store, Table } from '../../src/stores/contract.ts';
import { bulkClaims } from './claims-bulk.ts';
import { compositeClaims } from './claims-composite.ts';
import { conditionalClaims } from './claims-conditional.ts';
import { conditionClaims } from './claims-conditions.ts';
import { failureClaims } from './claims-failures.ts';
import { insertClaims } from './claims-inserts.ts';
import { readClaims } from './claims-reads.ts';
import { shapeClaims } from './claims-shape.ts';
import { statisticsClaims } from './claims-statistics.ts';
import { valueClaims } from './claims-values.ts';
import { writeClaims } from './claims-writes.ts';
import { CHILDREN, COUNTERS, NOTES, PLACES, THINGS } from './tables.ts';

/** What the store under test may be unable to do because of the server that the test gives it, not by its own fault. */
export type Limit =
  | 'long-numbers'
  | 'bytes'
  | 'json-booleans'
  | 'quotes-in-nested-conditions'
  | 'stars-in-nested-conditions'
  | 'infinite-floats'
  | 'defaults'
  | 'unique'
  | 'references'
  | 'enumerations'
  | 'microseconds'
  | 'drawn-keys'
  | 'strict-tables';

/** Settings of a store that a case needs to be other than usual. Milliseconds. */
export interface Changes {
  timeout?: number;
  pool?: { max: number; wait: number };
  /** Where the store thinks that its server is. */
  port?: number;
  /** With a key or password that the server does not know. */
  wrongSecret?: boolean;
}

/** A store of one kind with the tables of tables.ts in it. */
export interface StoreUnderTest {
  kind: string;
  store: Store;
  /** Empties every table. */
  empty(): Promise<void>;
  /** Another store on the same data. The suite closes it. */
  openWith(changes: Changes): Store;
  /** Port of the server on 127.0.0.1, for the cases in which the network fails; null: the kind has no network. */
  port: number | null;
  /** Runs `work` in a transaction of the control database and rolls it back; for kinds that have transactions. */
  rolledBack?(work: (sql: Sql) => Promise<void>): Promise<void>;
  /** Reasons to skip, by limit. */
  limits: Partial<Record<Limit, string>>;
  close(): Promise<void>;
}

export interface Context extends StoreUnderTest {
  things: Table;
  notes: Table;
  counters: Table;
  children: Table;
  places: Table;
}

/** What a case needs; it is skipped, with the reason, where that is missing. */
export interface Needs {
  limit?: Limit;
  network?: true;
  rolledBack?: true;
  capability?: (capabilities: Capabilities) => true | string;
}

export type Claim = (
  title: string,
  needs: Needs,
  prove: (t: Test, context: Context) => Promise<void>,
) => void;

/**
 * Holds a store to the contract of src/stores/contract.ts. Each case begins with empty tables. `open` is called once.
 */
export async function storeContract(t: Test, open: () => Promise<StoreUnderTest>): Promise<void> {
  const under = await open();
  t.teardown(() => under.close());
  const { store } = under;
  const context: Context = {
    ...under,
    things: store.table(THINGS.spec),
    notes: store.table(NOTES.spec),
    counters: store.table(COUNTERS.spec),
    children: store.table(CHILDREN.spec),
    places: store.table(PLACES.spec),
  };
  const cases: { title: string; needs: Needs; prove: (t: Test, context: Context) => Promise<void> }[] = [];
  const claim: Claim = (title, needs, prove) => cases.push({ title, needs, prove });
  for (const claims of [
    shapeClaims,
    valueClaims,
    readClaims,
    statisticsClaims,
    conditionClaims,
    writeClaims,
    conditionalClaims,
    bulkClaims,
    insertClaims,
    compositeClaims,
    failureClaims,
  ])
    claims(claim);
  for (const { title, needs, prove } of cases) {
    const skip = missing(needs, under);
    await t.test(`${under.kind}: ${title}`, skip ? { skip } : {}, async (t) => {
      await under.empty();
      await prove(t, context);
    });
  }
}

function missing(needs: Needs, { kind, store, port, rolledBack, limits }: StoreUnderTest): string | false {
  if (needs.limit && limits[needs.limit]) return limits[needs.limit] as string;
  if (needs.network && port === null) return `a ${kind} store has no network`;
  if (needs.rolledBack && !rolledBack) return `a ${kind} store has no transactions`;
  const capable = needs.capability?.(store.capabilities) ?? true;
  return capable === true ? false : capable;
}
