import { acceptKey } from '../../mapping/accept.ts';
import type { Key } from '../../domain/words.ts';
import type { BoundResource } from '../../replication/resource.ts';
import { usage } from '../failure.ts';

/** A key as an operator gives it: in the form that lists show, or as a public or legacy id. */
export function keyOfArgument(resource: BoundResource, text: string): Key {
  // Of a legacy record whose id has no form on the new side: lists show it as it is kept.
  if (resource.mapping.ids.onSide('legacy', text) !== null && text.startsWith('%')) return text;
  const key = acceptKey(resource.mapping, text);
  if (key !== null) return key;
  throw usage(
    `"${text}" is not an id of ${resource.name}`,
    'Use the key as "banyan dead-letters list" shows it.',
  );
}
