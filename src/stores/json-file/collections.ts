import { BanyanError } from '../../domain/errors.ts';
import type { Collection } from './contents.ts';
import type { Asked } from './errors.ts';
import type { Reading } from './file.ts';

/** The collection of a table in its file. */
export function collectionOf(reading: Reading, name: string | null, { title, path }: Asked): Collection {
  const collection = reading.contents.get(name);
  if (collection) return collection;
  const names = [...reading.contents.keys()].join(', ') || 'none';
  throw new BanyanError('store-answer', `${title}: ${path} has no list "${name}"; it has ${names}`);
}
