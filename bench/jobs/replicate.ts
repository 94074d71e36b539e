import { resolve } from 'node:path';
import { bindSnapshot, type Binding } from '../../src/app/bind.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { BoundResource, RecordSide } from '../../src/replication/resource.ts';
import { backfill } from '../../src/replication/backfill.ts';
import { verify } from '../../src/replication/verify.ts';
import { ROOT } from '../../test/harness/postgres.ts';
import { answer, input } from './job.ts';

export interface ReplicateInput {
  work: keyof typeof WORKS;
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

async function bind(): Promise<Binding> {
  const config = loadConfig({ file: resolve(ROOT, 'routes.config.yaml'), env: process.env });
  if (!config.ok) throw new Error(config.problems.map(({ found }) => found).join('; '));
  return await bindSnapshot(config.snapshot, () => undefined);
}

const { work } = input<ReplicateInput>();
const { resources } = await bind();
const [started, before] = [performance.now(), process.cpuUsage()];
const rows = await WORKS[work](resources.get('clients') as BoundResource);
const milliseconds = performance.now() - started;
const { user, system } = process.cpuUsage(before);
answer({
  rows,
  milliseconds,
  cpu: user + system,
  peak: process.resourceUsage().maxRSS * 1024,
} satisfies ReplicateAnswer);
