import { setTimeout } from 'node:timers/promises';
import { GUARDS } from '../../src/control/guards/index.ts';
import { Switching, type SwitchRequest, type Walk } from '../../src/control/switching.ts';
import { isBanyanError } from '../../src/domain/errors.ts';
import { syncsNow } from '../../src/domain/modes.ts';
import type { ListQuery } from '../../src/domain/query.ts';
import type { Value } from '../../src/domain/values.ts';
import type { Key, Mode } from '../../src/domain/words.ts';
import { moveAll } from '../../src/replication/mover.ts';
import { readMerged } from '../../src/replication/places.ts';
import { push } from '../../src/replication/push.ts';
import type { Teardown } from '../harness/postgres.ts';
import { openCoordinator, openPlace, type Place, type ReplicaSetup } from './place.ts';

/** The companies where both sides hold records of their own. */
export interface MergedPlace extends Place {
  generation(): Promise<number>;
  /** The name that a client reads, or undefined where there is none. */
  see(key: Key): Promise<Value | undefined>;
  /** The mover, from its checkpoint to the end. */
  move(): ReturnType<typeof moveAll>;
  /** Changes what the control database says of the companies, as a step that others have made. */
  turn(columns: string): Promise<void>;
  /** Walks to a mode; of the guards only the age of marks is asked. */
  walk(to: Mode, onProgress?: SwitchRequest['onProgress']): Promise<Walk>;
  /** What a process does beside requests: takes new states, and works off marks where they do not rest. */
  follow(replica: ReplicaSetup): () => Promise<void>;
}

/** What others make of the companies meanwhile. */
export const NEXT_STAY = 'generation = generation + 1';
export const IN_LEGACY = `mode = 'legacy', "primary" = 'legacy'`;
export const DRAINING = `stage = 'drain', next_mode = 'legacy'`;

export async function openMergedPlace(t: Teardown): Promise<MergedPlace> {
  const place = await openPlace(t);
  const { companies, binding } = place;
  const generation = async () => (await place.state()).generation;
  const find = (name: string) => binding.resources.get(name);
  const switching = new Switching(binding.database, openCoordinator(place), find);
  const forced = new Map(GUARDS.map(({ name }) => [name, 'the test']));
  forced.delete('marks-age');
  return {
    ...place,
    generation,
    see: async (key) => (await readMerged(companies, await generation(), [key])).get(key)?.name,
    move: async () =>
      await moveAll(companies, { generation: await generation(), again: false, syncParents: async () => {} }),
    turn: async (columns) =>
      void (await place.sides.new.query(
        `UPDATE banyan.resource SET epoch = epoch + 1, ${columns} WHERE name = 'companies'`,
      )),
    walk: async (to, onProgress) =>
      await switching.walk({
        resource: 'companies',
        to,
        actor: 'test',
        source: 'command',
        forced,
        onProgress,
      }),
    follow: ({ routes }) => {
      let stopped = false;
      const look = async () => {
        await routes.refresh();
        const state = routes.state('companies');
        const keys = (await place.marks()).map(({ key }) => key as Key);
        if (state && syncsNow(state) && keys.length > 0) await push(companies, keys);
      };
      const looking = (async () => {
        while (!stopped) {
          await look().catch(() => undefined);
          await setTimeout(20);
        }
      })();
      return async () => {
        stopped = true;
        await looking;
      };
    },
  };
}

/** All records in the order of their keys, with their number. */
export const EVERYTHING: ListQuery = {
  where: null,
  sort: [{ field: 'id', descending: false }],
  limit: 10,
  offset: 0,
  total: true,
};

/** How some work ends: `done`, or the code of its error. */
export const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (isBanyanError(error) ? error.code : String(error)),
  );
