import type { StoreKind } from '../../domain/words.ts';
import { DEFAULTS } from '../defaults.ts';
import type { Partly, StoreInFile } from '../file-shape.ts';
import { type Finding, pointer } from '../problem.ts';
import { milliseconds } from '../units.ts';
import { withFirstHost } from './mongo.ts';
import { operationsOf } from './operations.ts';
import { type Draft, controlOf, resourcesOf, storesOf, unknownName } from './rule.ts';

const SIDES = ['legacy', 'new'] as const;

/** Kinds of store that a side can be on. */
const KINDS: Readonly<Record<(typeof SIDES)[number], readonly StoreKind[]>> = {
  legacy: ['json-file', 'http', 'mongo', 'sql', 'supabase'],
  new: ['prisma'],
};

export function* storesAreKnown(draft: Draft): Iterable<Finding> {
  const known = Object.keys(draft.config.stores ?? {});
  for (const [name, resource] of resourcesOf(draft)) {
    for (const side of SIDES) {
      const store = resource[side]?.store;
      if (store === undefined || known.includes(store)) continue;
      yield unknownName(['resources', name, side, 'store'], store, known, 'the name of a store');
    }
  }
}

export function* storesFitTheirSide(draft: Draft): Iterable<Finding> {
  const kinds = new Map([...storesOf(draft)].map(([name, store]) => [name, store.kind]));
  for (const [name, resource] of resourcesOf(draft)) {
    for (const side of SIDES) {
      const store = resource[side]?.store;
      const kind = store === undefined ? undefined : kinds.get(store);
      if (kind === undefined || KINDS[side].includes(kind)) continue;
      const fitting = [...kinds]
        .filter(([, other]) => other && KINDS[side].includes(other))
        .map(([other]) => other);
      yield {
        path: ['resources', name, side, 'store'],
        at: 'value',
        found: `"${store}", which is of kind ${kind}`,
        expected: `a store of kind ${KINDS[side].join(' or ')}`,
        ...(fitting.length === 1 ? { suggestion: `"${fitting[0]}"` } : {}),
      };
    }
  }
}

/** R1: with `new` as primary, a mark is made in the write's own transaction, so both need one database. */
export function* newSideIsControl(draft: Draft): Iterable<Finding> {
  const control = controlOf(draft);
  if (control === null || draft.config.stores?.[control]?.kind !== 'prisma') return;
  for (const [name, resource] of resourcesOf(draft)) {
    const store = resource.new?.store;
    if (store === undefined || store === control) continue;
    if (draft.config.stores?.[store]?.kind !== 'prisma') continue;
    yield {
      path: ['resources', name, 'new', 'store'],
      at: 'value',
      found: `"${store}"`,
      expected: `the control store "${control}": a write and its journal entry share a transaction`,
    };
  }
}

export function* controlIsOnePrismaStore(draft: Draft): Iterable<Finding> {
  const { control, stores } = draft.config;
  const prisma = [...storesOf(draft)].filter(([, store]) => store.kind === 'prisma').map(([name]) => name);
  if (control !== undefined) {
    if (stores && Object.hasOwn(stores, control) && !stores[control]) return;
    if (!prisma.includes(control))
      yield unknownName(['control'], control, prisma, 'the name of a store of kind prisma');
  } else if (prisma.length > 1) {
    const found = `${prisma.length} stores of kind prisma: ${prisma.join(', ')}`;
    yield {
      path: ['stores'],
      at: 'key',
      found,
      expected: '"control" with the name of the one that holds schema banyan',
    };
  } else if (prisma.length === 0 && stores && Object.values(stores).every((store) => store)) {
    yield {
      path: ['stores'],
      at: 'key',
      found: 'no store of kind prisma',
      expected: 'one, for the new side',
    };
  }
}

/** A1: the deadline lies well above the limits that end a request, else a late one could land behind it. */
export function* deadlinesAreFar(draft: Draft): Iterable<Finding> {
  for (const [name, store] of storesOf(draft)) {
    const limits = { timeout: store.timeout ?? DEFAULTS.store.timeout, ...statementTimeout(store) };
    const deadline = store.deadline ?? DEFAULTS.store.deadline;
    const written = (setting: string, value: string) => draft.written(['stores', name, setting], value);
    for (const [setting, limit] of Object.entries(limits)) {
      if (milliseconds(deadline) >= 2 * milliseconds(limit)) continue;
      const given = store.deadline === undefined ? setting : 'deadline';
      yield {
        path: ['stores', name, given],
        at: 'value',
        found: `${setting} ${written(setting, limit)} with deadline ${written('deadline', deadline)}`,
        expected: `a deadline of at least twice ${setting}`,
      };
      break;
    }
  }
}

function statementTimeout(store: Partly<StoreInFile>): { statementTimeout?: string } {
  if (store.kind !== 'prisma') return {};
  return { statementTimeout: store.statementTimeout ?? DEFAULTS.prisma.statementTimeout };
}

/** Protocols of each URL of a store. */
const PROTOCOLS = {
  prisma: { settings: ['url', 'ownerUrl', 'reportsUrl'], protocols: ['postgres:', 'postgresql:'] },
  supabase: { settings: ['url'], protocols: ['http:', 'https:'] },
  http: { settings: ['url'], protocols: ['http:', 'https:'] },
  'json-file': { settings: [], protocols: [] },
  mongo: { settings: ['url'], protocols: ['mongodb:', 'mongodb+srv:'] },
  sql: { settings: ['url'], protocols: ['postgres:', 'postgresql:', 'sqlite:'] },
} as const;

export function* addressesAreUrls(draft: Draft): Iterable<Finding> {
  const { upstream } = draft.config;
  if (upstream !== undefined) yield* address(draft, ['upstream'], upstream, PROTOCOLS.supabase.protocols);
  for (const { path, url } of furtherUrls(draft))
    yield* address(draft, path, url, PROTOCOLS.supabase.protocols);
  for (const [name, store] of storesOf(draft)) {
    if (!store.kind) continue;
    const { settings, protocols } = PROTOCOLS[store.kind];
    for (const setting of settings) {
      const url = (store as Partly<Record<string, string>>)[setting];
      if (url !== undefined) yield* address(draft, ['stores', name, setting], withFirstHost(url), protocols);
    }
  }
}

/** URLs beside those of stores: of the issuer, and of services that run operations. */
export function* furtherUrls(draft: Draft): Iterable<{ path: string[]; url: string }> {
  const { auth } = draft.config;
  if (auth?.issuer !== undefined) yield { path: ['auth', 'issuer'], url: auth.issuer };
  if (auth?.jwks !== undefined) yield { path: ['auth', 'jwks'], url: auth.jwks };
  for (const [name, operation] of operationsOf(draft)) {
    for (const side of SIDES) {
      const url = operation[side]?.upstream;
      if (url !== undefined) yield { path: ['operations', name, side, 'upstream'], url };
    }
  }
}

function* address(
  draft: Draft,
  path: string[],
  url: string,
  protocols: readonly string[],
): Iterable<Finding> {
  const expected = `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
  const from = draft.sources.has(pointer(path)) ? 'a value from the environment' : 'a text';
  // A URL may hold a password: what is wrong with it is said, not what it is.
  if (!URL.canParse(url)) yield { path, at: 'value', found: `${from} that is no URL (not shown)`, expected };
  else if (!protocols.includes(new URL(url).protocol)) {
    yield { path, at: 'value', found: `${from} that is a URL of another protocol (not shown)`, expected };
  }
}
