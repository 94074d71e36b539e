import type { OperationSettings, Snapshot } from '../domain/configuration.ts';
import type { BoundResource } from '../replication/resource.ts';
import { plainFace, type Face } from './face.ts';

/** What a request is for, by its path alone. */
export type Match =
  | { kind: 'resource'; resource: BoundResource; face: Face; key: string | null }
  | { kind: 'batch'; resource: BoundResource; face: Face }
  | { kind: 'operation'; operation: OperationSettings }
  | { kind: 'own'; path: string }
  | { kind: 'forward' };

/** Paths that are the gateway's own. */
export const OWN_PATHS = ['live', 'ready', 'health', 'metrics'].map((name) => `/_banyan/${name}`);
/** Those that answer without `/_banyan` where `server.probes` is set. */
const PROBES = ['/live', '/ready', '/health', '/metrics'];
const DOCS = /^\/(openapi\.json$|docs(\/|$))/;

interface Place {
  resource: BoundResource;
  face: Face;
}

/** Finds what a path names. Built once per snapshot, so that no request sees half of one. */
export class Matcher {
  readonly snapshot: Snapshot;
  private readonly places: ReadonlyMap<string, Place>;
  private readonly operations: ReadonlyMap<string, OperationSettings>;

  /** `faces`: those of each resource by its name; left out, a resource has just its own path. */
  constructor(
    snapshot: Snapshot,
    resources: Iterable<BoundResource>,
    faces?: ReadonlyMap<string, readonly Face[]>,
  ) {
    this.snapshot = snapshot;
    this.places = new Map(
      [...resources].flatMap((resource) =>
        (faces?.get(resource.name) ?? [plainFace(resource)]).map((face) => [face.path, { resource, face }]),
      ),
    );
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
    const collection = this.places.get(path);
    if (collection)
      return method === 'OPTIONS' ? { kind: 'forward' } : { kind: 'resource', ...collection, key: null };
    const slash = path.lastIndexOf('/');
    const place = slash > 0 ? this.places.get(path.slice(0, slash)) : undefined;
    if (place && method !== 'OPTIONS') return this.below(place, method, path.slice(slash + 1));
    return this.isOwn(path) ? { kind: 'own', path } : { kind: 'forward' };
  }

  private below(place: Place, method: string, text: string): Match {
    if (text === '') return { kind: 'resource', ...place, key: null };
    if (text === 'batch' && method === 'POST' && place.resource.settings.batch)
      return { kind: 'batch', ...place };
    try {
      return { kind: 'resource', ...place, key: decodeURIComponent(text) };
    } catch {
      return { kind: 'resource', ...place, key: text };
    }
  }

  private isOwn(path: string): boolean {
    const { server } = this.snapshot;
    if (OWN_PATHS.includes(path)) return true;
    return (server?.probes && PROBES.includes(path)) || (server?.docs && DOCS.test(path));
  }
}
