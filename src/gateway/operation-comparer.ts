import { createHash } from 'node:crypto';
import type { OperationSettings } from '../domain/configuration.ts';
import { isBanyanError } from '../domain/errors.ts';
import { operationName, sidesNumber } from '../domain/operations.ts';
import type { Database } from '../domain/sql.ts';
import { differingFields, parseJson, sameValue, type PublicRecord, type Value } from '../domain/values.ts';
import type { Log } from '../observability/log.ts';
import { addComparisons, NO_COMPARISONS, type Comparisons } from '../state/comparisons.ts';
import { countOpen, recordDifferences, settle, type Difference } from '../state/ledger.ts';
import type { Answer } from './idempotency.ts';

/** Runs under way on the other side at the same time, and waiting for it; beyond that requests go uncompared, counted. */
const PARALLEL = 4;
const WAITING = 50;
/** Differing requests that the ledger holds of one operation; further ones are counted only. */
const LEDGER = 1_000;
/** Values in the ledger are for people. */
const LEDGER_TEXT = 4_000;

/** An answer that a client has got, and how the other side is asked the same. */
export interface ComparedAnswer {
  settings: OperationSettings;
  /** What was asked, in words that are the same whenever the same is asked. */
  request: string;
  answer: Answer;
  other: () => Promise<Answer>;
}

/**
 * Runs operations in mode `shadow` on the new side too, after their clients have their answer, and compares. Counts go to
 * the comparisons, differing requests to the ledger, both under the operation's name.
 */
export class OperationComparer {
  private readonly database: () => Database;
  private readonly log: Log;
  private readonly waiting: ComparedAnswer[] = [];
  private readonly running = new Set<Promise<void>>();
  private closed = false;

  constructor(database: () => Database, log: Log) {
    this.database = database;
    this.log = log;
  }

  compare(compared: ComparedAnswer): void {
    const { sample } = compared.settings.compare;
    if (this.closed || sample <= 0 || (sample < 1 && Math.random() >= sample)) return;
    if (this.waiting.length >= WAITING) return void this.count(compared.settings, { dropped: 1 });
    this.waiting.push(compared);
    this.begin();
  }

  /** Takes no more, and resolves when nothing is under way. */
  async close(): Promise<void> {
    this.closed = true;
    this.waiting.length = 0;
    await Promise.all(this.running);
  }

  private begin(): void {
    while (this.running.size < PARALLEL) {
      const next = this.waiting.shift();
      if (!next) return;
      const run = this.run(next).finally(() => {
        this.running.delete(run);
        this.begin();
      });
      this.running.add(run);
    }
  }

  private async run(compared: ComparedAnswer): Promise<void> {
    const { settings, request } = compared;
    const key = createHash('sha256').update(request).digest('hex').slice(0, 16);
    const difference = await this.differenceOf(key, compared);
    if (difference) await this.note(settings, difference);
    else await this.settle(settings, key);
    await this.count(settings, { compared: 1, differed: difference ? 1 : 0 });
  }

  private async note(settings: OperationSettings, difference: Difference): Promise<void> {
    const { key, fields } = difference;
    this.log.warn({ operation: settings.name, request: key, fields }, 'an operation differs');
    await this.record(settings, difference).catch((error: unknown) =>
      this.log.warn(
        { operation: settings.name, request: key, error: (error as Error).message },
        'not in the ledger',
      ),
    );
  }

  private async differenceOf(
    key: string,
    { settings, answer, other }: ComparedAnswer,
  ): Promise<Difference | null> {
    try {
      return judge(key, settings.compare.ignore, answer, await other());
    } catch (error) {
      // A side that fails where the other one answers would fail its clients after the switch.
      const text = isBanyanError(error) ? `${error.code}: ${error.message}` : 'internal';
      return {
        key,
        kind: 'missing-in-new',
        fields: [],
        legacy: shortened(answer.body),
        new: shortened(text),
      };
    }
  }

  private async record(settings: OperationSettings, difference: Difference): Promise<void> {
    const name = operationName(settings);
    if ((await countOpen(this.database(), name)) >= LEDGER) return;
    await recordDifferences(this.database(), name, [difference], { name: 'shadow', runId: null });
  }

  /** What differed before, and does no longer. */
  private async settle(settings: OperationSettings, key: string): Promise<void> {
    await settle(this.database(), operationName(settings), { keys: [key] }, 'comparison').catch(
      () => undefined,
    );
  }

  private async count(settings: OperationSettings, counts: Partial<Comparisons>): Promise<void> {
    const of = {
      resource: operationName(settings),
      generation: sidesNumber(settings),
      mode: 'shadow' as const,
    };
    await addComparisons(this.database(), of, { ...NO_COMPARISONS, ...counts }).catch((error: unknown) =>
      this.log.warn(
        { operation: settings.name, ...counts, error: (error as Error).message },
        'a comparison could not be counted',
      ),
    );
  }
}

function judge(key: string, ignore: readonly string[], legacy: Answer, next: Answer): Difference | null {
  const [a, b] = [parseJson(legacy.body), parseJson(next.body)];
  const fields = [
    ...(legacy.status === next.status ? [] : ['status']),
    ...differing(bare(a), bare(b), ignore),
  ];
  if (fields.length === 0) return null;
  const text = ({ status, body }: Answer) => shortened(`${status} ${body}`);
  return { key, kind: 'different', fields, legacy: text(legacy), new: text(next) };
}

/** Without the envelope `{ success, data }`, whose names say nothing. */
function bare(value: Value): Value {
  return isRecord(value) && 'success' in value && isRecord(value.data ?? null)
    ? (value.data as Value)
    : value;
}

function differing(a: Value, b: Value, ignore: readonly string[]): string[] {
  if (isRecord(a) && isRecord(b)) return differingFields(a, b, ignore);
  return sameValue(a, b) ? [] : ['answer'];
}

function isRecord(value: Value): value is PublicRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shortened(text: string): string {
  return text.length <= LEDGER_TEXT ? text : `${text.slice(0, LEDGER_TEXT)}…`;
}
