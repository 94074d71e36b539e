import { randomUUID } from 'node:crypto';
import { NOBODY } from '../../src/domain/callers.ts';
import { bindSnapshot, closeUnused, type Binding } from '../../src/app/bind.ts';
import { migrateAll } from '../../src/app/migrate.ts';
import { loadConfig } from '../../src/config/load.ts';
import { identify } from '../../src/control/presence.ts';
import { Coordinator } from '../../src/control/coordinator.ts';
import { Routes } from '../../src/control/routes.ts';
import { MODES } from '../../src/domain/modes.ts';
import type { Database } from '../../src/domain/sql.ts';
import type { PublicRecord } from '../../src/domain/values.ts';
import type { Key, Mode, ResourceState } from '../../src/domain/words.ts';
import type { ResourceRuntime } from '../../src/gateway/runtime.ts';
import { AnswerCache } from '../../src/gateway/cache.ts';
import { runWrite, type WriteResult } from '../../src/gateway/writes.ts';
import { SILENT } from '../../src/observability/log.ts';
import { Comparer } from '../../src/replication/comparer.ts';
import type { BoundResource } from '../../src/replication/resource.ts';
import { Syncer } from '../../src/replication/syncer.ts';
import { readState, registerResources } from '../../src/state/resources.ts';
import type { ReplicaIdentity } from '../../src/state/replicas.ts';
import { startFaultProxy, type FaultProxy } from '../harness/fault-proxy.ts';
import { testConfig } from '../harness/gateway.ts';
import type { Teardown } from '../harness/postgres.ts';
import { createTwoSides, type TwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';

/** Both sides of system E and what a gateway process makes of them, without the process. */
export interface Place {
  sides: TwoSides;
  binding: Binding;
  /** The way to the legacy store. */
  legacyWay: FaultProxy;
  /** `companies`: no references, and only a name is required. */
  companies: BoundResource;
  /** Empties the companies of both sides and everything known of them, and opens them in a mode. */
  reset(mode: Mode): Promise<void>;
  /** Where the companies are by the control database. */
  state(): Promise<ResourceState>;
  legacy: SideProbe;
  new: SideProbe;
  /** Marks of a company, or of all of them. */
  marks(key?: Key): Promise<{ id: string; key: Key | null; pending: boolean }[]>;
  /** Whether this comes to its end, or first somebody waits for a lock of another in the new database. */
  endsOrWaits(work: Promise<unknown>): Promise<'ends' | 'waits'>;
}

/** One side seen past the gateway, by SQL. */
export interface SideProbe {
  put(key: Key, name: string): Promise<void>;
  remove(key: Key): Promise<void>;
  /** The company's name, or null where there is none. */
  name(key: Key): Promise<string | null>;
}

export async function openPlace(t: Teardown): Promise<Place> {
  const sides = await createTwoSides(t);
  const legacy = new URL(sides.env.SUPABASE_URL as string);
  const legacyWay = await startFaultProxy({ target: { host: legacy.hostname, port: Number(legacy.port) } });
  const env = { ...sides.env, SUPABASE_URL: legacyWay.url(legacy.href) };
  // A busy machine must not be taken for a slow store: each test gives the deadlines that it is about.
  const patient = [/timeout: 1s\n    deadline: 3s/, 'timeout: 10s\n    deadline: 30s'] as const;
  const loaded = loadConfig({ file: (await testConfig(t, [patient])).file, env });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const binding = await bindSnapshot(loaded.snapshot, () => {});
  t.teardown(async () => {
    await closeUnused(binding);
    await legacyWay.close();
  });
  await migrateAll(binding);
  await registerResources(binding.database, [...binding.resources.keys()]);
  const companies = binding.resources.get('companies') as BoundResource;
  const { query } = sides.new;
  return {
    sides,
    binding,
    legacyWay,
    companies,
    reset: async (mode) => {
      await legacyWay.pass();
      await query(resetText(mode));
      await sides.legacy.database.query('DELETE FROM leads; DELETE FROM companies');
    },
    state: async () => (await readState(binding.database, 'companies')) as ResourceState,
    legacy: probe(sides.legacy.database),
    new: probe(sides.new),
    marks: async (key) =>
      await query(
        `SELECT id::text, key, deadline > clock_timestamp() AS pending FROM banyan.mark
         WHERE resource = 'companies' AND ($1::text IS NULL OR key = $1) ORDER BY id`,
        [key ?? null],
      ),
    endsOrWaits: async (work) => {
      let ended = false;
      const end = () => void (ended = true);
      work.then(end, end);
      const look = async () => (ended ? 'ends' : (await query(WAITING)).length > 0 ? 'waits' : null);
      return await until(look, { what: 'it ends, or somebody waits for a lock' });
    },
  };
}

const WAITING = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;

const resetText = (mode: Mode) => `
  UPDATE banyan.resource SET epoch = epoch + 1, stage = 'open', mode = 'legacy', "primary" = 'legacy', retired = false,
    next_mode = NULL, previous_mode = NULL, switch_id = NULL, budget_until = NULL, quiet_until = '-infinity';
  DELETE FROM leads; DELETE FROM companies;
  DELETE FROM banyan.mark; DELETE FROM banyan.lease; DELETE FROM banyan.failure; DELETE FROM banyan.replica;
  DELETE FROM banyan.backfill; DELETE FROM banyan.moved;
  UPDATE banyan.resource SET epoch = epoch + 1, mode = '${mode}', "primary" = '${MODES[mode].primary}';`;

function probe({ query }: { query: TwoSides['new']['query'] }): SideProbe {
  return {
    put: async (key, name) =>
      void (await query(
        'INSERT INTO companies (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = $2',
        [key, name],
      )),
    remove: async (key) => void (await query('DELETE FROM companies WHERE id = $1', [key])),
    name: async (key) =>
      (await query<{ name: string }>('SELECT name FROM companies WHERE id = $1', [key]))[0]?.name ?? null,
  };
}

/** A replica of the companies: what a gateway process has of them. Nothing happens in it by itself. */
export interface ReplicaSetup extends ResourceRuntime {
  identity: ReplicaIdentity;
}

/** Makes a replica and registers it. `resource` and `database`: as this replica sees them. */
export async function openReplica(
  place: Place,
  name: string,
  seen: { resource?: BoundResource; database?: Database } = {},
): Promise<ReplicaSetup> {
  const resource = seen.resource ?? place.companies;
  const database = seen.database ?? resource.database;
  const identity = identify(name);
  const routes = new Routes({ database, identity, landing: () => 1_000, log: SILENT, onChange: () => {} });
  const state = () => routes.state(resource.name);
  const syncer = new Syncer({ resource, state, syncerOf: () => undefined, log: SILENT });
  const comparer = new Comparer(resource, state, SILENT);
  const answers = new AnswerCache(null, name, () => [], SILENT);
  // Its queue never starts: a test says when this replica syncs, by `syncNow`.
  await syncer.close();
  await routes.register();
  return {
    resource,
    routes,
    syncer,
    comparer,
    answers,
    peer: () => undefined,
    log: SILENT,
    replica: name,
    identity,
  };
}

export function openCoordinator(place: Place, resource = place.companies): Coordinator {
  const { database } = place.binding;
  const find = (name: string) => (name === resource.name ? resource : undefined);
  return new Coordinator({ database, resource: find, landing: () => 1_000, log: SILENT });
}

/** A company by way of a replica, under the mode in force. */
export async function create(replica: ReplicaSetup, key: Key | null, name: string): Promise<WriteResult> {
  return await runWrite(replica, { verb: 'create', key, record: { name }, repeated: false, caller: NOBODY });
}

/** PATCH of a company by way of a replica. */
export async function change(replica: ReplicaSetup, key: Key, record: PublicRecord): Promise<WriteResult> {
  return await runWrite(replica, { verb: 'change', key, record, repeated: false, caller: NOBODY });
}

/** DELETE of a company by way of a replica. */
export async function remove(replica: ReplicaSetup, key: Key): Promise<WriteResult> {
  return await runWrite(replica, { verb: 'remove', key, record: {}, repeated: false, caller: NOBODY });
}

export function newKey(): Key {
  return randomUUID();
}
