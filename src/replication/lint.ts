import { misfitsOf, noteMisfits, noteRetyped, retypedOf } from '../domain/misfits.ts';
import type { Row } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import { REST, type Mapping } from '../mapping/mapping.ts';
import { roundTrip, shown, unnamedFields, type Finding } from '../mapping/round-trip.ts';
import { saveLint, type LintFinding, type LintReport } from '../state/lint.ts';
import { keyOf } from '../domain/keys.ts';
import type { Table } from '../stores/contract.ts';
import type { BoundResource } from './resource.ts';

export interface LintOptions {
  /** Milliseconds after which it ends, complete or not; null: it ends with the last row. */
  within: number | null;
  onProgress?: (seen: number, total: number) => void;
  signal?: AbortSignal;
}

/** Rows of one read; two pages are held. */
const PAGE = 500;
const SAMPLES = 5;

/**
 * Sends every legacy row to the new form and back, without writing anything, and says by field which values could not
 * return. Memory is flat: a page of rows, and one entry for each thing that can be wrong with each field. The report is
 * kept for the guard of the first step.
 */
export async function lint(
  resource: BoundResource,
  { within, onProgress, signal }: LintOptions,
): Promise<Omit<LintReport, 'finishedAt'>> {
  const { database, name, mapping } = resource;
  const until = within === null ? Infinity : performance.now() + within;
  const startedAt = new Date().toISOString();
  const tally = new Tally();
  await countUnnamedColumns(resource, tally);
  const table = tableOfAll(resource);
  const total = await resource.legacy.count();
  let rows = 0;
  let complete = false;
  let coming = table.scan(null, PAGE);
  while (performance.now() < until && !signal?.aborted) {
    const page = await coming;
    const last = page.at(-1);
    if (!last) {
      complete = true;
      break;
    }
    coming = table.scan(keyOf(table.spec.keys, last), PAGE);
    // A failure is met when the page is needed; until then it must not count as unhandled.
    coming.catch(() => undefined);
    for (const row of page) tally.add(shownKey(mapping, row), lookAt(resource, row));
    rows += page.length;
    onProgress?.(rows, total);
  }
  const report = {
    resource: name,
    mapping: mapping.fingerprint,
    rows,
    complete,
    ...tally.result(),
    startedAt,
  };
  await saveLint(database, report);
  return report;
}

/** The legacy table with all that its documents hold, where the store can tell that of what the mapping names. */
function tableOfAll({ legacy }: BoundResource): Table {
  const { spec } = legacy.table;
  if (!legacy.store.capabilities.paths || spec.rest !== undefined) return legacy.table;
  return legacy.store.table({ ...spec, rest: REST });
}

function lookAt({ mapping, settings }: BoundResource, row: Row): Finding[] {
  const { rest, drop } = settings.fields;
  if (rest !== null) return roundTrip(mapping, row);
  const unnamed = Object.fromEntries(
    Object.entries(unnamedFields(row)).filter(([name]) => !drop.includes(name)),
  );
  const whole = { ...unnamed, ...row };
  // What the store says of the row is said of the row that is looked at.
  noteMisfits(whole, misfitsOf(row));
  noteRetyped(whole, retypedOf(row));
  return roundTrip(mapping, whole, Object.keys(unnamed));
}

function shownKey(mapping: Mapping, row: Row): Key {
  return mapping.ids.fromSide('legacy', keyOf(mapping.tables.legacy.keys, row));
}

/** Columns of a table that no field names: how many values would be left behind in each. */
async function countUnnamedColumns(
  { legacy, mapping, settings }: BoundResource,
  tally: Tally,
): Promise<void> {
  if (!legacy.store.capabilities.describesTables || legacy.store.capabilities.paths) return;
  const actual = await legacy.table.describe();
  const { spec } = legacy.table;
  const named = new Set([...spec.columns.map(({ name }) => name), ...settings.fields.drop]);
  for (const { name } of actual?.columns ?? []) {
    if (named.has(name)) continue;
    const column = { name, type: 'text', list: false, nullable: true } as const;
    const wider = legacy.store.table({ ...spec, columns: [...spec.columns, column] });
    const where = { field: name, op: 'null', value: false } as const;
    const count = await wider.count(where);
    if (count === 0) continue;
    const sort = spec.keys.map((key) => ({ field: key.name, descending: false }));
    const { rows } = await wider.list({ where, sort, limit: SAMPLES, offset: 0, total: false });
    const samples = rows.map((row) => ({
      key: shownKey(mapping, row),
      detail: `holds ${shown(row[name])}`,
    }));
    tally.addMany({ field: name, severity: 'lost', problem: 'no field names it', count, samples });
  }
}

/** Findings by field and problem, with a few records of each. */
class Tally {
  private readonly entries = new Map<string, LintFinding>();

  add(key: Key, findings: readonly Finding[]): void {
    for (const { field, severity, problem, detail } of findings) {
      const entry = this.entry({ field, severity, problem });
      entry.count += 1;
      if (entry.samples.length < SAMPLES) entry.samples.push({ key, detail });
    }
  }

  addMany(finding: LintFinding): void {
    const entry = this.entry(finding);
    entry.count += finding.count;
    entry.samples.push(...finding.samples);
  }

  result(): Pick<LintReport, 'lost' | 'reformed' | 'findings'> {
    const findings = [...this.entries.values()].sort(
      (a, b) => a.severity.localeCompare(b.severity) || b.count - a.count,
    );
    const sum = (severity: LintFinding['severity']) =>
      findings.filter((one) => one.severity === severity).reduce((n, { count }) => n + count, 0);
    return { lost: sum('lost'), reformed: sum('reformed'), findings };
  }

  private entry({ field, severity, problem }: Omit<LintFinding, 'count' | 'samples'>): LintFinding {
    const name = JSON.stringify([field, severity, problem]);
    const entry = this.entries.get(name) ?? { field, severity, problem, count: 0, samples: [] };
    this.entries.set(name, entry);
    return entry;
  }
}
