import { resolve } from 'node:path';
import { bindSnapshot, type Binding } from '../../src/app/bind.ts';
import { migrateAll } from '../../src/app/migrate.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { BoundResource, RecordSide } from '../../src/replication/resource.ts';
import { backfill } from '../../src/replication/backfill.ts';
import { verify } from '../../src/replication/verify.ts';
import { registerResources } from '../../src/state/resources.ts';
import { ROOT } from '../../test/harness/postgres.ts';
import { answer, input } from './job.ts';

export interface ReplicateInput {
  work: keyof typeof WORKS | 'prepare';
  /** Configuration file, from the project's root, and the resource in it; left out: `clients` of the project's own. */
  config?: string;
  resource?: string;
}

export interface ReplicateAnswer {
  /** Rows of both sides together for `verify` and `read`, of legacy for `backfill`. */
  rows: number;
  milliseconds: number;
  /** CPU time of this process, microseconds. */
  cpu: number;
  /** The most memory that the process ever had, bytes. */
  peak: number;
}

/** Done once by the gateway that made the database; another one would be a new job. */
const GENERATION = 1;
const PAGE = 1_000;

const WORKS = {
  async backfill(resource: BoundResource) {
    const syncParents = async () => undefined;
    const done = await backfill(resource, { generation: GENERATION, again: false, syncParents });
    if (!done || done.setAside > 0) throw new Error(`the backfill set ${done?.setAside} rows aside`);
    return done.visited;
  },
  async verify(resource: BoundResource) {
    const run = await verify(resource, { generation: GENERATION });
    if (!run || run.differences > 0) throw new Error(`verify found ${run?.differences} differences`);
    return run.legacyRows + run.newRows;
  },
  /** Both sides by the same stores, page by page, without a look at the rows. */
  async read({ legacy, new: next }: BoundResource) {
    const [a, b] = await Promise.all([readAll(legacy), readAll(next)]);
    return a + b;
  },
  /** Legacy alone, in the same way. */
  async readLegacy({ legacy }: BoundResource) {
    return await readAll(legacy);
  },
};

async function readAll({ table }: RecordSide): Promise<number> {
  const { key } = table.spec;
  let rows = 0;
  for (let after: string | null = null; ;) {
    const page = await table.scan(after, PAGE);
    rows += page.length;
    const last = page.at(-1);
    if (!last) return rows;
    after = String(last[key]);
  }
}

/** What the first start of a gateway does to the new database. */
async function prepare(binding: Binding): Promise<number> {
  await migrateAll(binding);
  await registerResources(binding.database, [...binding.resources.keys()]);
  return 0;
}

async function bind({ config: file = 'routes.config.yaml' }: ReplicateInput): Promise<Binding> {
  const config = loadConfig({ file: resolve(ROOT, file), env: process.env });
  if (!config.ok) throw new Error(config.problems.map(({ found }) => found).join('; '));
  return await bindSnapshot(config.snapshot, () => undefined);
}

const asked = input<ReplicateInput>();
const binding = await bind(asked);
const resource = binding.resources.get(asked.resource ?? 'clients') as BoundResource;
const [started, before] = [performance.now(), process.cpuUsage()];
const rows = await (asked.work === 'prepare' ? prepare(binding) : WORKS[asked.work](resource));
const milliseconds = performance.now() - started;
const { user, system } = process.cpuUsage(before);
answer({
  rows,
  milliseconds,
  cpu: user + system,
  peak: process.resourceUsage().maxRSS * 1024,
} satisfies ReplicateAnswer);
