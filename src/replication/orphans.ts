import type { Key } from '../domain/words.ts';
import { deleteMarks, markForRepair } from '../state/journal.ts';
import { pull } from './pull.ts';
import type { BoundResource } from './resource.ts';

const PAGE = 1_000;

/**
 * D1: a writer died after it asked legacy for a record whose key only legacy draws. Its deadline is over, so whatever it
 * made is there now, among the keys that the new side lacks. They are synced, then the marks go. All keys are looked at,
 * not only those beyond the new side's highest: a later record may have been synced before.
 */
export async function findOrphans(resource: BoundResource, marks: readonly string[]): Promise<void> {
  for await (const keys of missingInNew(resource)) {
    let left: readonly Key[] = keys;
    while (left.length > 0) {
      const result = await pull(resource, left, []);
      // The marks without a key stay until every key that was found is synced or has a mark of its own.
      const refused = result.refused.map(({ key }) => key);
      if (result.turned || (await markForRepair(resource.database, resource.name, refused)) < refused.length)
        return;
      left = result.again;
    }
  }
  await deleteMarks(resource.database, marks);
}

/** Keys that legacy has and the new side lacks, page by page, by a merge of both sides' keys. */
async function* missingInNew({ legacy, new: next, mapping }: BoundResource): AsyncGenerator<Key[]> {
  let after: Key | null = null;
  for (;;) {
    const keys: Key[] = await legacy.scanKeys(after, PAGE);
    const last = keys.at(-1);
    if (last === undefined) return;
    const present = await next.get(keys);
    const missing = keys.filter((key) => !present.has(key));
    if (missing.length > 0) yield missing.sort((a, b) => mapping.compareKeys(a, b));
    after = last;
  }
}
