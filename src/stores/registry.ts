import type { Snapshot, StoreSettings } from '../domain/configuration.ts';
import type { StoreKind } from '../domain/words.ts';
import type { Store, StoreNotice } from './contract.ts';
import { HttpStore } from './http/store.ts';
import { JsonFileStore } from './json-file/store.ts';
import { MongoStore } from './mongo/store.ts';
import { ResilientStore } from './resilient.ts';
import { PrismaStore } from './prisma/store.ts';
import { SqlStore } from './sql/store.ts';
import { SupabaseStore } from './supabase/store.ts';

export type { StoreNotice } from './contract.ts';

type Opener<K extends StoreKind> = (
  name: string,
  settings: StoreSettings & { kind: K },
  notice: StoreNotice,
) => Store;

/** One row per kind: a new kind is a folder and a line here. */
const KINDS: { [K in StoreSettings['kind']]: Opener<K> } = {
  http: (name, settings, notice) => new HttpStore(name, settings, notice),
  'json-file': (name, settings) => new JsonFileStore(name, settings),
  mongo: (name, settings, notice) => new MongoStore(name, settings, notice),
  prisma: (name, settings, notice) => new PrismaStore(name, settings, notice),
  sql: (name, settings, notice) => new SqlStore(name, settings, notice),
  supabase: (name, settings, notice) => new SupabaseStore(name, settings, notice),
};

/** Opens a store. No connection is made before its first use. */
export function openStore(name: string, settings: StoreSettings, notice: StoreNotice): ResilientStore {
  const open = KINDS[settings.kind] as (name: string, settings: StoreSettings, notice: StoreNotice) => Store;
  return new ResilientStore(open(name, settings, notice), settings, notice);
}

/** Opens every store of a snapshot, taking over those of `before` whose settings are the same. */
export function openStores(
  snapshot: Snapshot,
  notice: StoreNotice,
  before?: { snapshot: Snapshot; stores: ReadonlyMap<string, ResilientStore> },
): Map<string, ResilientStore> {
  const stores = new Map<string, ResilientStore>();
  for (const [name, settings] of Object.entries(snapshot.stores)) {
    const kept = before?.stores.get(name);
    const unchanged = kept && JSON.stringify(before?.snapshot.stores[name]) === JSON.stringify(settings);
    stores.set(name, unchanged ? kept : openStore(name, settings, notice));
  }
  return stores;
}
