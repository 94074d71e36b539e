import { BanyanError, isBanyanError } from '../domain/errors.ts';
import type { Sql } from '../domain/sql.ts';
import { sameValue, type PublicRecord } from '../domain/values.ts';
import type { Key, Side } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import { markDeleted } from '../state/journal.ts';
import {
  endMove,
  holdForCreate,
  holdForMove,
  takeForMove,
  takenOver,
  type Generation,
} from '../state/moved.ts';
import { sendAgain } from './landing.ts';
import { cannotMove, MOVING, moveWithin } from './move.ts';
import type { BoundResource, FieldValue, RecordSide } from './resource.ts';

/** Where a client's write is done: one side, or both as the mode joins them. `side`: who did the last one. */
export interface WritePlace {
  readonly side: Side;
  get(keys: readonly Key[]): Promise<Map<Key, PublicRecord>>;
  /** `keyIsNew`: the gateway has just made the key, so nobody can have it. */
  insert(record: PublicRecord, keyIsNew?: boolean): Promise<PublicRecord>;
  /** `only`: a record that does not hold it is not there. */
  update(key: Key, changes: PublicRecord, only?: FieldValue | null): Promise<PublicRecord | null>;
  remove(key: Key, only?: FieldValue | null): Promise<boolean>;
  /** Which of these keys a create may not have although new has no such record; left out: none. */
  refuseTaken?(keys: readonly Key[]): Promise<Map<Key, BanyanError>>;
}

/**
 * What both joined places share: creates go to new, and not under an id that legacy has (M4). What one store certainly has
 * not done is sent to it again by its settings, a transaction as a whole.
 */
abstract class JoinedPlace implements WritePlace {
  side: Side = 'new';
  protected readonly resource: BoundResource;
  protected readonly generation: Generation;
  private readonly begun: number;

  /** `begun`: when the write began, as performance.now(); nothing is sent again that could land too late after it. */
  constructor(resource: BoundResource, generation: number, begun: number) {
    this.resource = resource;
    this.generation = { resource: resource.name, generation };
    this.begun = begun;
  }

  protected async send<T>(side: Side, write: () => Promise<T>): Promise<T> {
    return await sendAgain(this.resource[side], this.begun, write);
  }

  async insert(record: PublicRecord, keyIsNew = false): Promise<PublicRecord> {
    const { mapping } = this.resource;
    this.side = 'new';
    const key = keyIsNew ? null : mapping.keyGiven(record);
    const [refused] = key === null ? [] : (await this.refuseTaken([key])).values();
    if (refused) throw refused;
    return await this.send('new', async () =>
      key === null ? await this.resource.new.insert(record) : await this.insertHeld(record),
    );
  }

  /** M4: legacy takes no creates here, but it may have between two generations. */
  private async insertHeld(record: PublicRecord): Promise<PublicRecord> {
    const { resource, generation } = this;
    return await resource.database.transaction(async (sql) => {
      if (!(await holdForCreate(sql, generation))) throw overtaken(resource);
      return await resource.new.within(sql).insert(record);
    });
  }

  async refuseTaken(keys: readonly Key[]): Promise<Map<Key, BanyanError>> {
    return await refuseTaken(this.resource, this.generation, keys);
  }

  async get(keys: readonly Key[]): Promise<Map<Key, PublicRecord>> {
    return await readMerged(this.resource, this.generation.generation, keys);
  }

  async update(key: Key, changes: PublicRecord, only?: FieldValue | null): Promise<PublicRecord | null> {
    const change = async (side: RecordSide) => await side.update(key, changes, only);
    const changed = await this.inNew(key, change);
    return changed === LEGACYS ? await this.updateLegacys(key, change, only) : changed;
  }

  async remove(key: Key, only?: FieldValue | null): Promise<boolean> {
    const remove = async (side: RecordSide) => await side.remove(key, only);
    const removed = await this.inNew(key, remove);
    return removed === LEGACYS ? await this.removeLegacys(key, remove, only) : removed;
  }

  /** M2: new first, and what it has or has deleted is its own; only then legacy is somebody to ask. */
  private async inNew<T>(key: Key, work: (side: RecordSide) => Promise<T>): Promise<T | typeof LEGACYS> {
    this.side = 'new';
    const attempt = async () => await this.send('new', async () => await work(this.resource.new));
    const done = await attempt();
    if (done) return done;
    const taken = (await takenOver(this.resource.database, this.generation, [key])).get(key);
    if (!taken) return LEGACYS;
    // Moved since: once more. Deleted: that is the answer.
    return taken.deleted ? done : await attempt();
  }

  protected abstract updateLegacys(
    key: Key,
    change: (side: RecordSide) => Promise<PublicRecord | null>,
    only?: FieldValue | null,
  ): Promise<PublicRecord | null>;
  protected abstract removeLegacys(
    key: Key,
    remove: (side: RecordSide) => Promise<boolean>,
    only?: FieldValue | null,
  ): Promise<boolean>;
}

/**
 * M4: which of these keys a create in new may not have because legacy has such a record; new's own constraint knows its
 * records only. Nobody creates in legacy within a generation, so a look is enough.
 */
export async function refuseTaken(
  { name, mapping, database, legacy }: BoundResource,
  generation: Generation,
  keys: readonly Key[],
  sql: Sql = database,
): Promise<Map<Key, BanyanError>> {
  const taken = await takenOver(sql, generation, keys);
  const open = keys.filter((key) => !taken.has(key));
  const there = open.length > 0 ? await legacy.get(open) : new Map<Key, PublicRecord>();
  const error = (key: Key) =>
    new BanyanError('duplicate', `${name} already has a record "${mapping.ids.publicText(key)}"`, {
      details: { field: mapping.keyField },
    });
  return new Map([...there.keys()].map((key) => [key, error(key)]));
}

/** The record is legacy's, if anybody's. */
const LEGACYS = Symbol('legacy');

/** `split`: legacy keeps what it has, new has what was created since; nothing moves. */
export class SplitPlace extends JoinedPlace {
  protected async updateLegacys(_key: Key, change: (side: RecordSide) => Promise<PublicRecord | null>) {
    this.side = 'legacy';
    return await this.send('legacy', async () => await change(this.resource.legacy));
  }

  protected async removeLegacys(_key: Key, remove: (side: RecordSide) => Promise<boolean>) {
    this.side = 'legacy';
    return await this.send('legacy', async () => await remove(this.resource.legacy));
  }
}

/** `merged`: new wins; a record of legacy is moved to new by whoever changes it, in one transaction there (M2, M3). */
export class MergedPlace extends JoinedPlace {
  private readonly syncParents: (records: Iterable<PublicRecord>) => Promise<void>;

  constructor(
    resource: BoundResource,
    generation: number,
    begun: number,
    syncParents: (records: Iterable<PublicRecord>) => Promise<void>,
  ) {
    super(resource, generation, begun);
    this.syncParents = syncParents;
  }

  protected async updateLegacys(
    key: Key,
    change: (side: RecordSide) => Promise<PublicRecord | null>,
    only?: FieldValue | null,
  ): Promise<PublicRecord | null> {
    const record = await this.legacys(key, only);
    return record && (await this.moveAnd(key, record, change));
  }

  protected async removeLegacys(
    key: Key,
    remove: (side: RecordSide) => Promise<boolean>,
    only?: FieldValue | null,
  ): Promise<boolean> {
    return (await this.legacys(key, only)) !== null && (await this.bury(key, remove));
  }

  private async legacys(key: Key, only?: FieldValue | null): Promise<PublicRecord | null> {
    const record = (await this.resource.legacy.get([key])).get(key);
    return record && (!only || sameValue(record[only.field], only.value)) ? record : null;
  }

  /** Moves and changes in one transaction; once more after its parents were moved, where new lacks them. */
  private async moveAnd<T>(
    key: Key,
    record: PublicRecord,
    work: (side: RecordSide) => Promise<T>,
  ): Promise<T> {
    const { resource } = this;
    const attempt = async () => await this.send('new', async () => await this.transaction(key, record, work));
    try {
      return await attempt().catch(async (error: unknown) => {
        if (!isBanyanError(error, 'reference-missing') || resource.references.length === 0) throw error;
        await this.syncParents([record]);
        return await attempt();
      });
    } catch (error) {
      throw cannotMove(error, resource, key);
    }
  }

  private async transaction<T>(
    key: Key,
    record: PublicRecord,
    work: (side: RecordSide) => Promise<T>,
  ): Promise<T> {
    const { resource, generation } = this;
    const { database } = resource.new.store;
    if (!database) throw new BanyanError('internal', `the new store of ${resource.name} has no transactions`);
    reach('move.read');
    return await database.transaction(async (sql) => {
      const held = await moveWithin(sql, resource, new Map([[key, record]]), generation.generation);
      if (!held) throw overtaken(resource);
      await endMove(sql);
      const done = await work(resource.new.within(sql));
      reach('move.before-commit');
      return done;
    });
  }

  /** A delete need not bring the record to new first: it leaves a tombstone there, and a mark for the way back. */
  private async bury(key: Key, remove: (side: RecordSide) => Promise<boolean>): Promise<boolean> {
    const { resource, generation } = this;
    reach('move.read');
    const bury = async (sql: Sql) => {
      const read = { mode: MOVING, generation: generation.generation } as const;
      if ((await holdForMove(sql, resource.name, read)) === null) throw overtaken(resource);
      const mine = await takeForMove(sql, generation, [key], { deleted: true });
      if (mine.has(key)) await markDeleted(sql, resource.name, [key]);
      reach('move.before-commit');
      if (mine.has(key)) return true;
      // Somebody has moved or deleted it while legacy was read.
      await endMove(sql);
      return await remove(resource.new.within(sql));
    };
    return await this.send('new', async () => await resource.database.transaction(bury));
  }
}

/** A write that was decided under a generation that is over. */
export function overtaken({ name }: BoundResource): BanyanError {
  return new BanyanError(
    'switching',
    `${name} was switched while a record was being written; nothing was changed`,
  );
}

/**
 * Records by key in `split` and `merged`: new's; legacy's where new has neither the record nor a tombstone. New is asked first:
 * what it says is the moment of the read, and legacy is not written for keys that it does not know.
 */
export async function readMerged(
  resource: BoundResource,
  generation: number,
  keys: readonly Key[],
): Promise<Map<Key, PublicRecord>> {
  const of = { resource: resource.name, generation };
  const [found, taken] = await Promise.all([resource.new.get(keys), takenOver(resource.database, of, keys)]);
  const missing = keys.filter((key) => !found.has(key) && !taken.has(key));
  if (missing.length > 0) {
    for (const [key, record] of await resource.legacy.get(missing)) found.set(key, record);
  }
  // Moved between the two looks at new: it is there.
  const late = keys.filter((key) => !found.has(key) && taken.get(key)?.deleted === false);
  if (late.length > 0) for (const [key, record] of await resource.new.get(late)) found.set(key, record);
  return found;
}
