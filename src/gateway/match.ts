import type { OperationSettings, Snapshot } from '../domain/configuration.ts';
import type { BoundResource } from '../replication/resource.ts';

/** What a request is for, by its path alone. */
export type Match =
  | { kind: 'resource'; resource: BoundResource; key: string | null }
  | { kind: 'operation'; operation: OperationSettings }
  | { kind: 'own'; path: string }
  | { kind: 'forward' };

/** Paths that are the gateway's own. */
export const OWN_PATHS = ['/_banyan/live', '/_banyan/ready'];

/** Finds what a path names. Built once per snapshot, so that no request sees half of one. */
export class Matcher {
  readonly snapshot: Snapshot;
  private readonly resources: ReadonlyMap<string, BoundResource>;
  private readonly operations: ReadonlyMap<string, OperationSettings>;

  constructor(snapshot: Snapshot, resources: Iterable<BoundResource>) {
    this.snapshot = snapshot;
    this.resources = new Map([...resources].map((resource) => [resource.settings.path, resource]));
    this.operations = new Map(
      snapshot.operations.map((operation) => [`${operation.method} ${operation.path}`, operation]),
    );
  }

  /** `target`: the request line's path with its query. A path below a record's is none of ours. */
  match(method: string, target: string): Match {
    const end = target.indexOf('?');
    const path = end < 0 ? target : target.slice(0, end);
    if (this.operations.size > 0) {
      const operation = this.operations.get(`${method} ${path}`);
      if (operation) return { kind: 'operation', operation };
    }
    const collection = this.resources.get(path);
    if (collection)
      return method === 'OPTIONS'
        ? { kind: 'forward' }
        : { kind: 'resource', resource: collection, key: null };
    const slash = path.lastIndexOf('/');
    const resource = slash > 0 ? this.resources.get(path.slice(0, slash)) : undefined;
    if (resource && method !== 'OPTIONS') return this.record(resource, path.slice(slash + 1));
    if (OWN_PATHS.includes(path)) return { kind: 'own', path };
    return { kind: 'forward' };
  }

  private record(resource: BoundResource, text: string): Match {
    if (text === '') return { kind: 'resource', resource, key: null };
    try {
      return { kind: 'resource', resource, key: decodeURIComponent(text) };
    } catch {
      return { kind: 'resource', resource, key: text };
    }
  }
}
