import { type CircuitBreakerPolicy, handleWhen, isBrokenCircuitError } from 'cockatiel';
import type { BreakerSettings, RetrySettings } from '../domain/configuration.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import type { Database } from '../domain/sql.ts';
import type { StoreKind } from '../domain/words.ts';
import { again, isPassingHere, onOneBudget, wasNotDone } from './attempts.ts';
import type { Capabilities, InsertOutcome, Store, StoreNotice, Table, TableSpec } from './contract.ts';
import { StoreCounter, type StoreFigures, type StoreOperation } from './figures.ts';
import { breakerOf, stateOf } from './policies.ts';

/** What a store does about failures, and what it has counted. */
export interface Resilience {
  retry?: RetrySettings | null;
  breaker?: BreakerSettings | null;
}

/** Failures that say that the store itself is in trouble, whatever was asked of it. */
const TROUBLE = ['store-unreachable', 'store-timeout', 'outcome-unknown'] as const;

/**
 * Any store, counted, and with the retries and the breaker of its settings. Each attempt counts for both. Only reads
 * are tried again by themselves: when a write may be sent depends on its mark's deadline or on its lease (R7, R8), which only
 * the caller knows (`repeat`).
 */
export class ResilientStore implements Store {
  readonly name: string;
  readonly kind: StoreKind;
  readonly database: Database | null;
  readonly #store: Store;
  readonly #counter = new StoreCounter();
  readonly #breaker: CircuitBreakerPolicy | null;
  readonly #retry: RetrySettings | null;
  readonly #onAgain = () => void (this.#counter.retries += 1);

  constructor(store: Store, { retry = null, breaker }: Resilience, notice: StoreNotice) {
    this.#store = store;
    this.name = store.name;
    this.kind = store.kind;
    this.database = store.database;
    this.#breaker = breaker ? noticed(store.name, breaker, notice) : null;
    this.#retry = retry;
  }

  /** Some are known only once a server has answered. */
  get capabilities(): Capabilities {
    return this.#store.capabilities;
  }

  get figures(): StoreFigures {
    return {
      requests: this.#counter.requests,
      retries: this.#counter.retries,
      folded: this.#counter.folded,
      breaker: stateOf(this.#breaker),
    };
  }

  table(spec: TableSpec): Table {
    return resilientTable(this.#store.table(spec), this);
  }

  /** Past the breaker: whoever asks wants to know. */
  async ping(): Promise<void> {
    await this.#store.ping();
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  async read<T>(work: () => Promise<T>): Promise<T> {
    const guarded = async () => await this.#guarded('read', work);
    if (!this.#retry) return await guarded();
    return await again(this.#retry, { may: isPassingHere, onAgain: this.#onAgain }, guarded);
  }

  async write<T>(work: () => Promise<T>): Promise<T> {
    return await this.#guarded('write', work);
  }

  noteFolded(rows: number): void {
    this.#counter.folded += rows;
  }

  async repeat<T>(write: () => Promise<T>, inTime: () => boolean): Promise<T> {
    const retry = this.#retry;
    if (!retry) return await write();
    return await onOneBudget(
      async () => await again(retry, { may: wasNotDone, inTime, onAgain: this.#onAgain }, write),
    );
  }

  async #guarded<T>(operation: StoreOperation, work: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    try {
      const done = await (this.#breaker ? this.#breaker.execute(work) : work());
      this.#counter.add(operation, 'ok', performance.now() - begun);
      return done;
    } catch (error) {
      const known = isBrokenCircuitError(error) ? resting(this.name) : error;
      this.#counter.add(operation, isBanyanError(known) ? known.code : 'internal', performance.now() - begun);
      throw known;
    }
  }
}

function noticed(store: string, settings: BreakerSettings, notice: StoreNotice): CircuitBreakerPolicy {
  const failures = handleWhen((error) => isBanyanError(error, ...TROUBLE));
  return breakerOf(`store "${store}"`, failures, settings, (event) => notice({ store, ...event }));
}

function resting(store: string): BanyanError {
  return new BanyanError(
    'store-resting',
    `store "${store}" has failed too often and is left alone for a moment`,
  );
}

type Method = Exclude<keyof Table, 'spec'>;

/** How each request of a table is treated; `as-is`: neither counted nor tried again. */
const METHODS: Readonly<Record<Method, StoreOperation | 'bulk' | 'as-is'>> = {
  describe: 'read',
  get: 'read',
  list: 'read',
  scan: 'read',
  scanKeys: 'read',
  count: 'read',
  estimate: 'read',
  statistics: 'read',
  keysWhere: 'read',
  highestKey: 'read',
  insert: 'write',
  insertMany: 'bulk',
  update: 'write',
  remove: 'write',
  upsertMany: 'write',
  removeMany: 'write',
  advanceSequence: 'write',
  // Inside somebody's transaction nothing can be tried again by itself, and its failure says nothing of the store.
  within: 'as-is',
};

type AnyMethod = (...of: unknown[]) => Promise<unknown>;

/** A table whose requests go through the store's policies. What the table leaves out is left out here too. */
function resilientTable(table: Table, store: ResilientStore): Table {
  const wrapped: Record<string, unknown> = { spec: table.spec };
  for (const [name, treatment] of Object.entries(METHODS)) {
    const method = (table as unknown as Record<string, AnyMethod | undefined>)[name]?.bind(table);
    if (method) wrapped[name] = TREATMENTS[treatment](store, method);
  }
  return wrapped as unknown as Table;
}

const TREATMENTS: Readonly<
  Record<(typeof METHODS)[Method], (store: ResilientStore, method: AnyMethod) => AnyMethod>
> = {
  read:
    (store, method) =>
    async (...of) =>
      await store.read(() => method(...of)),
  write:
    (store, method) =>
    async (...of) =>
      await store.write(() => method(...of)),
  bulk:
    (store, method) =>
    async (...of) =>
      await bulk(store, () => method(...of) as Promise<InsertOutcome[]>),
  'as-is': (_store, method) => method,
};

/** Outcomes are values here; the breaker has to see the store's trouble in them all the same. */
async function bulk(store: ResilientStore, work: () => Promise<InsertOutcome[]>): Promise<InsertOutcome[]> {
  let outcomes: InsertOutcome[] | null = null;
  try {
    return await store.write(async () => {
      outcomes = await work();
      for (const outcome of outcomes)
        if ('error' in outcome && isBanyanError(outcome.error, ...TROUBLE)) throw outcome.error;
      return outcomes;
    });
  } catch (error) {
    if (outcomes) return outcomes;
    throw error;
  }
}
