import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../../src/quickstart/random.ts';
import { History } from './model.ts';
import { Reader } from './reader.ts';
import { type LoadContext, Writer } from './writer.ts';

/** Groups that each client's records are spread over, and the records that it tries to have. */
const GROUPS = 4;
const RECORDS = 40;

/** One client: a request at a time, at a rate, its own keys written and everybody's read. */
export class Client {
  private readonly context: LoadContext;
  private readonly random: Random;
  private readonly writer: Writer;
  private readonly reader: Reader;
  /** Ten digits that are this client's alone. */
  private readonly prefix: string;
  /** Milliseconds from the beginning of one request to that of the next, on average. */
  private readonly period: number;
  private made = 0;

  constructor(context: LoadContext, of: { load: number; client: number; seed: number; rate: number }) {
    this.context = context;
    this.random = new Random(of.seed * 1_000 + of.client);
    this.writer = new Writer(context, this.random);
    this.reader = new Reader(context, this.random);
    this.prefix = `${of.load}`.padStart(6, '0') + `${of.client}`.padStart(4, '0');
    this.period = 1_000 / of.rate;
  }

  adopt(key: string): void {
    this.writer.adopt(new History({ key, ...this.nextRecord(), adopted: true }));
  }

  get unknown(): number {
    return this.writer.unknown;
  }

  async run(signal: AbortSignal): Promise<void> {
    let next = performance.now() + this.random.next() * this.period;
    while (!signal.aborted) {
      const wait = next - performance.now();
      if (wait > 0) await pause(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      next = Math.max(next, performance.now() - this.period) + this.period * (0.5 + this.random.next());
      await this.act();
    }
    await this.writer.whenSettled();
  }

  private async act(): Promise<void> {
    const { random, reader } = this;
    const { book } = this.context;
    const dice = random.next();
    if (dice < 0.3 && book.size > 0) return await reader.detail(this.anyHistory());
    if (dice < 0.38 && book.size > 0) return await reader.group(random.pick(book.histories).group);
    if (dice < 0.4) return await reader.newest();
    await this.write();
  }

  /** Recently written keys are read most: there a stale answer would show. */
  private anyHistory(): History {
    const { histories } = this.context.book;
    return this.random.chance(0.5) ? this.random.pick(histories) : this.random.pick(histories.slice(-50));
  }

  private async write(): Promise<void> {
    const { random, writer } = this;
    const present = writer.idle(true);
    const dice = random.next();
    const wanted = RECORDS - present.length;
    if (dice < 0.1 || present.length === 0 || wanted > random.int(0, 4 * RECORDS)) return await this.create();
    if (dice < 0.7)
      return await writer.write(random.chance(0.7) ? 'change' : 'replace', random.pick(present));
    const removable = present.filter(({ adopted }) => !adopted);
    if (dice < 0.88 && removable.length > 0) return await writer.write('remove', random.pick(removable));
    // A deleted record comes back under its old id.
    const gone = writer.idle(false);
    if (gone.length > 0) return await writer.write('create', random.pick(gone));
    await this.create();
  }

  private async create(): Promise<void> {
    const { random, writer } = this;
    if (random.chance(0.5) && this.context.idempotency) await writer.createUnnamed(this.nextRecord());
    else await writer.create(this.nextRecord());
  }

  private nextRecord(): { label: string; group: string } {
    this.made += 1;
    return { label: `load-${this.prefix}-${this.made}`, group: `${this.prefix}${this.made % GROUPS}` };
  }
}
