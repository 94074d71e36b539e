import { BanyanError } from '../domain/errors.ts';
import type { Key } from '../domain/words.ts';
import type { BoundResource } from '../replication/resource.ts';

/** A record that is not there, by the id that clients have for it. */
export function notFound({ name, mapping }: BoundResource, key: Key | null): BanyanError {
  const shown = key === null ? '' : mapping.ids.publicText(key);
  return new BanyanError('not-found', `${name} has no record "${shown}"`);
}
