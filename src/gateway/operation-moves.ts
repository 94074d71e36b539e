import { BanyanError } from '../domain/errors.ts';
import { MODES } from '../domain/modes.ts';
import type { Sql } from '../domain/sql.ts';
import type { Key } from '../domain/words.ts';
import { cannotMove, moveWithin } from '../replication/move.ts';
import { overtaken, refuseTaken } from '../replication/places.ts';
import { endMove, holdForCreate, takenOver } from '../state/moved.ts';
import { isWithin, type Tenant } from './access.ts';
import type { ResourceRuntime } from './runtime.ts';

/**
 * Inside an operation's transaction on new: brings a record of legacy there, so that it can be changed with everything
 * else (M2, M3). False: there is none that the caller sees, or new has it or has deleted it already. In `split` nothing
 * moves, and legacy takes part in no transaction: the operation is refused.
 */
export async function bringToNew(
  { resource, routes, syncer }: ResourceRuntime,
  sql: Sql,
  key: Key,
  tenant: Tenant | null,
): Promise<boolean> {
  const state = routes.state(resource.name);
  const how = state && MODES[state.mode].writes;
  if (!state || how === undefined || how === 'primary') return false;
  const { generation } = state;
  const taken = await takenOver(sql, { resource: resource.name, generation }, [key]);
  const record = taken.has(key) ? undefined : (await resource.legacy.get([key])).get(key);
  if (!record || !isWithin(tenant, record)) return false;
  if (how === 'where-it-is')
    throw new BanyanError(
      'operation-closed',
      `${resource.name} "${resource.mapping.ids.publicText(key)}" is in legacy, which takes part in no transaction; in mode merged it would be moved first`,
    );
  try {
    // Beside the transaction: parents are nobody's change, and are there for good.
    await syncer.syncParents([record]);
    if (!(await moveWithin(sql, resource, new Map([[key, record]]), generation)))
      throw new BanyanError('switching', `${resource.name} was switched meanwhile; nothing was changed`);
    await endMove(sql);
    return true;
  } catch (error) {
    throw cannotMove(error, resource, key);
  }
}

/** M4: inside an operation's transaction on new: nothing is created under an id that legacy has. Null: new draws it. */
export async function refuseTwin(
  { resource, routes }: ResourceRuntime,
  sql: Sql,
  key: Key | null,
): Promise<void> {
  const state = routes.state(resource.name);
  if (key === null || !state || !MODES[state.mode].partial) return;
  const of = { resource: resource.name, generation: state.generation };
  // First, so that the look at legacy holds until this transaction ends.
  if (!(await holdForCreate(sql, of))) throw overtaken(resource);
  const [refused] = (await refuseTaken(resource, of, [key], sql)).values();
  if (refused) throw refused;
}
