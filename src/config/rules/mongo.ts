import type { Finding } from '../problem.ts';
import { type Draft, storesOf } from './rule.ts';

const DATABASE = /^mongodb(?:\+srv)?:\/\/[^/?]*\/([^?]+)/;

/** Left to itself the driver takes the database "test", in which nobody's records are. */
export function* mongoDatabasesAreNamed(draft: Draft): Iterable<Finding> {
  for (const [name, store] of storesOf(draft)) {
    if (store.kind !== 'mongo' || store.url === undefined || store.database !== undefined) continue;
    if (DATABASE.test(store.url)) continue;
    yield {
      path: ['stores', name, 'url'],
      at: 'value',
      found: 'a connection string without a database',
      expected: '"database", or its name behind the hosts: mongodb://host/name',
    };
  }
}

/** What a URL is where a connection string has several hosts: the same with the first one. */
export function withFirstHost(text: string): string {
  return text.replace(/^(mongodb(?:\+srv)?:\/\/(?:[^@/?]*@)?[^,/?]+),[^/?]*/, '$1');
}
