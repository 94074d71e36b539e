import type { Database, Sql } from '../../src/domain/sql.ts';
import { RecordSide, type BoundResource, type Timing } from '../../src/replication/resource.ts';
import type { Table } from '../../src/stores/contract.ts';

/** A call that waits. */
export interface Pause {
  /** Resolves when the call has come to the point. */
  reached: Promise<void>;
  /** Lets it go on. */
  go(): void;
}

/** Milliseconds after which a point that nobody comes to is given up. */
const PATIENCE = 20_000;

type When = 'before' | 'after';
type Matches = (call: readonly unknown[]) => boolean;
interface Armed {
  when: When;
  method: string;
  matches: Matches;
  arrive: () => void;
  released: Promise<void>;
}

/**
 * Points at which a test holds the calls of a real table or database, to put one interleaving in order. The calls
 * themselves are the real ones: nothing is answered in their place.
 */
export class Interrupts {
  /** Names of the methods that were called, in order. */
  readonly calls: string[] = [];
  private readonly armed: Armed[] = [];

  /** Holds the next call of a method before it is made, or when its answer is there and not yet given. */
  stop(when: When, method: string, matches: Matches = () => true): Pause {
    let arrive = () => {};
    let go = () => {};
    const reached = new Promise<void>((resolve, reject) => {
      arrive = resolve;
      setTimeout(() => reject(new Error(`no call came to the point ${when} ${method}`)), PATIENCE).unref();
    });
    // Whoever waits for it hears of it; nobody has to.
    reached.catch(() => undefined);
    const released = new Promise<void>((resolve) => (go = resolve));
    this.armed.push({ when, method, matches, arrive, released });
    return { reached, go };
  }

  /** How often a method was called. */
  count(method: string): number {
    return this.calls.filter((name) => name === method).length;
  }

  async pass<T>(method: string, call: readonly unknown[], work: () => Promise<T>): Promise<T> {
    this.calls.push(method);
    await this.wait('before', method, call);
    const answer = await work();
    await this.wait('after', method, call);
    return answer;
  }

  private async wait(when: When, method: string, call: readonly unknown[]): Promise<void> {
    const at = this.armed.findIndex((one) => one.when === when && one.method === method && one.matches(call));
    const [found] = at < 0 ? [] : this.armed.splice(at, 1);
    found?.arrive();
    await found?.released;
  }
}

/** The statement of a `query` call contains this text. */
export const statement =
  (text: string): Matches =>
  ([sql]) =>
    String(sql).includes(text);

export function interruptedTable(table: Table, interrupts: Interrupts): Table {
  return new Proxy(table, {
    get(target, name) {
      if (name === 'within') return (sql: Sql) => interruptedTable(target.within(sql), interrupts);
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...call: unknown[]) =>
        interrupts.pass(
          String(name),
          call,
          async () => (await Reflect.apply(value, target, call)) as unknown,
        );
    },
  });
}

/** `query` inside and outside of transactions; `transaction` as a whole: `after` means that it is committed. */
export function interruptedDatabase(database: Database, interrupts: Interrupts): Database {
  const watched = (sql: Sql): Sql => ({
    query: (text, parameters) =>
      interrupts.pass('query', [text, parameters], () => sql.query(text, parameters)),
  });
  return {
    ...watched(database),
    transaction: (work) =>
      interrupts.pass('transaction', [], () => database.transaction((sql) => work(watched(sql)))),
  };
}

export interface Changes {
  legacy?: Interrupts;
  new?: Interrupts;
  database?: Interrupts;
  /** Timing of the legacy store, in place of the configured one. */
  timing?: Timing;
}

/** The same resource, seen by a process that is held at the points of its own interrupts. */
export function interrupted(resource: BoundResource, changes: Changes): BoundResource {
  const side = (from: RecordSide, interrupts: Interrupts | undefined, timing: Timing) =>
    new RecordSide(
      from.side,
      resource.mapping,
      from.store,
      timing,
      interrupts ? interruptedTable(from.table, interrupts) : from.table,
    );
  return {
    ...resource,
    legacy: side(resource.legacy, changes.legacy, changes.timing ?? resource.legacy.timing),
    new: side(resource.new, changes.new, resource.new.timing),
    database: changes.database ? interruptedDatabase(resource.database, changes.database) : resource.database,
  };
}
