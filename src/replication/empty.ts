import { BanyanError } from '../domain/errors.ts';
import type { BoundResource } from './resource.ts';
import { dropVoid } from '../state/moved.ts';
import { holdUnread, readState } from '../state/resources.ts';

const CHUNK = 1_000;

/**
 * M6: removes what new holds of an earlier time, while legacy alone decides and nobody reads new: in `split` and `merged`
 * new wins, and its copies are old. What was moved then is void already; its rows go too.
 */
export async function emptyNew(resource: BoundResource): Promise<void> {
  const { database, name } = resource;
  for (;;) {
    const keys = await resource.new.scanKeys(null, CHUNK);
    if (keys.length === 0) break;
    await database.transaction(async (sql) => {
      if (!(await holdUnread(sql, name)))
        throw new BanyanError('switch-refused', `${name} was switched while its new side was being emptied`);
      await resource.new.within(sql).removeMany(keys);
    });
  }
  const generation = (await readState(database, name))?.generation ?? 0;
  while ((await dropVoid(database, { resource: name, generation }, 10 * CHUNK)) > 0);
}
