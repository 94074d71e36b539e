import { differingFields, stringifyJson, type PublicRecord } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import type { Difference } from '../state/ledger.ts';
import { markedKeys } from '../state/journal.ts';
import { partialGeneration } from '../state/moved.ts';
import { noteSlots, slotOf } from '../state/slots.ts';
import type { BoundResource } from './resource.ts';

/** What a comparison of one key says; `in-motion`: it was being written or synced, so nothing can be said (R30). */
export type Verdict = 'equal' | 'in-motion' | Difference;

/**
 * R30: compares both sides of some keys. A verdict is given only where the key had no mark before and after both reads
 * and no sync of it came to its end between: anything less gives false alarms.
 */
export async function compareSides(
  resource: BoundResource,
  keys: readonly Key[],
): Promise<Map<Key, Verdict>> {
  const { database, name } = resource;
  // While both sides hold records of their own, a mark says that new has changed or deleted the record since: it wins, and
  // the way back brings legacy after it (M7). Everywhere else it says that the key is being written.
  const marks = (await partialGeneration(database, name)) === null ? 'in-motion' : 'equal';
  const verdicts = new Map<Key, Verdict>(keys.map((key) => [key, marks]));
  const slotsBefore = await noteSlots(database, name, keys);
  const marked = await markedKeys(database, name, keys);
  const still = keys.filter((key) => !marked.has(key));
  if (still.length === 0) return verdicts;
  const [legacy, next] = await Promise.all([resource.legacy.get(still), resource.new.get(still)]);
  const markedAfter = await markedKeys(database, name, still);
  const slotsAfter = await noteSlots(database, name, still);
  for (const key of still) {
    const slot = slotOf(key);
    if (markedAfter.has(key)) continue;
    if (slotsBefore.get(slot) !== slotsAfter.get(slot)) {
      verdicts.set(key, 'in-motion');
      continue;
    }
    verdicts.set(key, judge(resource, key, legacy.get(key), next.get(key)));
  }
  return verdicts;
}

/** The difference of two records of one key, or `equal`. */
export function judge(
  resource: BoundResource,
  key: Key,
  legacy: PublicRecord | undefined,
  next: PublicRecord | undefined,
): Difference | 'equal' {
  if (!legacy && !next) return 'equal';
  if (!legacy || !next) {
    const kind = legacy ? 'missing-in-new' : 'missing-in-legacy';
    return { key, kind, fields: [], legacy: text(legacy), new: text(next) };
  }
  const fields = differingFields(legacy, next, resource.settings.shadow.ignore);
  if (fields.length === 0) return 'equal';
  const only = (record: PublicRecord) =>
    Object.fromEntries(fields.map((field) => [field, record[field] ?? null]));
  return { key, kind: 'different', fields, legacy: text(only(legacy)), new: text(only(next)) };
}

/** Values in the ledger are for people; a 20 kB text is cut. */
const LEDGER_TEXT = 4_000;

function text(record: PublicRecord | undefined): string | null {
  if (!record) return null;
  const json = stringifyJson(record);
  return json.length <= LEDGER_TEXT ? json : `${json.slice(0, LEDGER_TEXT)}…`;
}
