import type { BoundResource } from './resource.ts';

/** What a resource's stores cannot do as well as others, in words: nothing stands in the way, and somebody should know. */
export function cautionsOf({ name, settings, legacy, new: next }: BoundResource): string[] {
  const { tenant } = settings.access;
  if (!tenant) return [];
  const looking = [legacy, next].filter(({ store }) => !store.capabilities.conditionalWrites);
  return looking.map(
    ({ side, store: { name: store, kind } }) =>
      `${side} store "${store}" (${kind}) takes no condition with a write: whether a record of ${name} is the tenant's is looked ` +
      `at right before it is changed or deleted there, not in the same operation` +
      (kind === 'http' ? '; if the API heeds If-Match or filters, say so in "conditions" of the store' : ''),
  );
}
