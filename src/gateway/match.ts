import type { OperationSettings, Snapshot } from '../domain/configuration.ts';
import type { BoundResource } from '../replication/resource.ts';
import type { TokenVerifier } from '../callers/tokens.ts';
import { OperationPaths } from './operation-paths.ts';
import { plainFace, type Face } from './face.ts';
import type { Described } from './openapi.ts';

/** What a request is for, by its path alone. */
export type Match =
  | { kind: 'resource'; resource: BoundResource; face: Face; key: string | null; statistics?: true }
  | { kind: 'batch'; resource: BoundResource; face: Face }
  | { kind: 'operation'; operation: OperationSettings; parameters: Readonly<Record<string, string>> }
  | { kind: 'own'; path: string }
  | { kind: 'forward' };

/** Paths that are the gateway's own. */
export const OWN_PATHS = ['live', 'ready', 'health', 'metrics'].map((name) => `/_banyan/${name}`);
/** Those that answer without `/_banyan` where `server.probes` is set. */
const PROBES = ['/live', '/ready', '/health', '/metrics'];
const DOCS = /^\/(openapi\.json$|docs(\/|$))/;

const UNUSUAL = /%|\/\.?\/|.\/$/;
const ESCAPE = /%[0-9a-f]{2}/gi;
const UNRESERVED = /[\w.~-]/;

/**
 * A path as it is usually written. Servers take the others for the same (RFC 3986, 6.2.2): `/api/%6frders` would lead past
 * the gateway to the upstream, whoever may see the orders and wherever they are now.
 */
function usualPath(path: string): string {
  if (!UNUSUAL.test(path)) return path;
  const decoded = path.replace(ESCAPE, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return UNRESERVED.test(character) ? character : escape;
  });
  return decoded.replace(/\/(\.?\/)+/g, '/').replace(/(.)\/$/, '$1');
}

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

interface Place {
  resource: BoundResource;
  face: Face;
}

/** Finds what a path names. Built once per snapshot, so that no request sees half of one. */
export class Matcher {
  readonly snapshot: Snapshot;
  private readonly places: ReadonlyMap<string, Place>;
  private readonly operations: OperationPaths;
  /** How the callers of this snapshot are known; null: tokens are not looked at. */
  readonly tokens: TokenVerifier | null;

  /** `faces`: those of each resource by its name; left out, a resource has just its own path. */
  constructor(
    snapshot: Snapshot,
    resources: Iterable<BoundResource>,
    faces?: ReadonlyMap<string, readonly Face[]>,
    tokens: TokenVerifier | null = null,
  ) {
    this.snapshot = snapshot;
    this.tokens = tokens;
    this.places = new Map(
      [...resources].flatMap((resource) =>
        (faces?.get(resource.name) ?? [plainFace(resource)]).map((face) => [face.path, { resource, face }]),
      ),
    );
    this.operations = new OperationPaths(snapshot.operations);
  }

  /** Every route, for the OpenAPI document. */
  get described(): Described {
    const faces = new Map<BoundResource, Face[]>();
    for (const { resource, face } of this.places.values())
      faces.set(resource, [...(faces.get(resource) ?? []), face]);
    return {
      snapshot: this.snapshot,
      resources: [...faces].map(([{ settings }, own]) => ({ settings, faces: own })),
    };
  }

  /** `target`: the request line's path with its query. A path below a record's is none of ours. */
  match(method: string, target: string): Match {
    const end = target.indexOf('?');
    const path = usualPath(end < 0 ? target : target.slice(0, end));
    // Of a browser, whether it may: the gateway's own to answer only where it has been told what to say.
    if (method === 'OPTIONS' && !this.snapshot.server?.cors) return { kind: 'forward' };
    const plain =
      method === 'OPTIONS' ? this.operations.findAny(path) : this.operations.findPlain(method, path);
    if (plain) return { kind: 'operation', ...plain };
    const collection = this.places.get(path);
    if (collection) return { kind: 'resource', ...collection, key: null };
    const pattern = this.operations.findPattern(method, path);
    if (pattern) return { kind: 'operation', ...pattern };
    const slash = path.lastIndexOf('/');
    const place = slash > 0 ? this.places.get(path.slice(0, slash)) : undefined;
    if (place) return this.below(place, method, path.slice(slash + 1));
    return this.isOwn(path) ? { kind: 'own', path } : { kind: 'forward' };
  }

  private below(place: Place, method: string, text: string): Match {
    if (text === 'batch' && method === 'POST' && place.resource.settings.batch)
      return { kind: 'batch', ...place };
    if (text === 'statistics' && READS.has(method) && place.resource.settings.query.statistics.length > 0)
      return { kind: 'resource', ...place, key: null, statistics: true };
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
