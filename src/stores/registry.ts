import type { Snapshot, StoreSettings } from '../domain/configuration.ts';
import type { StoreKind } from '../domain/words.ts';
import type { Store, StoreNotice } from './contract.ts';
import { ResilientStore } from './resilient.ts';

export type { StoreNotice } from './contract.ts';

type Opener<K extends StoreKind> = (
  name: string,
  settings: StoreSettings & { kind: K },
  notice: StoreNotice,
) => Store;

/**
 * One row per kind: a new kind is a folder and a line here. A kind is loaded when a store of it is opened: drivers make up
 * a good part of the time that a process takes to start.
 */
const KINDS: { [K in StoreSettings['kind']]: () => Promise<Opener<K>> } = {
  http: async () => {
    const { HttpStore } = await import('./http/store.ts');
    return (...of) => new HttpStore(...of);
  },
  'json-file': async () => {
    const { JsonFileStore } = await import('./json-file/store.ts');
    return (name, settings) => new JsonFileStore(name, settings);
  },
  mongo: async () => {
    const { MongoStore } = await import('./mongo/store.ts');
    return (...of) => new MongoStore(...of);
  },
  prisma: async () => {
    const { PrismaStore } = await import('./prisma/store.ts');
    return (...of) => new PrismaStore(...of);
  },
  sql: async () => {
    const { SqlStore } = await import('./sql/store.ts');
    return (...of) => new SqlStore(...of);
  },
  supabase: async () => {
    const { SupabaseStore } = await import('./supabase/store.ts');
    return (...of) => new SupabaseStore(...of);
  },
};

/** Opens a store. No connection is made before its first use. */
export async function openStore(
  name: string,
  settings: StoreSettings,
  notice: StoreNotice,
): Promise<ResilientStore> {
  const open = (await KINDS[settings.kind]()) as Opener<StoreKind>;
  return new ResilientStore(open(name, settings, notice), settings, notice);
}

/** Opens every store of a snapshot, taking over those of `before` whose settings are the same. */
export async function openStores(
  snapshot: Snapshot,
  notice: StoreNotice,
  before?: { snapshot: Snapshot; stores: ReadonlyMap<string, ResilientStore> },
): Promise<Map<string, ResilientStore>> {
  const stores = new Map<string, ResilientStore>();
  for (const [name, settings] of Object.entries(snapshot.stores)) {
    const kept = before?.stores.get(name);
    const unchanged = kept && JSON.stringify(before?.snapshot.stores[name]) === JSON.stringify(settings);
    stores.set(name, unchanged ? kept : await openStore(name, settings, notice));
  }
  return stores;
}
