import { tokenVerifier, type TokenVerifier } from '../callers/tokens.ts';
import type { PrismaStoreSettings, ResourceSettings, Snapshot } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { KeyType, ModelSpec } from '../domain/model.ts';
import { ownedFields } from '../gateway/access.ts';
import { loadOperations, type ServiceNotice } from './operations.ts';
import { openFaces, type Face } from '../gateway/face.ts';
import type { ResourceName } from '../domain/words.ts';
import type { BoundSide } from '../gateway/operations.ts';
import { idProblem, type IdForms } from '../mapping/ids.ts';
import { Mapping } from '../mapping/mapping.ts';
import { loadMappingModules } from './mapping-modules.ts';
import { refuseUnsayableTenant } from './tenant-conditions.ts';
import { openDatabase, type PostgresDatabase } from '../postgres/database.ts';
import {
  bindResource,
  referencesBetween,
  type BoundResource,
  type Reference,
} from '../replication/resource.ts';
import type { Side } from '../domain/words.ts';
import type { Store } from '../stores/contract.ts';
import type { ResilientStore } from '../stores/resilient.ts';
import { readModels } from '../stores/prisma/model.ts';
import { openStores, type StoreNotice } from '../stores/registry.ts';

/** A snapshot bound to open stores: what the gateway and the command line work on. */
export interface Binding {
  snapshot: Snapshot;
  stores: ReadonlyMap<string, ResilientStore>;
  /** Settings of the store that holds the control schema. */
  control: PrismaStoreSettings;
  database: PostgresDatabase;
  models: ReadonlyMap<string, ModelSpec>;
  resources: ReadonlyMap<string, BoundResource>;
  /** How clients meet each resource, by its name. */
  faces: ReadonlyMap<string, readonly Face[]>;
  /** What runs on each side of an operation, by its name. */
  operations: ReadonlyMap<string, Readonly<Record<Side, BoundSide>>>;
  /** How callers are known; null: tokens are not looked at. */
  tokens: TokenVerifier | null;
}

/** Hears of stores and of services, beside requests. */
export type Notice = (event: Parameters<StoreNotice>[0] | Parameters<ServiceNotice>[0]) => void;

/** Connections for the journal and the control loop, apart from the store's: a busy product must not keep marks waiting. */
const CONTROL_POOL = { max: 12, wait: 2_000 } as const;

export function controlSettings(snapshot: Snapshot): PrismaStoreSettings {
  const settings = snapshot.stores[snapshot.control];
  if (settings?.kind !== 'prisma')
    throw new BanyanError('config-invalid', `control store "${snapshot.control}" is no prisma store`);
  return settings;
}

/**
 * Binds a snapshot. What has not changed since `before` is taken over: open stores, and resources whose settings are the
 * same but for their mode, so that an edit of one resource does not disturb the others. Opens no connection.
 */
export async function bindSnapshot(snapshot: Snapshot, notice: Notice, before?: Binding): Promise<Binding> {
  const control = controlSettings(snapshot);
  const kept = before && JSON.stringify(before.control) === JSON.stringify(control) ? before : undefined;
  const database = kept?.database ?? openControl(control);
  const models = await readModels(control.schema);
  const stores = await openStores(snapshot, notice, before);
  const forms = idFormsOf(snapshot, models);
  // References are translated by the ids of other resources.
  const sameIds =
    kept && JSON.stringify([...forms]) === JSON.stringify([...idFormsOf(kept.snapshot, kept.models)]);
  const resources = new Map<string, BoundResource>();
  for (const settings of snapshot.resources) {
    const same = sameIds && sameBut(settings, kept.resources.get(settings.name), stores, kept.stores);
    resources.set(
      settings.name,
      same || (await bindOne(settings, { snapshot, models, stores, database, forms })),
    );
  }
  return {
    snapshot,
    stores,
    control,
    database,
    models,
    resources,
    faces: await loadFaces(resources),
    operations: await loadOperations(snapshot.operations, notice, before?.operations),
    tokens: verifierOf(snapshot, before),
  };
}

async function loadFaces(resources: ReadonlyMap<string, BoundResource>): Promise<Map<string, Face[]>> {
  const faces = [...resources.values()].map(
    async (resource) => [resource.name, await openFaces(resource)] as const,
  );
  return new Map(await Promise.all(faces));
}

/** Keys that were fetched from an issuer are kept where nothing about callers has changed. */
function verifierOf({ auth }: Snapshot, before: Binding | undefined): TokenVerifier | null {
  if (!auth) return null;
  const kept = before?.tokens;
  return kept && JSON.stringify(kept.settings) === JSON.stringify(auth) ? kept : tokenVerifier(auth);
}

function openControl(control: PrismaStoreSettings): PostgresDatabase {
  const { url, timeout, statementTimeout } = control;
  return openDatabase({
    title: 'control database',
    role: 'control',
    url,
    timeout,
    statementTimeout,
    ...CONTROL_POOL,
  });
}

function sameBut(
  settings: ResourceSettings,
  bound: BoundResource | undefined,
  stores: ReadonlyMap<string, Store>,
  storesBefore: ReadonlyMap<string, Store>,
): BoundResource | undefined {
  if (!bound) return undefined;
  const plain = (of: ResourceSettings) => JSON.stringify({ ...of, mode: null });
  const names = [settings.legacy.store, settings.new.store];
  const storesKept = names.every((name) => stores.get(name) === storesBefore.get(name));
  return storesKept && plain(settings) === plain(bound.settings) ? bound : undefined;
}

/** What a resource is bound to. */
interface Surroundings {
  snapshot: Snapshot;
  models: ReadonlyMap<string, ModelSpec>;
  stores: ReadonlyMap<string, Store>;
  database: PostgresDatabase;
  forms: FormsOfParts;
}

async function bindOne(
  settings: ResourceSettings,
  { snapshot, models, stores, database, forms }: Surroundings,
): Promise<BoundResource> {
  const model = modelOf(settings, models);
  const { legacy, new: next } = settings;
  const references = referencesOf(settings, snapshot, models);
  const mapping = new Mapping(model, { name: legacy.table, key: legacy.key }, settings.fields, {
    ids: model.keys.length === 1 ? (forms.get(settings.name)?.[0] ?? undefined) : undefined,
    references: new Map(
      references.flatMap(({ fields, resource }) =>
        fields.flatMap((field, part) => {
          const target = forms.get(resource)?.[part];
          return target ? [[field, target] as const] : [];
        }),
      ),
    ),
    models,
    modules: await loadMappingModules(settings),
  });
  refuseUnsayableTenant(settings, snapshot.stores[legacy.store], mapping);
  const timing = (store: string) => {
    const { timeout, deadline } = snapshot.stores[store] as { timeout: number; deadline: number };
    return { timeout, deadline };
  };
  return bindResource(
    settings,
    mapping,
    { legacy: stores.get(legacy.store) as Store, new: stores.get(next.store) as Store },
    { legacy: timing(legacy.store), new: timing(next.store) },
    database,
    references,
  );
}

/** What the records of a resource refer to: by relations of the model, as declared, and by their children. */
function referencesOf(
  settings: ResourceSettings,
  snapshot: Snapshot,
  models: ReadonlyMap<string, ModelSpec>,
): Reference[] {
  const resourceOfModel = new Map(snapshot.resources.map((other) => [other.new.model, other.name]));
  const declared = Object.entries(settings.fields.references).map(([names, resource]) => ({
    fields: names.split('~'),
    resource,
  }));
  return [
    ...referencesBetween(modelOf(settings, models).references, resourceOfModel),
    ...declared,
    ...referencesOfChildren(settings, models, resourceOfModel),
  ];
}

/** What the children of a record refer to, but for their parent; its id may be a part of what they refer to. */
function referencesOfChildren(
  settings: ResourceSettings,
  models: ReadonlyMap<string, ModelSpec>,
  resourceOfModel: ReadonlyMap<string, ResourceName>,
): Reference[] {
  const { key } = modelOf(settings, models);
  return Object.entries(settings.fields.split).flatMap(([name, { model, parent }]) => {
    const fieldOf = (field: string) => (field === parent ? key : `${name}.${field}`);
    return referencesBetween(models.get(model)?.references ?? [], resourceOfModel)
      .filter(({ fields }) => fields.some((field) => field !== parent))
      .map(({ fields, resource }) => ({ fields: fields.map(fieldOf), resource }));
  });
}

function modelOf(settings: ResourceSettings, models: ReadonlyMap<string, ModelSpec>): ModelSpec {
  const model = models.get(settings.new.model);
  if (!model)
    throw new BanyanError('config-invalid', `the Prisma schema has no model "${settings.new.model}"`);
  const owned = ownedFields(settings.access);
  const { softDelete } = settings.new;
  if (owned.length === 0 && softDelete === null) return model;
  const fields = model.fields
    .filter((field) => field.name !== softDelete)
    .map((field) => ({ ...field, owned: owned.includes(field.name) }));
  const deleted = model.fields.find((field) => field.name === softDelete)?.column;
  return { ...model, fields, ...(deleted === undefined ? {} : { softDelete: deleted }) };
}

/** The forms of the ids in each part of a resource's key; null: it has none but the model's type. */
type FormsOfParts = ReadonlyMap<ResourceName, readonly (IdForms | null)[]>;

function idFormsOf(snapshot: Snapshot, models: ReadonlyMap<string, ModelSpec>): FormsOfParts {
  const known = new Map(snapshot.resources.map((settings) => [settings.name, settings]));
  const formsOf = (
    settings: ResourceSettings,
    part: number,
    path: readonly string[] = [],
  ): IdForms | null => {
    const model = modelOf(settings, models);
    if (model.keys.length === 1) return ownForms(settings, model.keyType);
    // A part of a composite key has the forms of what it refers to, which may be a part of such a key again.
    const at = `${settings.name} ${part}`;
    if (path.includes(at)) return null;
    for (const { fields, resource } of referencesOf(settings, snapshot, models)) {
      const parent = known.get(resource);
      const index = fields.indexOf(model.keys[part]?.name ?? '');
      const found = parent && index >= 0 ? formsOf(parent, index, [...path, at]) : null;
      if (found) return found;
    }
    return null;
  };
  return new Map(
    snapshot.resources.map((settings) => [
      settings.name,
      modelOf(settings, models).keys.map((_, part) => formsOf(settings, part)),
    ]),
  );
}

function ownForms({ name, ids }: ResourceSettings, keyType: KeyType): IdForms {
  const own = { public: ids.public ?? keyType, legacy: ids.legacy ?? keyType, new: ids.new ?? keyType };
  const problem = idProblem(own);
  if (problem) throw new BanyanError('config-invalid', `ids of ${name}: ${problem}`);
  return own;
}

/** The longest deadline of any store: after it nothing that a stopped process sent can land any more (A1); ms. */
export function longestDeadline(snapshot: Snapshot): number {
  return Math.max(...Object.values(snapshot.stores).map((store) => store.deadline));
}

/** Closes what `binding` has and `next` has not. */
export async function closeUnused(binding: Binding, next?: Binding): Promise<void> {
  const stores = [...binding.stores.values()].filter(
    (store) => ![...(next?.stores.values() ?? [])].includes(store),
  );
  await Promise.allSettled(stores.map((store) => store.close()));
  if (binding.database !== next?.database) await binding.database.close();
}
